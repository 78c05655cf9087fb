"""What can be sent now: each template's variants that are valid, by index, and which of them may stand together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from online_models.likeliest import likeliest
from online_models.rules import Rules
from online_models.validity import valid_variants
from schemas.ids import SlotName, VariantId
from schemas.library import MessageClass, Release, Template, Variant
from templates.rules import always_valid, first_allowed

SEEN_BEFORE_OPENING = frozenset({"subject", "preheader"})
"""Kinds of slots that are read in the list of mails: they move opens, all others move clicks."""
TRIES_MAX = 10_000
NOTHING = -1
"""In a choice: a variant that is not among the valid ones. Nobody likes or dislikes it."""

Choice = tuple[int, ...]
"""For each slot, in the template's order, the index of the variant shown."""


@dataclass(frozen=True)
class Sendable:
    """One template at one moment.

    slots    for each slot its valid variants
    opening  for each slot, whether it is seen before the mail is opened
    default  what is shown where nothing personal is
    """

    template: Template
    slots: tuple[tuple[Variant, ...], ...]
    rules: Rules
    opening: tuple[bool, ...]
    default: Choice

    def choice_of(self, variants: Mapping[SlotName, VariantId]) -> Choice:
        """What was shown, by index; what the template has not is `NOTHING`."""
        return tuple(
            next((i for i, one in enumerate(valid) if one.id == variants.get(slot.name)), NOTHING)
            for slot, valid in zip(self.template.slots, self.slots, strict=True)
        )

    def variants_of(self, choice: Choice) -> dict[SlotName, VariantId]:
        """Undo `choice_of`."""
        columns = zip(self.template.slots, self.slots, choice, strict=True)
        return {slot.name: valid[i].id for slot, valid, i in columns if i != NOTHING}

    def any_allowed(self, chance: Random) -> Choice:
        """Draw one of the allowed combinations, each as likely as any other.

        Where rules refuse nearly everything the drawing ends, and one that is random but not evenly is taken.
        """
        live = self.rules.live
        for _ in range(TRIES_MAX):
            choice = tuple([variants[int(chance.random() * len(variants))] for variants in live])
            if self.rules.allow(choice):
                return choice
        weights = [[chance.random() for _ in valid] for valid in self.slots]
        return next(likeliest(weights, self.rules, chance))


def sendables_of(release: Release, at_ms: int) -> list[Sendable]:
    """The templates that can be sent at a time: those whose rules and validities allow any combination.

    Others than marketing are left out where there is any: receipts are sent for a reason, not to be liked.
    """
    marketing = [one for one in release.templates if one.message_class is MessageClass.MARKETING]
    sendables = (_sendable(template, at_ms) for template in marketing or release.templates)
    return [sendable for sendable in sendables if sendable is not None]


def _sendable(template: Template, at_ms: int) -> Sendable | None:
    slots = tuple(tuple(valid_variants(slot, at_ms)) for slot in template.slots)
    named: Sequence[tuple[SlotName, list[VariantId]]] = [
        (slot.name, [one.id for one in valid]) for slot, valid in zip(template.slots, slots, strict=True)
    ]
    rules = Rules.of(template.rules, named)
    fallback = first_allowed(template.slots, template.rules, always_valid)
    if not all(rules.live) or fallback is None:
        return None
    default = tuple(ids.index(one) if one in ids else NOTHING for (_, ids), one in zip(named, fallback, strict=True))
    opening = tuple(slot.kind in SEEN_BEFORE_OPENING for slot in template.slots)
    return Sendable(template, slots, rules, opening, default)
