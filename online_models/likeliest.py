"""Best-first search: the allowed combinations of variants, from the likeliest on."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import NamedTuple

from online_models.rules import Rules

STEPS_MAX = 4_000
"""Nodes split before the search gives up: reached only where rules forbid nearly all that is likely."""


class _Slot(NamedTuple):
    """One slot in the order of the search; everything by rank, the likeliest variant first."""

    slot: int
    variants: Sequence[int]
    weights: Sequence[float]
    bits: Sequence[int]
    conflicts: Sequence[int]


_Node = tuple[float, int, int, int, float, tuple[int, ...], int, list[float]]
"""A set of combinations: a prefix, and at the slot after it any rank from a given one on.

Minus its bound, a serial number (between equal bounds the older node comes first, which changes each slot in
turn), the depth and the rank; the prefix's probability, the prefix, the mask of variants that conflict with it,
and `best`: best[d] is the product of the largest unblocked probabilities of the slots from depth d on.
"""


def likeliest(distributions: Sequence[Sequence[float]], rules: Rules, chance: Random) -> Iterator[tuple[int, ...]]:
    """Yield the allowed combinations (a variant for each slot), the likeliest first; between equals chance decides.

    The best node is split into its likeliest child, followed at once, and the rest, put back: so each combination
    is met once. Source: Lawler, "A procedure for computing the K best solutions", 1972.
    """
    slots = _searched(distributions, rules, chance)
    places = sorted(range(len(slots)), key=lambda depth: slots[depth].slot)
    best = _best_left(slots, 0, 0)
    heap: list[_Node] = [] if best is None else [(-best[0], 0, 0, 0, 1.0, (), 0, best)]
    serials = count(1)
    for _ in range(STEPS_MAX):
        if not heap:
            return
        found = _follow(slots, heap, serials)
        if found is not None:
            yield tuple([found[place] for place in places])


def _follow(slots: Sequence[_Slot], heap: list[_Node], serials: Iterator[int]) -> tuple[int, ...] | None:
    """Split the best node down to its likeliest combination; None where on the way another node becomes better."""
    _, _, depth, rank, probability, prefix, blocked, best = heappop(heap)
    while depth < len(slots):
        _, variants, weights, bits, conflicts = slots[depth]
        other = _unblocked(bits, rank + 1, blocked) if blocked else rank + 1
        if other < len(variants):
            bound = probability * weights[other] * best[depth + 1]
            heappush(heap, (-bound, next(serials), depth, other, probability, prefix, blocked, best))
        probability *= weights[rank]
        prefix = (*prefix, variants[rank])
        depth += 1
        added = conflicts[rank] & ~blocked
        if added:
            blocked |= added
            narrowed = _best_left(slots, depth, blocked)
            if narrowed is None:
                return None
            best = narrowed
        rank = _unblocked(slots[depth].bits, 0, blocked) if blocked and depth < len(slots) else 0
        if added and depth < len(slots) and heap and -probability * best[depth] > heap[0][0]:
            bound = probability * best[depth]
            heappush(heap, (-bound, next(serials), depth, rank, probability, prefix, blocked, best))
            return None
    return prefix


def _searched(distributions: Sequence[Sequence[float]], rules: Rules, chance: Random) -> list[_Slot]:
    """Return the slots in the order of the search: tied ones first, so that a conflict is met early.

    Equals are ordered by chance: slots turn by a seeded number of places, and so do the variants of each slot
    before they are sorted. Or else the first slots of a template and the first variants of a slot would be
    favoured wherever nothing is known of a user.
    """
    tied = rules.tied
    loose = [slot for slot in range(len(distributions)) if slot not in tied] if tied else range(len(distributions))
    order = (*_turned(tied, chance), *_turned(loose, chance))
    return [_ranked(slot, distributions[slot], rules, chance) for slot in order]


def _ranked(slot: int, distribution: Sequence[float], rules: Rules, chance: Random) -> _Slot:
    """Return a slot with its live variants from the likeliest on."""
    order = sorted(_turned(rules.live[slot], chance), key=distribution.__getitem__, reverse=True)
    bits, conflicts = rules.bits[slot], rules.conflicts[slot]
    if slot in rules.tied:
        bits = tuple([bits[v] for v in order])
        conflicts = tuple([conflicts[v] for v in order])
    # In a loose slot nothing is ever blocked, so its masks are never matched and may stay in any order.
    return _Slot(slot, order, [distribution[v] for v in order], bits, conflicts)


def _turned(items: Sequence[int], chance: Random) -> Sequence[int]:
    """Return the items from a chosen one on, then those before it."""
    start = int(chance.random() * len(items))
    return (*items[start:], *items[:start]) if start else items


def _best_left(slots: Sequence[_Slot], depth: int, blocked: int) -> list[float] | None:
    """Return the product of the largest unblocked probabilities from each depth on; None if a slot is closed."""
    best = [1.0] * (len(slots) + 1)
    for d in range(len(slots) - 1, depth - 1, -1):
        slot = slots[d]
        rank = _unblocked(slot.bits, 0, blocked) if blocked else 0
        if rank == len(slot.variants):
            return None
        best[d] = slot.weights[rank] * best[d + 1]
    return best


def _unblocked(bits: Sequence[int], rank: int, blocked: int) -> int:
    """Return the first rank from this one on that is not blocked; the number of ranks if there is none."""
    while rank < len(bits) and bits[rank] & blocked:
        rank += 1
    return rank
