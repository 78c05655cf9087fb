"""Which tags people like: a few each, such that go together."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from schemas.ids import Tag
from schemas.library import Release

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LIKES = 3
"""Tags that one person likes at most; often two, for the same may be drawn twice."""
STRENGTHS = (0.8, 0.55, 0.4)
"""How much the first, second and third like counts, 0 to 1: taste has a centre and a rim."""
NEIGHBOUR = 0.75
"""Chance that a further like is a tag that stands beside the first in some variant: tastes are not scattered."""
POPULARITY_SLOPE = 0.5
"""Of Zipf's law over tags: some are liked by many. So a best message for everybody is worth something."""
EXCHANGES = 40
"""Rounds in which those who got what they like already exchange once more, with as many others."""
NONE = -1


@dataclass(frozen=True)
class Catalogue:
    """The tags of a release.

    together  shape (tags, tags): in how many variants two tags stand side by side
    """

    tags: tuple[Tag, ...]
    together: Floats

    @classmethod
    def of(cls, release: Release) -> Self:
        """Collect the tags of all variants of a release."""
        variants = [one for template in release.templates for slot in template.slots for one in slot.variants]
        tags = tuple(sorted({tag for one in variants for tag in one.tags}))
        places = {tag: place for place, tag in enumerate(tags)}
        together = np.zeros((len(tags), len(tags)))
        for one in variants:
            own = sorted({places[tag] for tag in one.tags})
            together[np.ix_(own, own)] += 1
        np.fill_diagonal(together, 0)
        return cls(tags, together)


@dataclass(frozen=True)
class Likes:
    """What n people like.

    tags      shape (n, LIKES): indices into the catalogue, the first like first; `NONE` where there is none
    strengths shape (n, LIKES): how much, 0 where there is none
    popular   shape (tags,): how likely a tag is to be somebody's first like
    """

    tags: Ints
    strengths: Floats
    popular: Floats

    def of(self, whose: Ints) -> Self:
        """The same likes, had by others: each person has those of the one that `whose` names."""
        return replace(self, tags=self.tags[whose], strengths=self.strengths[whose])

    def spread(self) -> Floats:
        """Return the strengths by tag, shape (n, tags)."""
        dense = np.zeros((len(self.tags), len(self.popular)))
        rows, columns = np.nonzero(self.tags != NONE)
        dense[rows, self.tags[rows, columns]] = self.strengths[rows, columns]
        return dense


def no_likes(catalogue: Catalogue, people: int) -> Likes:
    """Nobody likes anything."""
    popular = np.full(len(catalogue.tags), 1 / max(len(catalogue.tags), 1))
    return Likes(np.full((people, LIKES), NONE), np.zeros((people, LIKES)), popular)


def draw_likes(catalogue: Catalogue, people: int, chance: np.random.Generator) -> Likes:
    """Draw what people like."""
    count = len(catalogue.tags)
    if count == 0:
        return no_likes(catalogue, people)
    popular = (1.0 + chance.permutation(count)) ** -POPULARITY_SLOPE
    popular /= popular.sum()
    tags = np.full((people, LIKES), NONE)
    tags[:, 0] = _picked(np.cumsum(popular)[np.newaxis], np.zeros(people, dtype=np.int64), chance)
    beside = _beside(catalogue, popular)
    for place in range(1, LIKES):
        found = _picked(beside, tags[:, 0], chance)
        is_new = (found[:, np.newaxis] != tags[:, :place]).all(axis=1)
        tags[:, place] = np.where(is_new, found, NONE)
    return Likes(tags, np.where(tags == NONE, 0.0, np.array(STRENGTHS)), popular)


def exchanged(likes: Likes, chance: np.random.Generator) -> Ints:
    """For each person another, such that the other's first like is none of one's own, as far as that is possible."""
    whose = chance.permutation(len(likes.tags))
    for _ in range(EXCHANGES):
        firsts = likes.tags[whose, :1]
        same = np.flatnonzero(((firsts == likes.tags) & (firsts != NONE)).any(axis=1))
        mixed = np.union1d(same, chance.integers(0, len(whose), len(same)))
        whose[mixed] = whose[chance.permutation(mixed)]
    return whose


def _beside(catalogue: Catalogue, popular: Floats) -> Floats:
    """For each first like the cumulative chances of a further one, shape (tags, tags)."""
    sums = catalogue.together.sum(axis=1, keepdims=True)
    near = np.divide(catalogue.together, sums, out=np.tile(popular, (len(popular), 1)), where=sums > 0)
    return np.cumsum(NEIGHBOUR * near + (1 - NEIGHBOUR) * popular, axis=1)


def _picked(cumulative: Floats, rows: Ints, chance: np.random.Generator) -> Ints:
    """For each entry of `rows` an index drawn by that row of cumulative chances."""
    found = np.empty(len(rows), dtype=np.int64)
    draws = chance.random(len(rows))
    for row in np.unique(rows):
        own = rows == row
        found[own] = np.searchsorted(cumulative[row] / cumulative[row, -1], draws[own], side="right")
    return np.minimum(found, cumulative.shape[1] - 1)
