"""Ranking the items of a catalogue for one person: candidates first, then a score that is a sum of signals."""

from collections.abc import Sequence
from random import Random

import numpy as np

from online_models.collaborative.catalog import Catalog
from online_models.collaborative.part import CollaborativePart, Floats, Rows
from online_models.collaborative.ranks import RankWeights, stage_of
from online_models.collaborative.signals import FADE, SIGNALS, View, places_of, view_of
from online_models.collaborative.taste import Taste
from online_models.terms import SlotTable

NEGATIVES = 20
"""Items that were not shown, drawn at each choice that names none, to learn from."""
NEIGHBOURS_OF = 20
"""Newest items of a person whose neighbours count."""
POPULAR = 200
"""Items chosen most lately that are candidates for everybody."""


class Ranker:
    """Ranks the items of one slot's table.

    catalog   what was counted of the items
    weights   of the signals
    """

    def __init__(self, table: SlotTable) -> None:
        self.table = table
        self.catalog = Catalog(table)
        self.weights = RankWeights()
        self._part: CollaborativePart | None = None
        self._neighbours: Rows = np.zeros((len(table), 0), np.int64)
        self._near: Floats = np.zeros((len(table), 0), np.float32)
        self._factors: Floats | None = None
        self._popular: Rows = np.zeros(0, np.int64)
        self._popular_at = -1
        self._counts: Floats | None = None

    def use(self, part: CollaborativePart) -> None:
        """Rank by this part from now on; items that it does not know have no neighbours and no factors.

        What it says of counts and weights takes the place of what was counted and learnt here.
        """
        count = len(self.table)
        rows = part.rows_of(self.table.items)
        known = rows >= 0
        place = np.full(len(part.items) + 1, count, np.int64)
        place[rows[known]] = np.flatnonzero(known)
        neighbours = place[part.neighbours[rows]]
        self._part = part
        self._near = np.where(known[:, None] & (neighbours < count), part.weights[rows], np.float32(0.0))
        self._neighbours = np.minimum(neighbours, count - 1)
        self._factors = np.where(known[:, None], part.factors[rows], np.float32(0.0))
        if part.counted is not None:
            self.catalog.restore(np.where(known, part.counted[:, rows], 0.0), part.examples)
            self._popular_at = -1
        if part.curves is not None:
            self.weights.restore(part.curves)

    def leave_out(self, names: Sequence[str]) -> None:
        """Let signals, or all signals of a term, count for nothing, to see what they are worth.

        Raises:
            ValueError: there is no such signal or term.
        """
        known = {name for signal in SIGNALS for name in (signal.name, signal.term)}
        if unknown := sorted(set(names) - known):
            raise ValueError(f"expected signals or terms among {sorted(known)}, got {unknown}")
        kept = [signal.name not in names and signal.term not in names for signal in SIGNALS]
        self._counts = np.array(kept, np.float32)

    def view(self, taste: Taste) -> View:
        """What a person's items come to."""
        rows, weights = self._chosen(taste)
        similar = factors = None
        if self._part is not None and self._factors is not None:
            near, fade = rows[:NEIGHBOURS_OF], (FADE ** np.arange(min(len(rows), NEIGHBOURS_OF))).astype(np.float32)
            similar = _summed(self._neighbours[near], self._near[near] * (fade / max(fade.sum(), 1.0))[:, None])
            factors = self._part.user_factors(self._factors[rows], weights)
        return view_of(self.catalog, rows, similar, factors)

    def contributions(self, taste: Taste, rows: Rows, view: View | None = None) -> Floats:
        """What each of `SIGNALS` adds to the score of each of these rows. Shape (n, len(SIGNALS))."""
        return self.weights.contributions(self._places(view or self.view(taste), rows), stage_of(taste.total))

    def score(self, taste: Taste, rows: Rows, view: View | None = None) -> Floats:
        """The score of each of these rows: log-odds against each other."""
        scores: Floats = self.contributions(taste, rows, view).sum(axis=1)
        return scores

    def take(self, taste: Taste, item: int, liked: float, shown: Sequence[int] = (), view: View | None = None) -> None:
        """Learn from a person's choice, and count it. An item that the table lacks teaches nothing.

        taste  before the choice
        item   hash of its id
        liked  how it was liked afterwards, 0 to 1
        shown  rows that were shown beside it and not chosen; none: some that the person did not meet are drawn
        view   of that taste, where it is at hand
        """
        row = self.table.row_of.get(item)
        if row is None:
            return
        others = [other for other in shown if other != row] or self._drawn(taste, row)
        if others:
            rows = np.array([row, *others])
            self.weights.learn(self._places(view or self.view(taste), rows), stage_of(taste.total))
        self.catalog.take(row, liked)

    def candidates(self, taste: Taste, count: int, view: View | None = None) -> Rows:
        """At most so many rows that are worth scoring, ascending: what is popular, then neighbours of the person's.

        Items that the person has met lately are left out.
        """
        view = view or self.view(taste)
        chosen: Rows = self._popular_rows()[:count]
        if view.similar is not None:
            near, weights = view.similar
            room = count - len(chosen)
            if len(near) > room:
                near = near[np.argsort(-weights, kind="stable")[:room]]
            chosen = np.union1d(near, chosen)
        met = [row for row in map(self.table.row_of.get, [one.item for one in taste.items]) if row is not None]
        return np.setdiff1d(chosen, met)

    def rank(self, taste: Taste, items: int, count: int) -> tuple[Rows, Floats]:
        """The best rows of `count` candidates, best first, and their scores; of equals the first of the table."""
        view = self.view(taste)
        rows = self.candidates(taste, count, view)
        scores = self.score(taste, rows, view)
        best = np.argsort(-scores, kind="stable")[:items]
        return rows[best], scores[best]

    def _places(self, view: View, rows: Rows) -> Floats:
        places = places_of(self.catalog, view, rows, None if self._factors is None else self._factors[rows])
        return places if self._counts is None else places * self._counts

    def _chosen(self, taste: Taste) -> tuple[Rows, Floats]:
        """Rows of the items that a person chose, the newest first, and how much each counts by its age."""
        row_of = self.table.row_of
        rows = [row_of[one.item] for one in taste.items if one.liked > 0.0 and one.item in row_of]
        return np.array(rows, np.int64), (FADE ** np.arange(len(rows))).astype(np.float32)

    def _drawn(self, taste: Taste, row: int) -> list[int]:
        """Rows that were not chosen, the same for the same example."""
        chance, count = Random(self.catalog.examples), len(self.table)
        row_of = self.table.row_of
        met = {row_of.get(one.item) for one in taste.items} | {row}
        drawn = [chance.randrange(count) for _ in range(NEGATIVES)]
        return [one for one in drawn if one not in met]

    def _popular_rows(self) -> Rows:
        """Rows chosen most lately, the most first; looked up again after as many examples as make a difference."""
        now = self.catalog.examples
        if self._popular_at < 0 or now >= self._popular_at + POPULAR:
            recent = self.catalog.recent(slice(None))
            self._popular = np.argsort(-recent, kind="stable")[:POPULAR]
            self._popular_at = now
        return self._popular


def _summed(rows: Rows, weights: Floats) -> tuple[Rows, Floats]:
    """Each row once, ascending, and the sum of its weights."""
    found, places = np.unique(rows, return_inverse=True)
    return found, np.bincount(places.ravel(), weights.ravel(), len(found)).astype(np.float32)
