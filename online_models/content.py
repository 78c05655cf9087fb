"""The term of a score that is the person's own: what his reactions taught, on top of what holds for everybody."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

from online_models.items import AGE, POPULARITY, ItemNumbers
from online_models.slot_model import OWN, RECENT, SlotModel
from online_models.terms import Person, SlotTable, TermScores, hash_of_name
from schemas.ids import Tag, VariantId
from schemas.library import LearningSettings
from schemas.models import SlotPrior

AFFINITY = hash_of_name("affinity")
DIGITS_MIN = 4
ROWS_MAX = 32
"""Variants up to which all of a slot is scored feature by feature, not variant by variant."""
TABLES_REMEMBERED_MAX = 64
FEATURES_REMEMBERED_MAX = 65_536


class ContentTerm:
    """What a person's own model adds to the population's logit.

    Built for each world: it looks at nothing of the table before it is asked.
    """

    __slots__ = ("_items", "_settings", "_table")

    def __init__(self, table: SlotTable, settings: LearningSettings, prior: SlotPrior | None = None) -> None:
        """Bind a slot's variants.

        prior  what was learnt over all users; only a catalogue's numbers need it

        Raises:
            StateError: it cannot be read.
        """
        self._table = table
        self._settings = settings
        self._items = ItemNumbers(prior or SlotPrior()) if table.is_catalog else None

    def experience(self, person: Person) -> int:
        """Examples that the person's own model of this slot has learnt."""
        return person.models.experience_of(self._table.template, self._table.slot)

    def score(self, person: Person, rows: Sequence[int] | None = None) -> TermScores:
        """See `online_models.terms.Term`; some 10 µs for all of a small slot, for rows 5 µs and 1.5 µs each."""
        table = self._table
        model = person.models.model_of(table.template, table.slot, self._settings)
        near = table.affinities(person.shares)
        if rows is None and self._items is None and 0 < len(near) <= ROWS_MAX:
            return _of_all(table, model, near)
        at_ms = person.at_ms
        xs = [self._features(row, near[row], at_ms) for row in (range(len(table)) if rows is None else rows)]
        deviations = [model.variance(x) ** 0.5 for x in xs]
        if not model.experience:
            return TermScores((0.0,) * len(xs), deviations)
        return TermScores([model.offset(x) for x in xs], deviations)

    def explain(self, person: Person, row: int) -> list[tuple[str, float]]:
        """What each feature of a variant adds to its value; with rounding left out, they sum to it."""
        table = self._table
        variant, tags = table.variants[row], table.tags[row]
        model = person.models.model_of(table.template, table.slot, self._settings)
        told = [f"variant:{variant}", *[f"tag:{tag}" for tag in tags]]
        names = {OWN: "own", RECENT: "recent", AFFINITY: "affinity", POPULARITY: "popularity", AGE: "age"}
        names |= {hash_of_name(name): name for name in told}
        x = [(OWN, 1.0), (RECENT, 1.0), *self._features(row, table.affinities(person.shares)[row], person.at_ms)]
        return [(names[feature], model.weight(feature) * value) for feature, value in x]

    def _features(self, row: int, near: float, at_ms: int) -> tuple[tuple[int, float], ...]:
        table = self._table
        known = table.own_features.get(row)
        if known is None:
            known = own_features_of(table.variants[row], table.tags[row], table.is_catalog)
            table.own_features[row] = known
        if self._items is not None:
            known = (*known, *self._items.of(table.variants[row], table.tags[row], at_ms))
        return (*known, (AFFINITY, near)) if near else known


class _Layout(NamedTuple):
    """Which of a slot's variants have which features.

    holders  of each feature: numbers of variants, and what it is worth in each
    squares  of each variant the sum of its features' squares
    """

    holders: dict[int, tuple[tuple[int, float], ...]]
    squares: tuple[float, ...]


@lru_cache(maxsize=TABLES_REMEMBERED_MAX)
def _layout(table: SlotTable) -> _Layout:
    """Made once for a table: terms are made anew at every snapshot."""
    rows = [own_features_of(*pair, table.is_catalog) for pair in zip(table.variants, table.tags, strict=True)]
    holders: dict[int, list[tuple[int, float]]] = {}
    for number, row in enumerate(rows):
        for feature, value in row:
            holders.setdefault(feature, []).append((number, value))
    squares = tuple([sum([value * value for _, value in row]) for row in rows])
    return _Layout({feature: tuple(held) for feature, held in holders.items()}, squares)


def _of_all(table: SlotTable, model: SlotModel, near: "array[float]") -> TermScores:
    """What `SlotModel.offset` and `variance` give for each variant, from what the model knows: often that is little."""
    holders, squares = _layout(table)
    fresh = model.fresh
    weight, variance = model.weight(AFFINITY), model.variance(((AFFINITY, 1.0),))
    shared = model.weight(OWN) + model.weight(RECENT)
    values = [shared + weight * one for one in near]
    spreads = [fresh * square + variance * one * one for square, one in zip(squares, near, strict=True)]
    for feature, own, unsure in model.known():
        for row, value in holders.get(feature, ()):
            values[row] += own * value
            spreads[row] += (unsure - fresh) * value * value
    # What is known exactly may end a rounding below nothing.
    deviations = [sqrt(spread) if spread > 0.0 else 0.0 for spread in spreads]
    return TermScores(values if model.experience else (0.0,) * len(near), deviations)


@lru_cache(maxsize=FEATURES_REMEMBERED_MAX)
def own_features_of(variant: VariantId, tags: tuple[Tag, ...], is_catalog: bool) -> tuple[tuple[int, float], ...]:
    """`own_features`, remembered: every exposure that ends asks for them."""
    return own_features(variant, tags, is_catalog=is_catalog)


def own_features(variant: VariantId, tags: Iterable[Tag], *, is_catalog: bool = False) -> tuple[tuple[int, float], ...]:
    """What a variant is to a person's own model: itself and its tags, by their hashes.

    All tags of one kind (what stands before a colon) have length 1 together, whatever their number: or else a click
    would teach five times as much about a variant with ten tags as about one with two, for no better reason. Measures
    are left out: one that comes but once takes its share of what is learnt, and gives nothing back. So would an item of
    a catalogue by itself (on MovieLens 0.0017 of AUC): `online_models.items` has what is said of it instead.
    """
    once = tuple([tag for tag in dict.fromkeys(tags) if not is_measure(tag)])
    kinds = Counter([tag.partition(":")[0] if ":" in tag else "" for tag in once])
    values = [kinds[tag.partition(":")[0] if ":" in tag else ""] ** -0.5 for tag in once]
    found = {} if is_catalog else {hash_of_name(f"variant:{variant}"): 1.0}
    for tag, value in zip(once, values, strict=True):
        found.setdefault(hash_of_name(f"tag:{tag}"), value)
    return tuple(found.items())


def is_measure(tag: Tag) -> bool:
    """Whether a tag is a number of so many digits that it will hardly come again: a year, a price; no band of them.

    >>> [is_measure(Tag(text)) for text in ("year:1995", "price:19.90", "decade:199", "1984", "genre:noir")]
    [True, True, False, False, False]
    """
    kind, _, value = tag.partition(":")
    return bool(kind) and len(value) >= DIGITS_MIN and value.replace(".", "", 1).isdigit()
