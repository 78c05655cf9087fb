"""Hidden tastes: how likely a person is to open and click a message, by what it shows.

Chances are log-linear: a base, times e to the sum of what each slot's variant is worth to this person and of what
some pairs of variants are worth together. The engine under test is told none of this; the form is not its own
either: its affinity adds shares of engagement, and it has no term for a pair.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Self

import numpy as np

from foresend.simulation.likes import Floats, Ints, Likes
from foresend.simulation.sendable import NOTHING, Choice, Sendable

OPEN_BASE = 0.3
"""Chance that a mail whose subject means nothing to one is opened, awake and rested: within what senders report."""
CLICK_BASE = 0.15
"""Chance of a click in an opened mail that means nothing to one: likewise."""
CHANCE_MAX = 0.9
"""Nobody opens or clicks more surely than this, however well he is met."""
PULL = {True: 0.5, False: 0.4}
"""What a variant that meets all of a taste adds in log-odds, to opening and to clicking: a subject that fits well
brings some half more opens, a picture that fits well a third more clicks."""
PULL_SPREAD = 0.4
"""Standard deviation of the logarithm of that over people: some hardly look, some care very much."""
QUALITY = 0.05
"""Standard deviation of what a variant is worth to everybody alike: tests of headlines find some percent."""
QUIRK_SHARE, QUIRK_RATE, QUIRK = 0.5, 0.15, 0.4
"""Half of the people have likes that no tag tells: one variant in seven is worth up to so much to them."""
PAIR_SHARES = (0.7, 0.2, 0.1)
"""Parts of the people with none, one and two tastes for a pair in a template."""
PAIR_BONUS, ALONE = 0.6, -0.1
"""What the pair is worth, and the most that its first variant may be worth without the second."""


@dataclass(frozen=True, slots=True)
class PairTaste:
    """One person's taste for two variants of different slots together, `(slot, variant)` each, by index."""

    first: tuple[int, int]
    second: tuple[int, int]
    bonus: float

    def is_met(self, choice: Choice) -> bool:
        """Whether a choice shows both."""
        return choice[self.first[0]] == self.first[1] and choice[self.second[0]] == self.second[1]


@dataclass(frozen=True)
class Tastes:
    """What the variants of one template are worth to n people.

    worth  for each slot an array of shape (n, variants), in log-odds for small chances
    pairs  for each person the pairs he likes; they count for clicking
    """

    sendable: Sendable
    worth: tuple[Floats, ...]
    pairs: tuple[tuple[PairTaste, ...], ...]

    def of(self, whose: Ints) -> Self:
        """The same tastes, had by others: each person has those of the one that `whose` names."""
        worth = tuple(one[whose] for one in self.worth)
        return replace(self, worth=worth, pairs=tuple(self.pairs[other] for other in whose.tolist()))

    def chance(self, person: int, choice: Choice) -> tuple[float, float]:
        """Chance to open, and to click once opened, of a person awake and rested."""
        opening, clicking = math.log(OPEN_BASE), math.log(CLICK_BASE)
        for slot, variant in enumerate(choice):
            if variant == NOTHING:
                continue
            if self.sendable.opening[slot]:
                opening += float(self.worth[slot][person, variant])
            else:
                clicking += float(self.worth[slot][person, variant])
        clicking += sum(pair.bonus for pair in self.pairs[person] if pair.is_met(choice))
        return math.exp(opening), math.exp(clicking)


def no_tastes(sendable: Sendable, people: int) -> Tastes:
    """Everything is worth the same to everybody."""
    return Tastes(sendable, tuple(np.zeros((people, len(valid))) for valid in sendable.slots), ((),) * people)


def draw_tastes(sendable: Sendable, tags: tuple[str, ...], likes: Likes, chance: np.random.Generator) -> Tastes:
    """Draw what one template is worth to the people who like these tags.

    tags  of the catalogue that `likes` indexes
    """
    people = len(likes.tags)
    quirky = chance.random(people) < QUIRK_SHARE
    pull = np.exp(chance.normal(-(PULL_SPREAD**2) / 2, PULL_SPREAD, people))
    missed = np.log1p(-likes.spread())
    worth = []
    for valid, opening in zip(sendable.slots, sendable.opening, strict=True):
        holds = np.array([[tag in one.tags for one in valid] for tag in tags], dtype=float).reshape(-1, len(valid))
        # Each further like that a variant meets counts for what is still missing to full appeal.
        met = 1 - np.exp(missed @ holds)
        quirks = chance.random((people, len(valid))) < QUIRK_RATE
        own = chance.uniform(0, QUIRK, (people, len(valid))) * (quirks & quirky[:, np.newaxis])
        worth.append(PULL[opening] * pull[:, np.newaxis] * met + own + chance.normal(0, QUALITY, len(valid)))
    pairs = _draw_pairs(sendable, people, chance)
    for person, own_pairs in enumerate(pairs):
        for pair in own_pairs:
            slot, variant = pair.first
            worth[slot][person, variant] = min(worth[slot][person, variant], ALONE)
    return _bounded(Tastes(sendable, tuple(worth), pairs))


def _draw_pairs(sendable: Sendable, people: int, chance: np.random.Generator) -> tuple[tuple[PairTaste, ...], ...]:
    possible = list(_possible_pairs(sendable))
    counts = chance.choice(len(PAIR_SHARES), people, p=PAIR_SHARES) if possible else np.zeros(people, dtype=int)
    picks = chance.integers(0, max(len(possible), 1), (people, len(PAIR_SHARES)))
    return tuple(
        tuple(PairTaste(*possible[pick], PAIR_BONUS) for pick in sorted({int(one) for one in row[:count]}))
        for row, count in zip(picks, counts, strict=True)
    )


def _possible_pairs(sendable: Sendable) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Two variants of different slots, the first of which is seen after opening, that rules let stand together."""
    bits, conflicts = sendable.rules.bits, sendable.rules.conflicts
    for one, other in combinations(range(len(sendable.slots)), 2):
        first, second = (other, one) if sendable.opening[one] else (one, other)
        if sendable.opening[first]:
            continue
        for a in sendable.rules.live[first]:
            yield from (
                ((first, a), (second, b))
                for b in sendable.rules.live[second]
                if not conflicts[first][a] & bits[second][b]
            )


def _bounded(tastes: Tastes) -> Tastes:
    """Lower the tastes of those whose chances could exceed `CHANCE_MAX`, all of one person's by the same factor."""
    factors = {}
    for opening, base in ((True, OPEN_BASE), (False, CLICK_BASE)):
        own = [
            worth.max(axis=1)
            for worth, seen in zip(tastes.worth, tastes.sendable.opening, strict=True)
            if seen == opening
        ]
        most = np.maximum(sum(own, np.zeros(len(tastes.pairs))), 1e-9)
        if not opening:
            most = most + np.array([sum(pair.bonus for pair in pairs) for pairs in tastes.pairs])
        factors[opening] = np.minimum(1.0, math.log(CHANCE_MAX / base) / most)
    worth = tuple(
        w * factors[seen][:, np.newaxis] for w, seen in zip(tastes.worth, tastes.sendable.opening, strict=True)
    )
    pairs = tuple(
        tuple(PairTaste(pair.first, pair.second, pair.bonus * float(factor)) for pair in own)
        for own, factor in zip(tastes.pairs, factors[False], strict=True)
    )
    return Tastes(tastes.sendable, worth, pairs)
