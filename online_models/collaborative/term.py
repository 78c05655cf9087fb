"""The collaborative term of an ordinary slot: how a person took to items that the same people choose."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from online_models.collaborative.part import CollaborativePart, Floats, Rows
from online_models.collaborative.taste import Met, taste_of
from online_models.terms import Person, SlotTable, TermScores
from schemas.models import ModelPart

HALF_LIFE_S = 30 * 86_400.0
"""Time after which what a person met counts half."""
DEVIATION = 0.5
"""In log-odds, of people's taste for a variant, before anything is known of a person."""


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
        self._part = CollaborativePart.of(part)
        self._table = table
        lengths = np.linalg.norm(self._part.factors, axis=1, keepdims=True)
        self._units: Floats = self._part.factors / np.maximum(lengths, np.float32(1e-9))
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
        places = self._part.rows_of([one.item for one in items])
        known = np.flatnonzero(places >= 0)
        asked = self._places if rows is None else self._places[list(rows)]
        return [items[place] for place in known.tolist()], self._similarities(places[known], asked)

    @cached_property
    def _places(self) -> Rows:
        """Of each variant its row in the part; -1 where the part does not know it."""
        return self._part.rows_of(self._table.items)

    def _similarities(self, met: Rows, asked: Rows) -> Floats:
        """Of each item met to each variant asked for, from 0 to 1; 0 to itself, and to what the part does not know."""
        if not len(met):
            return np.zeros((0, len(asked)), np.float32)
        similar: Floats = np.maximum(self._units[met] @ self._units[asked].T, np.float32(0.0))
        similar[(met[:, None] == asked) | (asked < 0)] = 0.0
        return similar

    def _faded(self, met: Sequence[Met], at_ms: int) -> tuple[Floats, Floats]:
        """For each item how much more it was liked than is usual, and how often it was met; the past counts less."""
        found = np.array([(one.at_s, one.met, one.liked) for one in met])
        fade = 0.5 ** (np.maximum(at_ms / 1000.0 - found[:, 0], 0.0) / HALF_LIFE_S)
        liked = fade * (found[:, 2] - self._part.base * found[:, 1])
        return liked.astype(np.float32), (fade * found[:, 1]).astype(np.float32)
