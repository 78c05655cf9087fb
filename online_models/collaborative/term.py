"""The collaborative term of an ordinary slot: how a person took to items that the same people choose."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.collaborative.part import CollaborativePart, Floats, Rows
from online_models.collaborative.taste import ITEMS_MAX, columns_of
from online_models.terms import Person, SlotTable, TermScores
from schemas.models import ModelPart

HALF_LIFE_S = 30 * 86_400.0
"""Time after which what a person met counts half."""
DEVIATION = 0.7
"""In log-odds, of people's taste for a variant, before anything is known of a person."""
FADES = (0.98 ** np.arange(ITEMS_MAX)).astype(np.float32)
"""From item to item back, how much less it counts, whenever it was: on MovieLens worth 0.0015 of AUC."""
SIMILARITIES_MAX = 1 << 20
"""Pairs of an item and a variant whose similarity is worked out beforehand: 4 MB for a slot."""


class _Bound(NamedTuple):
    """A part, and what it says of a table's variants.

    rows     of the part, for each variant; -1: none
    similar  shape (items + 1, variants): see `_similarities`; None where that would be too large
    """

    part: CollaborativePart
    rows: Rows
    similar: Floats | None


def _bind(table: SlotTable, part: ModelPart) -> _Bound:
    read = CollaborativePart.of(part)
    rows = read.rows_of(table.items)
    is_small = len(rows) * len(read.items) <= SIMILARITIES_MAX
    return _Bound(read, rows, _similarities(read, np.arange(-1, len(read.items)), rows) if is_small else None)


def _similarities(part: CollaborativePart, items: Rows, variants: Rows) -> Floats:
    """Of each item to each variant, from 0 to 1: none to what the part does not know (row -1), and none to itself."""
    similar: Floats = np.maximum(part.units[items] @ part.units[variants].T, np.float32(0.0))
    similar[items[:, None] == variants] = 0.0
    return similar


class CollaborativeTerm:
    """Scores variants by what the person liked or passed over of items similar to them.

    With base rate b, and for each item i that the person met fᵢ its fading, mᵢ how often it was met, rᵢ how much more
    it was liked than prior and content expected, and sᵢ its similarity to the variant (cosine of factors, 0 where
    negative), the value is one Newton step from 0 towards the maximum of the posterior:
    Σ sᵢ fᵢ rᵢ / (1 / DEVIATION² + b (1 - b) Σ sᵢ fᵢ mᵢ).
    The deviation is one over the root of that denominator. A variant's own past is left out: the content term has it.

    Raises:
        SchemaError: the part is not of the shape that it should have.
    """

    def __init__(self, table: SlotTable, part: ModelPart) -> None:
        self._table = table
        self._checksum = part.checksum
        self._part, self._rows, self._all = table.bound(_bind, part)
        self._curvature = self._part.base * (1.0 - self._part.base)

    def score(self, person: Person, rows: Sequence[int] | None = None) -> TermScores:
        """See `Term`."""
        count, packed = len(self._table) if rows is None else len(rows), person.models.taste
        if not packed:
            return TermScores((0.0,) * count, (DEVIATION,) * count)
        weights, places = person.once(self._checksum, self._met)
        sums = weights @ self._similar(places, rows)
        precision = DEVIATION**-2 + self._curvature * sums[1]
        return TermScores((sums[0] / precision).tolist(), (precision**-0.5).tolist())

    def explain(self, person: Person, row: int) -> list[tuple[str, float]]:
        """What each item that the person met adds to one variant's value: by `item:` and the hash of its id."""
        met = columns_of(person.models.taste)
        weights, places = self._met(person)
        similar = self._similar(places, [row])[:, 0]
        precision = DEVIATION**-2 + self._curvature * (weights[1] @ similar)
        values = (weights[0] * similar / precision).tolist()
        return [(f"item:{item:08x}", value) for item, value in zip(met["item"].tolist(), values, strict=True) if value]

    def _met(self, person: Person) -> tuple[Floats, Rows]:
        """Weights of the items that a person met, and their rows: the same for every slot."""
        met = columns_of(person.models.taste)
        return self._weights(met, person.at_ms), self._part.rows_of(met["item"])

    def _similar(self, places: Rows, rows: Sequence[int] | None) -> Floats:
        if self._all is None:
            return _similarities(self._part, places, self._rows if rows is None else self._rows[list(rows)])
        similar: Floats = self._all[places + 1]
        return similar if rows is None else similar[:, list(rows)]

    def _weights(self, met: NDArray[np.void], at_ms: int) -> Floats:
        """For each item how much more it was liked than expected, and how often it was met; the past counts less."""
        age = np.maximum(at_ms / 1000.0 - met["at_s"], 0.0)
        fade = FADES[: len(met)] * np.exp2(age * (-1.0 / HALF_LIFE_S)).astype(np.float32)
        return np.stack((fade * met["surprise"], fade * met["met"]))
