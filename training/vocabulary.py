"""Vocabularies: which hashes have rows of their own in the tables of embeddings, bounded."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from online_models.sequence.weights import ITEMS_MAX, KINDS_MAX, TAGS_MAX, Floats
from training.histories import History

ROWS_MIN = 64
"""Tables are as long as a power of four, so that the compiled program fits the next training too."""


class Vocabulary(NamedTuple):
    """The hashes with rows: row 0 of every table is for what has none, row i + 1 for `hashes[i]`, ascending.

    often  for each item log(1 + how often it was met)
    """

    items: tuple[int, ...]
    kinds: tuple[int, ...]
    tags: tuple[int, ...]
    often: Floats

    def sizes(self) -> tuple[int, int, int]:
        """Rows of the tables of items, kinds and tags, with room."""
        return _room(self.items), _room(self.kinds), _room(self.tags)


def vocabulary_of(histories: Iterable[History]) -> Vocabulary:
    """The most frequent items, kinds and tags of what was done; of two equally frequent ones the smaller hash."""
    items: Counter[int] = Counter()
    kinds: Counter[int] = Counter()
    tags: Counter[int] = Counter()
    for history in histories:
        for step in history.steps:
            items[step.item] += 1
            kinds[step.kind] += 1
            tags.update(step.tags)
    chosen = _most(items, ITEMS_MAX)
    often = np.log1p(np.array([items[item] for item in chosen], np.float32))
    return Vocabulary(chosen, _most(kinds, KINDS_MAX), _most(tags, TAGS_MAX), often.astype(np.float32))


def row_map(hashes: Sequence[int]) -> dict[int, int]:
    """The row of each hash; what is missing has row 0."""
    return {one: row for row, one in enumerate(hashes, 1)}


def _most(counts: Counter[int], limit: int) -> tuple[int, ...]:
    del counts[0]
    kept = sorted(counts, key=lambda one: (-counts[one], one))[:limit]
    return tuple(sorted(kept))


def _room(hashes: Sequence[int]) -> int:
    rows = ROWS_MIN
    while rows < len(hashes) + 1:
        rows *= 4
    return rows
