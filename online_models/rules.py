"""Content rules by index: which variants of one template may stand together in a candidate.

A required pair is kept as what it forbids: if A needs B, then A is forbidden beside every other variant of
B's slot. So one relation, `conflicts`, says all, and a candidate is allowed if no two of its variants conflict.
Sets of variants are bit masks over all variants of all slots, slot after slot.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain
from typing import Self

from schemas.ids import SlotName, VariantId
from schemas.library import ContentRules

Place = tuple[SlotName, VariantId]


@dataclass(frozen=True, slots=True)
class Rules:
    """The content rules of a template over the variants that are allowed now. Build it once, by `of`.

    sizes      number of variants of each slot
    bits       bits[slot][variant]: the variant's own bit
    conflicts  conflicts[slot][variant]: mask of the live variants that may not stand beside it, 0 for a dead one
    live       for each slot the variants that stand in at least one allowed candidate
    dead       mask of the others
    tied       slots with a live variant that conflicts with another
    hard       slots in which every live variant has a conflict, so that others may close them; the rest
               always keep a variant that fits
    masks      for each slot the mask of its live variants
    by_bit     conflicts of all variants in a row: of the bit 1 << n in place n
    """

    sizes: tuple[int, ...]
    bits: tuple[tuple[int, ...], ...]
    conflicts: tuple[tuple[int, ...], ...]
    live: tuple[tuple[int, ...], ...]
    dead: int
    tied: tuple[int, ...]
    hard: tuple[int, ...]
    masks: tuple[int, ...]
    by_bit: tuple[int, ...]

    @classmethod
    def of(cls, rules: ContentRules, slots: Sequence[tuple[SlotName, Sequence[VariantId]]]) -> Self:
        """Build the rules over the variants that are allowed now, by slot in the template's order.

        A pair that names a variant which is not among them forbids nothing; where such a variant is the
        required one, the variant that requires it is not allowed either. Two variants of one slot are never
        shown together anyway, so a requirement between them excludes the first.
        """
        bits = _bits(tuple(len(variants) for _, variants in slots))
        conflicts, banned = _conflicts(rules, slots, bits)
        dead = _dead(bits, conflicts, banned)
        alive = tuple(
            tuple([0 if bit & dead else mask & ~dead for bit, mask in zip(*slot, strict=True)])
            for slot in zip(bits, conflicts, strict=True)
        )
        tied = tuple(slot for slot, masks in enumerate(alive) if any(masks))
        hard = tuple(slot for slot in tied if _is_hard(bits[slot], alive[slot], dead))
        masks = tuple(sum(slot_bits) & ~dead for slot_bits in bits)
        live = tuple(tuple([v for v, bit in enumerate(slot_bits) if not bit & dead]) for slot_bits in bits)
        return cls(tuple(map(len, bits)), bits, alive, live, dead, tied, hard, masks, tuple(chain(*alive)))

    def completable(self, filled: int, blocked: int) -> bool:
        """Tell whether the slots still open can be filled.

        filled   mask of slots (bit 1 << slot) that are filled already
        blocked  mask of variants that conflict with what fills them
        """
        return _fits([self.masks[slot] for slot in self.hard if not filled >> slot & 1], self.by_bit, blocked)

    def allow(self, choice: Sequence[int]) -> bool:
        """Tell whether a candidate (a variant for each slot) keeps all rules."""
        mask = blocked = 0
        for slot, variant in enumerate(choice):
            mask |= self.bits[slot][variant]
            blocked |= self.conflicts[slot][variant]
        return not mask & (blocked | self.dead)


def allowed_by_rules(rules: Rules) -> tuple[tuple[bool, ...], ...]:
    """Tell for each variant of each slot whether it can stand in any allowed candidate.

    >>> from schemas.library import Pair
    >>> pair = Pair(first=(SlotName("offer"), VariantId("half")), second=(SlotName("image"), VariantId("sale")))
    >>> slots = [(SlotName("offer"), [VariantId("none"), VariantId("half")]), (SlotName("image"), [VariantId("sea")])]
    >>> allowed_by_rules(Rules.of(ContentRules(required=(pair,)), slots))
    ((True, False), (True,))
    """
    return tuple(tuple(not bit & rules.dead for bit in slot_bits) for slot_bits in rules.bits)


_Index = tuple[int, int]
_Masks = tuple[tuple[int, ...], ...]


@lru_cache(maxsize=256)
def _bits(sizes: tuple[int, ...]) -> _Masks:
    """Give every variant of every slot a bit of its own."""
    starts = [0, *accumulate(sizes)]
    return tuple(tuple(1 << start + v for v in range(size)) for start, size in zip(starts, sizes, strict=False))


def _conflicts(
    rules: ContentRules, slots: Sequence[tuple[SlotName, Sequence[VariantId]]], bits: _Masks
) -> tuple[_Masks, int]:
    """Return for each variant the mask of those that may not stand beside it, and the mask of those banned."""
    if not rules.forbidden and not rules.required:
        return tuple((0,) * len(slot_bits) for slot_bits in bits), 0
    places = {(name, v): (s, i) for s, (name, vs) in enumerate(slots) for i, v in enumerate(vs)}
    conflicts = [[0] * len(slot_bits) for slot_bits in bits]
    banned = 0
    for one, other in _forbidden_pairs(rules, slots, places):
        if other is None or one == other:
            banned |= bits[one[0]][one[1]]
        elif one[0] != other[0]:
            conflicts[one[0]][one[1]] |= bits[other[0]][other[1]]
            conflicts[other[0]][other[1]] |= bits[one[0]][one[1]]
    return tuple(map(tuple, conflicts)), banned


def _forbidden_pairs(
    rules: ContentRules, slots: Sequence[tuple[SlotName, Sequence[VariantId]]], places: dict[Place, _Index]
) -> Iterator[tuple[_Index, _Index | None]]:
    """Yield both kinds of rule as pairs that may not stand together; None beside a variant that may stand nowhere."""
    for pair in rules.forbidden:
        if pair.first in places and pair.second in places:
            yield places[pair.first], places[pair.second]
    variants_of = dict(slots)
    for pair in rules.required:
        if pair.first not in places or pair.first == pair.second:
            continue
        if pair.second not in places or pair.first[0] == pair.second[0]:
            yield places[pair.first], None
            continue
        slot, needed = pair.second
        for variant in variants_of[slot]:
            if variant != needed:
                yield places[pair.first], places[slot, variant]


def _dead(bits: _Masks, conflicts: _Masks, banned: int) -> int:
    """Return the mask of variants that stand in no allowed combination."""
    if any(all(bit & banned for bit in slot_bits) for slot_bits in bits):
        return sum(map(sum, bits))
    dead = banned
    hard = [slot for slot, slot_bits in enumerate(bits) if _is_hard(slot_bits, conflicts[slot], banned)]
    by_bit = tuple(chain(*conflicts))
    for slot, slot_bits in enumerate(bits) if hard else ():
        others = [sum(bits[other]) for other in hard if other != slot]
        for bit, mask in zip(slot_bits, conflicts[slot], strict=True):
            if not bit & dead and not _fits(others, by_bit, dead | mask):
                dead |= bit
    return dead


def _is_hard(bits: Sequence[int], conflicts: Sequence[int], dead: int) -> bool:
    """Tell whether a slot has no variant, but dead ones, that stands beside anything."""
    return all(bit & dead or mask for bit, mask in zip(bits, conflicts, strict=True))


def _fits(masks: Sequence[int], by_bit: Sequence[int], blocked: int) -> bool:
    """Tell whether a variant of each of these slots can be found that nothing blocks: a complete search."""
    if not masks:
        return True
    left = [mask & ~blocked for mask in masks]
    tightest = min(left, key=int.bit_count)
    left.remove(tightest)
    while tightest:
        bit = tightest & -tightest
        if _fits(left, by_bit, blocked | by_bit[bit.bit_length() - 1]):
            return True
        tightest ^= bit
    return False
