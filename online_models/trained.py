"""Trained parts as the job uses them: checked, laid out, and bound to a slot's table once for as long as both last."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from online_models.collaborative import CatalogTerm, CollaborativeTerm
from online_models.collaborative.part import CollaborativePart
from online_models.sequence.term import Outputs, SequenceTerm
from online_models.sequence.weights import SequenceWeights
from online_models.terms import SlotTable, Term
from schemas.errors import SchemaError
from schemas.models import ModelPart, PartKind

BOUND_MAX = 256
"""Tables that terms are kept for: of spans that have passed none is asked for again."""
RANKINGS_MAX = 4
"""Rankings of whole catalogues kept: each takes as much as its part."""
T = TypeVar("T")


class Trained:
    """The trained parts of one world. One that cannot be used is left out, and counted.

    sequence  weights that states are stepped with; None where there are none
    refused   why parts were left out, by kind
    """

    def __init__(self, parts: Mapping[PartKind, ModelPart]) -> None:
        self.refused: dict[PartKind, str] = {}
        self._parts = dict(parts)
        self.sequence = self._checked(PartKind.SEQUENCE, SequenceWeights.of)
        # At once, not with the first table: what is followed of a person must not depend on what was scored before.
        part = self._checked(PartKind.COLLABORATIVE, CollaborativePart.of)
        self._ranks = part is not None and part.counted is not None
        self._rankings: dict[tuple[str, int], CatalogTerm] = {}
        self._terms: dict[SlotTable, tuple[Term | None, Term | None]] = {}

    @property
    def has_collaborative(self) -> bool:
        """Whether the items that people meet are of use."""
        return PartKind.COLLABORATIVE in self._parts

    def terms(self, table: SlotTable) -> tuple[Term | None, Term | None]:
        """The collaborative and the sequence term of a slot, as far as there are such parts."""
        found = self._terms.get(table)
        if found is None:
            if len(self._terms) >= BOUND_MAX:
                self._terms.clear()
            collaborative = self._checked(PartKind.COLLABORATIVE, lambda part: CollaborativeTerm(table, part))
            sequence = None if self.sequence is None else SequenceTerm(Outputs(table, self.sequence))
            found = self._terms[table] = collaborative, sequence
        return found

    def ranking(self, name: tuple[str, int], make: Callable[[], SlotTable]) -> CatalogTerm | None:
        """What ranks a whole catalogue as it stood at an offset; None where there is no part that does.

        make  the table of the catalogue: asked for once for each name
        """
        if not self._ranks:
            return None
        found = self._rankings.pop(name, None) or CatalogTerm(make(), self._parts[PartKind.COLLABORATIVE])
        self._rankings[name] = found
        while len(self._rankings) > RANKINGS_MAX:
            del self._rankings[next(iter(self._rankings))]
        return found

    def _checked(self, kind: PartKind, make: Callable[[ModelPart], T]) -> T | None:
        part = self._parts.get(kind)
        if part is None:
            return None
        try:
            return make(part)
        except SchemaError as error:
            # Its bytes are those that were published, but no weights of ours have this form.
            self.refused[kind] = str(error)
            del self._parts[kind]
            return None


NOTHING_TRAINED = Trained({})
