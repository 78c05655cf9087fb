"""Menus: what a template can show at a time. All that follows from release, models and time alone is made once."""

from bisect import bisect_right
from collections.abc import Sequence

from online_models.rules import Rules
from online_models.scoring import Scorers, SlotScorer
from online_models.terms import SlotTable
from online_models.validity import valid_variants
from schemas.ids import VariantId
from schemas.library import Template

MENUS_KEPT_MAX = 64
"""Menus kept for one template: time goes on, and late users ask for the last one at most."""


class Offer:
    """What a release lets a template show in a span of time in which no variant's validity begins or ends.

    tables    for each slot its valid variants, in the library's order
    rules     the content rules by index into them
    until_ms  when the span ends; 0 is never
    ends_ms   for each slot, when each of its variants ends; 0 is never
    """

    def __init__(self, template: Template, at_ms: int, until_ms: int) -> None:
        allowed = [valid_variants(slot, at_ms) for slot in template.slots]
        names = [slot.name for slot in template.slots]
        self.until_ms = until_ms
        self.tables = tuple(
            SlotTable(template.name, slot.name, variants, is_catalog=slot.items > 0)
            for slot, variants in zip(template.slots, allowed, strict=True)
        )
        ids = [table.variants for table in self.tables]
        self.rules = Rules.of(template.rules, list(zip(names, ids, strict=True)))
        self.ends_ms: tuple[dict[VariantId, int], ...] = tuple(
            {variant.id: variant.valid_until_ms for variant in slot} for slot in allowed
        )


class Offers:
    """The offers of one template: they outlive the models, which change more often."""

    def __init__(self, template: Template) -> None:
        variants = [variant for slot in template.slots for variant in slot.variants]
        bounds = {bound for variant in variants for bound in (variant.valid_from_ms, variant.valid_until_ms) if bound}
        self._template = template
        self._bounds: Sequence[int] = sorted(bounds)
        self._offers: dict[int, Offer] = {}

    def span_at(self, at_ms: int) -> int:
        """The number of the span that a time lies in."""
        return bisect_right(self._bounds, at_ms)

    def of_span(self, span: int) -> Offer:
        """The offer of a span."""
        offer = self._offers.get(span)
        if offer is None:
            from_ms = self._bounds[span - 1] if span else 0
            until_ms = self._bounds[span] if span < len(self._bounds) else 0
            if len(self._offers) >= MENUS_KEPT_MAX:
                self._offers.clear()
            offer = self._offers[span] = Offer(self._template, from_ms, until_ms)
        return offer


class Menu:
    """An offer, and how its variants are scored. See `Offer`.

    scorers  for each slot
    """

    __slots__ = ("ends_ms", "rules", "scorers", "until_ms", "variants")

    def __init__(self, offer: Offer, scorers: tuple[SlotScorer, ...]) -> None:
        self.scorers = scorers
        self.variants = tuple(table.variants for table in offer.tables)
        self.rules, self.until_ms, self.ends_ms = offer.rules, offer.until_ms, offer.ends_ms


class Menus:
    """The menus of one template under the models of one world."""

    def __init__(self, offers: Offers, scorers: Scorers) -> None:
        self._offers = offers
        self._scorers = scorers
        self._menus: dict[int, Menu] = {}

    def at(self, at_ms: int) -> Menu:
        """The menu at a time."""
        span = self._offers.span_at(at_ms)
        menu = self._menus.get(span)
        if menu is None:
            if len(self._menus) >= MENUS_KEPT_MAX:
                self._menus.clear()
            offer = self._offers.of_span(span)
            menu = self._menus[span] = Menu(offer, tuple(map(self._scorers.of, offer.tables)))
        return menu
