"""Menus: what a template can show at a time. All that follows from release, snapshot and time alone is made once."""

from bisect import bisect_right

from online_models.rules import Rules
from online_models.scoring import SlotScorer
from online_models.validity import valid_variants
from schemas.ids import VariantId
from schemas.library import Template
from schemas.models import ModelSnapshot

MENUS_KEPT_MAX = 64
"""Menus kept for one template: time goes on, and late users ask for the last one at most."""


class Menu:
    """What a template can show in a span of time in which no variant's validity begins or ends.

    variants  for each slot the ids of its valid variants, in the library's order
    scorers   for each slot
    rules     the content rules by index into `variants`
    until_ms  when the span ends; 0 is never
    ends_ms   for each slot, when each of its variants ends; 0 is never
    """

    __slots__ = ("ends_ms", "rules", "scorers", "until_ms", "variants")

    def __init__(self, template: Template, models: ModelSnapshot, at_ms: int, until_ms: int) -> None:
        allowed = [valid_variants(slot, at_ms) for slot in template.slots]
        self.until_ms = until_ms
        self.variants = tuple(tuple(variant.id for variant in slot) for slot in allowed)
        names = [slot.name for slot in template.slots]
        self.scorers = tuple(
            SlotScorer(variants, models.prior_of(template.name, name))
            for name, variants in zip(names, allowed, strict=True)
        )
        self.rules = Rules.of(template.rules, list(zip(names, self.variants, strict=True)))
        self.ends_ms: tuple[dict[VariantId, int], ...] = tuple(
            {variant.id: variant.valid_until_ms for variant in slot} for slot in allowed
        )


class Menus:
    """The menus of one template under one snapshot."""

    def __init__(self, template: Template, models: ModelSnapshot) -> None:
        variants = [variant for slot in template.slots for variant in slot.variants]
        bounds = {bound for variant in variants for bound in (variant.valid_from_ms, variant.valid_until_ms) if bound}
        self._template = template
        self._models = models
        self._bounds = sorted(bounds)
        self._menus: dict[int, Menu] = {}

    def at(self, at_ms: int) -> Menu:
        """The menu at a time."""
        span = bisect_right(self._bounds, at_ms)
        menu = self._menus.get(span)
        if menu is None:
            until_ms = self._bounds[span] if span < len(self._bounds) else 0
            if len(self._menus) >= MENUS_KEPT_MAX:
                self._menus.clear()
            menu = self._menus[span] = Menu(self._template, self._models, at_ms, until_ms)
        return menu
