"""The best that could be shown: to one person, and to everybody alike."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain, combinations, product
from random import Random

import numpy as np

from foresend.simulation.likes import Floats
from foresend.simulation.sendable import Choice, Sendable
from foresend.simulation.tastes import CLICK_BASE, OPEN_BASE, PairTaste, Tastes
from online_models.likeliest import likeliest

_ANY = Random(0)
"""Decides between equals, which are worth the same."""


def best_for(tastes: Tastes, person: int) -> Choice:
    """The allowed combination that one person is likeliest to click. Exact.

    For every set of his pairs, their variants are held and the other slots filled by the best sum, which
    `likeliest` finds as a product of e^worth. The best of these is the best of all: if c is best and S the pairs
    that c meets, then the filling found for S sums up to no less than c, and meets S and perhaps more, which
    only adds.
    """
    pairs = tastes.pairs[person]
    sets = chain.from_iterable(combinations(pairs, size) for size in range(len(pairs) + 1))
    found = [choice for held in sets if (choice := _best_holding(tastes, person, held)) is not None]
    return max(found, key=lambda choice: math.prod(tastes.chance(person, choice)))


def _best_holding(tastes: Tastes, person: int, held: Sequence[PairTaste]) -> Choice | None:
    """The allowed combination of the best sum that meets these pairs; None where they or rules exclude each other."""
    weights = [np.exp(worth[person]) for worth in tastes.worth]
    for slot, variant in chain.from_iterable((pair.first, pair.second) for pair in held):
        only = np.zeros(len(weights[slot]))
        only[variant] = weights[slot][variant]
        weights[slot] = only
    choice = next(likeliest([row.tolist() for row in weights], tastes.sendable.rules, _ANY), None)
    return choice if choice is not None and all(pair.is_met(choice) for pair in held) else None


def best_fixed(tastes: Tastes) -> Choice:
    """One allowed combination for everybody: a strong one.

    It begins with the best variant of each slot by the mean over people, as far as rules allow them together, and
    then changes one or two slots at a time, to what raises the mean chance of a click most, until nothing does.
    """
    means = [np.exp(worth).mean(axis=0).tolist() for worth in tastes.worth]
    best = next(likeliest(means, tastes.sendable.rules, _ANY))
    value = mean_chance(tastes, best)
    while True:
        scored = ((mean_chance(tastes, near), near) for near in _near(tastes.sendable, best))
        better, choice = max(scored, default=(value, best))
        if better <= value:
            return best
        best, value = choice, better


def mean_chance(tastes: Tastes, choice: Choice) -> float:
    """Mean over people of the chance that they open and click the same message."""
    worth: Floats = np.zeros(len(tastes.pairs))
    for slot, variant in enumerate(choice):
        worth = worth + tastes.worth[slot][:, variant]
    for person, pairs in enumerate(tastes.pairs):
        for pair in pairs:
            if pair.is_met(choice):
                worth[person] += pair.bonus
    return float(OPEN_BASE * CLICK_BASE * np.exp(worth).mean())


def _near(sendable: Sendable, choice: Choice) -> Iterator[Choice]:
    """Every allowed combination that differs in one or two slots."""
    live = sendable.rules.live
    for size in (1, 2):
        for slots in combinations(range(len(choice)), size):
            for variants in product(*(live[slot] for slot in slots)):
                near = list(choice)
                for slot, variant in zip(slots, variants, strict=True):
                    near[slot] = variant
                if tuple(near) != choice and sendable.rules.allow(near):
                    yield tuple(near)
