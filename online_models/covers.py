"""Cover candidates: a few combinations that together hold every variant still missing from the likeliest ones.

Several missing variants, one of each slot, are packed into one cover where rules permit. Only variants that
conflict with another make this hard: the others fit in any cover whose slot is open.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Self

from online_models.rules import Rules

SEARCH_VARIANTS_MAX = 64
SEARCH_STEPS_MAX = 2_000
"""The exact packing is tried with so many variants, and for so many placements, at most."""
OPEN = -1
"""Stands in a cover where no variant was placed yet."""

Missing = Sequence[Sequence[int]]
"""For each slot its variants that no candidate holds."""


@dataclass(slots=True)
class Cover:
    """A candidate in the making: a variant or `OPEN` for each slot, and the mask of what conflicts with them.

    filled  mask of the slots (bit 1 << slot) that `put` filled: of all, while variants with conflicts are placed
    """

    choice: list[int]
    blocked: int = 0
    filled: int = 0

    @classmethod
    def empty(cls, rules: Rules) -> Self:
        """Return a cover in which every slot is open."""
        return cls([OPEN] * len(rules.sizes))

    def takes(self, slot: int, variant: int, rules: Rules) -> bool:
        """Tell whether the variant may be placed here, so that the slots still open can be filled."""
        if self.choice[slot] != OPEN or rules.bits[slot][variant] & self.blocked:
            return False
        if not rules.hard:
            return True
        return rules.completable(self.filled | 1 << slot, self.blocked | rules.conflicts[slot][variant])

    def put(self, slot: int, variant: int, rules: Rules) -> None:
        """Place a variant."""
        self.choice[slot] = variant
        self.filled |= 1 << slot
        self.blocked |= rules.conflicts[slot][variant]


def pack(missing: Missing, rules: Rules, chance: Random) -> list[Cover]:
    """Return covers that hold all missing variants: as few as the first fit finds, most bound variants first."""
    shuffled = [_shuffled(variants, chance) for variants in missing]
    covers: list[Cover] = []
    still_open: list[list[Cover]] = [[] for _ in missing]
    for slot, variant in _bound(shuffled, rules):
        bit, places = rules.bits[slot][variant], still_open[slot]
        for position, cover in enumerate(places):
            if not bit & cover.blocked and cover.takes(slot, variant, rules):
                del places[position]
                break
        else:
            cover = Cover.empty(rules)
            covers.append(cover)
            for other, covers_open in enumerate(still_open):
                if other != slot:
                    covers_open.append(cover)
        cover.put(slot, variant, rules)
    return _with_unbound(covers, shuffled, rules)


def pack_within(missing: Missing, rules: Rules, chance: Random, covers_max: int) -> list[Cover] | None:
    """Return at most `covers_max` covers that hold all missing variants, or None where none were found.

    The search is complete up to `SEARCH_VARIANTS_MAX` variants with conflicts and `SEARCH_STEPS_MAX` placements.
    """
    shuffled = [_shuffled(variants, chance) for variants in missing]
    bound = _bound(shuffled, rules)
    if max(map(len, missing), default=0) > covers_max or len(bound) > SEARCH_VARIANTS_MAX:
        return None
    covers = _search(bound, rules, covers_max)
    return None if covers is None else _with_unbound(covers, shuffled, rules)


def pack_likeliest(
    missing: Missing, rules: Rules, distributions: Sequence[Sequence[float]], covers_max: int
) -> list[Cover]:
    """Return at most `covers_max` covers that hold what fits of the missing variants, the likeliest first."""
    items = [(-distributions[slot][v], slot, v) for slot, variants in enumerate(missing) for v in variants]
    covers: list[Cover] = []
    for _, slot, variant in sorted(items):
        cover = next((cover for cover in covers if cover.takes(slot, variant, rules)), None)
        if cover is None:
            if len(covers) == covers_max:
                continue
            cover = Cover.empty(rules)
            covers.append(cover)
        cover.put(slot, variant, rules)
    return covers


def _search(bound: Sequence[tuple[int, int]], rules: Rules, covers_max: int) -> list[Cover] | None:
    """Place variants into at most `covers_max` covers by backtracking; None where it found no way."""
    covers: list[Cover] = []
    steps = 0

    def place(done: int) -> bool:
        nonlocal steps
        if done == len(bound):
            return True
        slot, variant = bound[done]
        held = len(covers)
        fresh = [Cover.empty(rules)] if held < covers_max else []
        for position, cover in enumerate((*covers, *fresh)):
            steps += 1
            if steps > SEARCH_STEPS_MAX:
                return False
            if not cover.takes(slot, variant, rules):
                continue
            blocked = cover.blocked
            if position == held:
                covers.append(cover)
            cover.put(slot, variant, rules)
            if place(done + 1):
                return True
            cover.choice[slot], cover.blocked = OPEN, blocked
            cover.filled ^= 1 << slot
            del covers[held:]
        return False

    return covers if place(0) else None


def _bound(missing: Missing, rules: Rules) -> list[tuple[int, int]]:
    """Return the missing variants that conflict with others as (slot, variant), the most bound first."""
    items = [(slot, v) for slot in rules.tied for v in missing[slot] if rules.conflicts[slot][v]]
    return sorted(items, key=lambda item: -rules.conflicts[item[0]][item[1]].bit_count())


def _with_unbound(covers: list[Cover], missing: Missing, rules: Rules) -> list[Cover]:
    """Add the missing variants without conflicts, which fit wherever their slot is open."""
    for slot, variants in enumerate(missing):
        masks = rules.conflicts[slot] if slot in rules.tied else ()
        unbound = [v for v in variants if not masks[v]] if masks else variants
        while len(covers) < len(variants):
            covers.append(Cover.empty(rules))
        places = [cover for cover in covers if cover.choice[slot] == OPEN]
        for cover, variant in zip(places, unbound, strict=False):
            cover.choice[slot] = variant
    return covers


def _shuffled(variants: Sequence[int], chance: Random) -> list[int]:
    """Return the variants in a seeded order, so that no two of different slots always come together."""
    return sorted(variants, key=lambda _: chance.random())


class Filler:
    """Fills the open slots of covers by independent draws from the slots' distributions, as far as rules permit."""

    def __init__(self, distributions: Sequence[Sequence[float]], rules: Rules, chance: Random) -> None:
        self._distributions = distributions
        self._rules = rules
        self._chance = chance
        self._cumulative: dict[int, list[float]] = {}
        self._order = (*rules.hard, *(slot for slot in range(len(rules.sizes)) if slot not in rules.hard))

    def fill(self, cover: Cover) -> tuple[int, ...]:
        """Return the cover as a candidate. A completion is found whenever there is one.

        Raises:
            ValueError: there is none (a bug: `Cover.takes` lets nothing in that leaves none).
        """
        if OPEN in cover.choice:
            slots = [slot for slot in self._order if cover.choice[slot] == OPEN]
            if not self._complete(cover.choice, slots, cover.blocked | self._rules.dead):
                raise ValueError(f"expected a cover that can be completed, got {cover.choice}")
        return tuple(cover.choice)

    def _complete(self, choice: list[int], slots: list[int], blocked: int) -> bool:
        """Fill these slots in place, drawing again where a draw leaves a later slot without any variant."""
        if not slots:
            return True
        slot, rest = slots[0], slots[1:]
        tried = blocked
        while (variant := self._draw(slot, tried)) != OPEN:
            choice[slot] = variant
            if self._complete(choice, rest, blocked | self._rules.conflicts[slot][variant]):
                return True
            tried |= self._rules.bits[slot][variant]
        choice[slot] = OPEN
        return False

    def _draw(self, slot: int, blocked: int) -> int:
        """Draw one variant of a slot given that it is not blocked; `OPEN` where all are."""
        cumulative = self._cumulative.get(slot)
        if cumulative is None:
            cumulative = self._cumulative[slot] = list(accumulate(self._distributions[slot]))
        variant = self._at(cumulative)
        bits = self._rules.bits[slot]
        if not bits[variant] & blocked:
            return variant
        left = [v for v, bit in enumerate(bits) if not bit & blocked]
        if not left:
            return OPEN
        return left[self._at(list(accumulate([self._distributions[slot][v] for v in left])))]

    def _at(self, cumulative: list[float]) -> int:
        """Return an index drawn by cumulative weights; the last one where all weights are 0."""
        drawn = bisect_right(cumulative, self._chance.random() * cumulative[-1])
        return min(drawn, len(cumulative) - 1)
