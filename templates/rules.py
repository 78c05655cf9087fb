"""Combinations of variants that the content rules allow."""

from collections.abc import Callable, Sequence

from schemas.ids import SlotName, VariantId
from schemas.library import ContentRules, Slot, Variant

Choice = tuple[SlotName, VariantId]


class Rulebook:
    """Content rules, ready to ask whether two choices may stand together."""

    def __init__(self, rules: ContentRules) -> None:
        self._forbidden = {(p.first, p.second) for p in rules.forbidden} | {
            (p.second, p.first) for p in rules.forbidden
        }
        self._required: dict[Choice, dict[SlotName, VariantId]] = {}
        for pair in rules.required:
            self._required.setdefault(pair.first, {})[pair.second[0]] = pair.second[1]

    def compatible(self, one: Choice, other: Choice) -> bool:
        """Whether two choices of different slots may stand together."""
        if (one, other) in self._forbidden:
            return False
        return self._demand(one, other) and self._demand(other, one)

    def _demand(self, one: Choice, other: Choice) -> bool:
        demanded = self._required.get(one, {}).get(other[0])
        return demanded is None or demanded == other[1]


def first_allowed(
    slots: Sequence[Slot],
    rules: ContentRules,
    preference: Callable[[Slot], Sequence[Variant]] = lambda slot: slot.variants,
    fixed: Choice | None = None,
) -> tuple[VariantId, ...] | None:
    """The first combination in order of preference that the rules allow, one variant for each slot.

    preference  the variants of a slot that may be taken, the best first
    fixed       a choice that must be in it
    """
    book = Rulebook(rules)
    chosen: list[Choice] = []

    def options(slot: Slot) -> Sequence[Variant]:
        if fixed is not None and slot.name == fixed[0]:
            return [variant for variant in slot.variants if variant.id == fixed[1]]
        return preference(slot)

    def extend(index: int) -> bool:
        if index == len(slots):
            return True
        for variant in options(slots[index]):
            choice = (slots[index].name, variant.id)
            if all(book.compatible(choice, earlier) for earlier in chosen):
                chosen.append(choice)
                if extend(index + 1):
                    return True
                chosen.pop()
        return False

    return tuple(variant for _, variant in chosen) if extend(0) else None


def always_valid(slot: Slot) -> list[Variant]:
    """The variants of a slot that anybody may be shown at any time, ever so often: only these stand in a fallback."""
    return [
        one for one in slot.variants if not (one.valid_from_ms or one.valid_until_ms or one.when or one.repeats_max)
    ]
