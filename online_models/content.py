"""The term of a score that is the person's own: what his reactions taught, on top of what holds for everybody."""

from collections.abc import Sequence

from online_models.terms import Person, SlotTable, TermScores
from schemas.ids import Tag, VariantId
from schemas.library import LearningSettings


class ContentTerm:
    """What a person's own model adds to the population's logit."""

    __slots__ = ("_settings", "_table")

    def __init__(self, table: SlotTable, settings: LearningSettings) -> None:
        self._table = table
        self._settings = settings

    def experience(self, person: Person) -> int:
        """Examples that the person's own model of this slot has learnt."""
        return person.models.model_of(self._table.template, self._table.slot, self._settings).experience

    def score(self, person: Person, rows: Sequence[int] | None = None) -> TermScores:
        """See `online_models.terms.Term`."""
        table = self._table
        model = person.models.model_of(table.template, table.slot, self._settings)
        places = range(len(table)) if rows is None else rows
        deviations = ((1.0 + model.experience) ** -0.5,) * len(places)
        if not model.experience:
            return TermScores((0.0,) * len(places), deviations)
        near = table.affinities(person.shares)
        values = [model.offset(features_of(table.variants[row], table.tags[row], near[row])) for row in places]
        return TermScores(values, deviations)


def features_of(variant: VariantId, tags: Sequence[Tag], near: float) -> dict[str, float]:
    """What a variant is to a user: itself, its tags, and the user's affinity to them.

    The tags together have length 1, whatever their number: or else a click would teach five times as much about a
    variant with ten tags as about one with two, for no better reason.
    """
    x = {"affinity": near, f"variant:{variant}": 1.0}
    if tags:
        value = len(tags) ** -0.5
        for tag in tags:
            x[f"tag:{tag}"] = value
    return x
