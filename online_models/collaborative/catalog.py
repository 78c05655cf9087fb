"""A catalogue: what its items are, and how people take to them. What signals of ranking are read from."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models.collaborative.part import Floats
from online_models.terms import SlotTable
from schemas.ids import Tag

TAGS_KEPT_MAX = 64
"""Kinds of tags that ranking knows: the most common ones of the catalogue."""
VALUES_MIN = 8
"""Different values of a number of items."""
BINS = 64
"""Of the number's scale from 0 to 1."""
WIDTH = 0.04
"""Of the kernel that smooths densities along the number's scale: e-folding length."""
DENSITY_LEAST = 0.5
"""Choices in each bin of the number that are imagined before the first."""
HALF_LIFE_SHARE = 1 / 3
"""Popularity halves in so many examples for each item of the catalogue: with more items each is met more seldom."""
HALF_LIFE_MIN = 1_000.0


class Catalog:
    """The n items of a slot's table, and what was counted of them.

    number   float32, shape (n,): the items' number (say, a year) as its rank in the catalogue, 0 to 1; 0.5 unknown
    bins     int64, shape (n,): the bin of each
    tags     float32, shape (n, t): 1 where an item has a tag
    sizes    float32, shape (n,): tags of each
    examples that were counted
    total    float64, shape (n,): how often each was chosen
    liked    float64, shape (n,): how often it was liked then
    with_tag float64, shape (t,): how often an item with the tag was chosen
    newest   the largest number that was chosen
    """

    def __init__(self, table: SlotTable) -> None:
        self.table = table
        count = len(table)
        names = number_names(table.tags)
        self.number = _ranks(table.tags, names[0] if names else None)
        self.bins = np.minimum((self.number * BINS).astype(np.int64), BINS - 1)
        self.tags = _matrix(table.tags, frozenset(names))
        self.sizes: Floats = self.tags.sum(axis=1)
        self.examples = 0
        self.total = np.zeros(count)
        self.liked = np.zeros(count)
        self.with_tag = np.zeros(self.tags.shape[1])
        self.newest = 0.0
        self.half_life = max(HALF_LIFE_MIN, HALF_LIFE_SHARE * count)
        self._recent = np.zeros(count)
        self._last = np.zeros(count)
        self._density = np.full(BINS, DENSITY_LEAST)
        self._decay = 0.5 ** (1.0 / self.half_life)
        across = np.abs(np.arange(BINS)[:, None] - np.arange(BINS)[None, :]) / (WIDTH * BINS)
        self.kernel = np.exp(-across)
        self.kernel /= self.kernel.sum(axis=1, keepdims=True)

    def take(self, row: int, liked: float) -> None:
        """Count one choice."""
        now = self.examples = self.examples + 1
        self._recent[row] = self._recent[row] * self._decay ** (now - self._last[row]) + 1.0
        self._last[row] = now
        self.total[row] += 1.0
        self.liked[row] += liked
        self.with_tag += self.tags[row]
        self._density *= self._decay
        self._density[self.bins[row]] += 1.0
        self.newest = max(self.newest, float(self.number[row]))

    def recent(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float64]:
        """How often each was chosen, the past counting half after `half_life` examples."""
        faded: NDArray[np.float64] = self._recent[rows] * self._decay ** (self.examples - self._last[rows])
        return faded

    def density(self) -> NDArray[np.float64]:
        """The share of what is chosen lately in each bin of the number, smoothed. Shape (BINS,), sums to 1."""
        smooth: NDArray[np.float64] = self._density @ self.kernel
        smooth /= smooth.sum()
        return smooth

    def tag_shares(self) -> NDArray[np.float64]:
        """For each tag the share of what was chosen that has it; never 0. Shape (t,)."""
        return (self.with_tag + 0.5) / (self.examples + 1.0)

    def counted(self) -> NDArray[np.float64]:
        """All that was counted: how often each item was chosen lately, chosen, and liked. Shape (3, n)."""
        return np.stack([self.recent(slice(None)), self.total, self.liked])

    def restore(self, counted: NDArray[Any], examples: int) -> None:
        """Go on with what was counted elsewhere: of each row what `counted` says of it."""
        self.examples = examples
        self._recent, self.total, self.liked = (np.array(row, np.float64) for row in counted)
        self._last = np.full(len(self.total), float(examples))
        self.with_tag = self.total @ self.tags
        self._density = np.bincount(self.bins, self._recent, BINS) + DENSITY_LEAST
        self.newest = float(self.number[self.total > 0.0].max(initial=0.0))


def number_names(tags: Sequence[Sequence[Tag]]) -> tuple[str, ...]:
    """The names of the tags `name:value` that are a number of the items: that of the most different values first.

    Most items must have one, none may have two, and all values must be numbers: `VALUES_MIN` different ones at least,
    for fewer are categories with numbers for names. The first is the number that ranking knows; the others say the same
    more coarsely, as a rule, and are no categories either.
    """
    have: Counter[str] = Counter()
    values: defaultdict[str, set[str]] = defaultdict(set)
    barred: set[str] = set()
    for one in tags:
        names = Counter(tag.partition(":")[0] for tag in one)
        have.update(names.keys())
        barred.update(name for name, times in names.items() if times > 1)
        for name, _, value in (tag.partition(":") for tag in one):
            values[name].add(value)
            if not _is_number(value):
                barred.add(name)
    common = [name for name, times in have.items() if name not in barred and 2 * times > len(tags)]
    return tuple(
        sorted(
            (name for name in common if len(values[name]) >= VALUES_MIN), key=lambda name: (-len(values[name]), name)
        )
    )


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdecimal()


def _ranks(tags: Sequence[Sequence[Tag]], name: str | None) -> Floats:
    values = np.full(len(tags), np.nan)
    if name is not None:
        for row, one in enumerate(tags):
            for tag in one:
                if tag.startswith(f"{name}:"):
                    values[row] = float(tag.partition(":")[2])
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return np.full(len(tags), 0.5, np.float32)
    middle = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / (2 * len(known))
    return np.where(np.isnan(values), 0.5, middle).astype(np.float32)


def _matrix(tags: Sequence[Sequence[Tag]], numbers: frozenset[str]) -> Floats:
    kinds = [[tag for tag in dict.fromkeys(one) if tag.partition(":")[0] not in numbers] for one in tags]
    common = Counter(tag for one in kinds for tag in one)
    kept = sorted(common, key=lambda tag: (-common[tag], tag))[:TAGS_KEPT_MAX]
    column = {tag: place for place, tag in enumerate(kept)}
    matrix = np.zeros((len(tags), len(kept)), np.float32)
    for row, one in enumerate(kinds):
        matrix[row, [column[tag] for tag in one if tag in column]] = 1.0
    return matrix
