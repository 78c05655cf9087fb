"""The term of a catalog slot: items ranked by a trained part, and whether they must be ranked again."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from online_models.collaborative.part import CollaborativePart, Floats, Rows
from online_models.collaborative.ranker import Ranker
from online_models.collaborative.signals import SIGNALS
from online_models.collaborative.taste import taste_of
from online_models.terms import Person, SlotTable, TermScores
from schemas.models import ModelPart

CANDIDATES = 600
"""Items of a catalogue that are scored for a person."""
STAMP_BYTES = 8


class _Bound(NamedTuple):
    """A ranker of a table that uses a part, and what tells both from others."""

    ranker: Ranker
    stamp: bytes


def _bind(table: SlotTable, part: ModelPart) -> _Bound:
    ranker = Ranker(table)
    ranker.use(CollaborativePart.of(part))
    return _Bound(ranker, blake2b(part.checksum + table.items.tobytes(), digest_size=16).digest())


class CatalogTerm:
    """Scores the items of a catalogue.

    table   of the slot
    ranker  of that table, by the part
    items   hashes of the items, row by row, and `row_of` back

    Raises:
        SchemaError: the part is not of the shape that it should have.
    """

    def __init__(self, table: SlotTable, part: ModelPart) -> None:
        self.table = table
        self.ranker, self._stamp = table.bound(_bind, part)
        self.items, self.row_of = table.items, table.row_of

    def score(self, person: Person, rows: Sequence[int] | None = None) -> TermScores:
        """See `Term`. What is scored is log-odds of being chosen, against the other items."""
        taste = taste_of(person.models.taste)
        chosen = np.arange(len(self.table)) if rows is None else np.array(rows, np.int64)
        values = self.ranker.score(taste, chosen)
        return TermScores(values.tolist(), ((1.0 + taste.total) ** -0.5,) * len(chosen))

    def candidates(self, person: Person, count: int = CANDIDATES) -> Rows:
        """At most so many rows that are worth scoring for this person, ascending."""
        return self.ranker.candidates(taste_of(person.models.taste), count)

    def rank(self, person: Person, items: int) -> tuple[Rows, Floats]:
        """The best rows among the candidates, best first, and their scores."""
        return self.ranker.rank(taste_of(person.models.taste), items, CANDIDATES)

    def explain(self, person: Person, row: int) -> list[tuple[str, float]]:
        """What each signal adds to one item's score."""
        added = self.ranker.contributions(taste_of(person.models.taste), np.array([row]))[0]
        return [(signal.name, value) for signal, value in zip(SIGNALS, added.tolist(), strict=True)]

    def stamp(self, person: Person) -> bytes:
        """What the ranking of a person follows from: it need be made again only when this is another."""
        return blake2b(self._stamp + person.models.taste, digest_size=STAMP_BYTES).digest()
