"""Candidates: the finished combinations that are kept ready for one user and template.

The likeliest allowed combinations come first; then cover candidates complete the set, so that every variant that
rules allow at all is in at least one candidate with at least the floor's probability. What is drawn can so be
learnt from: no choice that could have been shown had no chance.
"""

from collections.abc import Sequence
from math import fsum, prod
from operator import getitem
from random import Random
from typing import NamedTuple

from online_models.covers import Cover, Filler, pack, pack_likeliest, pack_within
from online_models.likeliest import likeliest
from online_models.policies.policy import floor_of
from online_models.rules import Rules

FLOORS_MAX = 0.5
"""All candidates' floors together: so much of the draw at most. Covers may need less, the likeliest get no more."""


class Chosen(NamedTuple):
    """One variant (by index) for each slot, and the probability with which it is to be drawn."""

    choice: tuple[int, ...]
    probability: float


def select(distributions: Sequence[Sequence[float]], rules: Rules, count: int, floor: float, seed: int) -> list[Chosen]:
    """Return at most `count` candidates, the likeliest first; their probabilities sum to 1 ± 1e-9.

    distributions  for each slot the policy's probabilities of its variants, as many as `rules.sizes` says
    count          K; to cover everything it must be at least the largest slot, more where rules make it so
    floor          least probability of a candidate; lowered by `floor_of` for the largest slot
    seed           decides between equals, how missing variants are paired, and what fills a cover's other slots

    Every candidate has the floor; the rest is shared in proportion to the product of the slots' probabilities.
    The likeliest give way to covers: as many are kept as leave room for covers, and no more than hold
    `FLOORS_MAX` of the draw by their floors. Where covers alone exceed `count`, an exact packing is searched,
    with the likeliest combination and then without; if none is found, the least probable variants stay out,
    which `uncovered` reports. Where rules allow nothing, nothing is returned.

    Raises:
        ValueError: a distribution for another number of variants than the rules know, or no candidate asked for.
    """
    if tuple(map(len, distributions)) != rules.sizes:
        raise ValueError(f"expected distributions over {rules.sizes} variants, got {[*map(len, distributions)]}")
    if count < 1:
        raise ValueError(f"expected at least one candidate to choose, got {count}")
    chance = Random(seed)
    floor = floor_of(floor, max(rules.sizes, default=1))
    room = min(count, int(FLOORS_MAX / floor)) if floor > 0 else count
    mains = _mains(distributions, rules, room, chance)
    kept, covers = _complete(mains, distributions, rules, count, chance)
    filler = Filler(distributions, rules, chance)
    choices = [*mains[:kept], *map(filler.fill, covers)]
    choices += [main for main in mains[kept:] if main not in choices][: max(0, room - len(choices))]
    return _weighed(choices, distributions, floor)


def marginals(chosen: Sequence[Chosen], sizes: Sequence[int]) -> tuple[tuple[float, ...], ...]:
    """Return for each variant of each slot the probability that the drawn candidate shows it.

    >>> marginals([Chosen((0, 1), 0.75), Chosen((1, 1), 0.25)], (2, 2))
    ((0.75, 0.25), (0.0, 1.0))
    """
    sums = [[0.0] * size for size in sizes]
    for choice, probability in chosen:
        for slot, variant in enumerate(choice):
            sums[slot][variant] += probability
    return tuple(map(tuple, sums))


def uncovered(chosen: Sequence[Chosen], rules: Rules) -> tuple[tuple[int, int], ...]:
    """Return as (slot, variant) what rules allow but no candidate holds: empty, or `count` was too small."""
    missing = _missing([choice for choice, _ in chosen], rules)
    return tuple((slot, variant) for slot, variants in enumerate(missing) for variant in variants)


def _mains(distributions: Sequence[Sequence[float]], rules: Rules, room: int, chance: Random) -> list[tuple[int, ...]]:
    """Return the likeliest combinations, as many as leave room for at least the covers that will be needed.

    With u variants missing in a slot at least u covers are needed; one combination more lowers that by one at
    most, so the first combination that leaves too little room is where to stop.
    """
    mains: list[tuple[int, ...]] = []
    seen = 0
    missing = list(map(len, rules.live))
    for choice in likeliest(distributions, rules, chance):
        for slot, variant in enumerate(choice):
            bit = rules.bits[slot][variant]
            if not bit & seen:
                seen |= bit
                missing[slot] -= 1
        if mains and len(mains) + 1 + max(missing, default=0) > room:
            break
        mains.append(choice)
        if len(mains) == room:
            break
    return mains


def _complete(
    mains: Sequence[tuple[int, ...]],
    distributions: Sequence[Sequence[float]],
    rules: Rules,
    count: int,
    chance: Random,
) -> tuple[int, list[Cover]]:
    """Return how many of the likeliest are kept, and the covers that hold everything they do not."""
    kept = len(mains)
    while True:
        covers = pack(_missing(mains[:kept], rules), rules, chance)
        excess = kept + len(covers) - count
        if excess <= 0:
            return kept, covers
        if kept <= 1:
            break
        # Fewer of the likeliest never need fewer covers, so nothing between is worth a try.
        kept = max(1, kept - excess)
    for fewer in (1, 0):
        found = pack_within(_missing(mains[:fewer], rules), rules, chance, count - fewer)
        if found is not None:
            return fewer, found
    return 1, pack_likeliest(_missing(mains[:1], rules), rules, distributions, count - 1)


def _missing(choices: Sequence[tuple[int, ...]], rules: Rules) -> list[list[int]]:
    """Return for each slot the live variants that none of the choices holds."""
    if not choices:
        return list(map(list, rules.live))
    columns = zip(*choices, strict=True)
    return [[v for v in live if v not in held] for live, held in zip(rules.live, columns, strict=False)]


def _weighed(
    choices: Sequence[tuple[int, ...]], distributions: Sequence[Sequence[float]], floor: float
) -> list[Chosen]:
    """Give each candidate the floor and its share of the rest, and order them."""
    if not choices:
        return []
    products = [prod(map(getitem, distributions, choice)) for choice in choices]
    total = fsum(products)
    shares = [p / total for p in products] if total > 0 else [1 / len(choices)] * len(choices)
    floor = min(floor, 1 / len(choices))
    rest = 1 - floor * len(choices)
    chosen = [Chosen(choice, floor + rest * share) for choice, share in zip(choices, shares, strict=True)]
    return sorted(chosen, key=lambda one: (-one.probability, one.choice))
