"""The collaborative term of an ordinary slot: how a person took to items that the same people choose."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from online_models.collaborative.part import CollaborativePart, Floats, Rows
from online_models.collaborative.taste import Met, taste_of
from online_models.terms import Person, SlotTable, TermScores
from schemas.models import ModelPart

HALF_LIFE_S = 30 * 86_400.0
"""Time after which what a person met counts half."""
DEVIATION = 0.5
"""In log-odds, of people's taste for a variant, before anything is known of a person."""


class _Bound(NamedTuple):
    """A part, and which of its rows each of a table's variants is; -1: none."""

    part: CollaborativePart
    rows: Rows


def _bind(table: SlotTable, part: ModelPart) -> _Bound:
    read = CollaborativePart.of(part)
    return _Bound(read, read.rows_of(table.items))


class CollaborativeTerm:
    """Scores variants by what the person liked or passed over of items similar to them.

    With base rate b, and for each item i that the person met fᵢ its fading, mᵢ how often it was met, lᵢ how often liked
    and sᵢ its similarity to the variant (cosine of factors, 0 where negative), the value is one Newton step from 0
    towards the maximum of the posterior: Σ sᵢ fᵢ (lᵢ - b mᵢ) / (1 / DEVIATION² + b (1 - b) Σ sᵢ fᵢ mᵢ).
    The deviation is one over the root of that denominator. A variant's own past is left out: the content term has it.

    Raises:
        SchemaError: the part is not of the shape that it should have.
    """

    def __init__(self, table: SlotTable, part: ModelPart) -> None:
        self._table = table
        self._part, self._rows = table.bound(_bind, part)
        self._curvature = self._part.base * (1.0 - self._part.base)

    def score(self, person: Person, rows: Sequence[int] | None = None) -> TermScores:
        """See `Term`."""
        count = len(self._table) if rows is None else len(rows)
        met, similar = self._met(person, rows)
        if not met:
            return TermScores((0.0,) * count, (DEVIATION,) * count)
        liked, shown = self._faded(met, person.at_ms)
        precision = DEVIATION**-2 + self._curvature * (shown @ similar)
        return TermScores(((liked @ similar) / precision).tolist(), (precision**-0.5).tolist())

    def explain(self, person: Person, row: int) -> list[tuple[str, float]]:
        """What each item that the person met adds to one variant's value: by `item:` and the hash of its id."""
        met, similar = self._met(person, [row])
        if not met:
            return []
        liked, shown = self._faded(met, person.at_ms)
        precision = DEVIATION**-2 + self._curvature * (shown @ similar)
        added = liked * similar[:, 0] / precision[0]
        return [(f"item:{one.item:08x}", value) for one, value in zip(met, added.tolist(), strict=True) if value]

    def _met(self, person: Person, rows: Sequence[int] | None) -> tuple[list[Met], Floats]:
        """The items that the person met and the part knows, and the similarity of each to each variant."""
        items = taste_of(person.models.taste).items
        if not items:
            return [], _NONE
        places = self._part.rows_of([one.item for one in items])
        known = np.flatnonzero(places >= 0)
        if not len(known):
            return [], _NONE
        units, wanted = self._part.units, self._rows if rows is None else self._rows[list(rows)]
        similar: Floats = np.maximum(units[places[known]] @ units[wanted].T, np.float32(0.0))
        similar[:, wanted < 0] = 0.0
        similar[places[known][:, None] == wanted[None, :]] = 0.0
        return [items[place] for place in known.tolist()], similar

    def _faded(self, met: Sequence[Met], at_ms: int) -> tuple[Floats, Floats]:
        """For each item how much more it was liked than is usual, and how often it was met; the past counts less."""
        found = np.array([(one.at_s, one.met, one.liked) for one in met])
        fade = 0.5 ** (np.maximum(at_ms / 1000.0 - found[:, 0], 0.0) / HALF_LIFE_S)
        liked = fade * (found[:, 2] - self._part.base * found[:, 1])
        return liked.astype(np.float32), (fade * found[:, 1]).astype(np.float32)


_NONE: Floats = np.zeros((0, 0), np.float32)
