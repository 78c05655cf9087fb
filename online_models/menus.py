"""Menus: what a template can show at a time. All that follows from release, models and time alone is made once."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from online_models.eligibility import Gates
from online_models.policies.shares import Shares
from online_models.rules import Rules
from online_models.scoring import Scorers, SlotScorer, SlotScores
from online_models.terms import Person, SlotTable
from online_models.validity import valid_variants
from schemas.condition_values import Facts
from schemas.ids import VariantId
from schemas.library import Template, Variant, WorkspaceSettings

MENUS_KEPT_MAX = 64
"""Menus kept for one template: time goes on, and late users ask for the last one at most."""
DIGEST_BYTES = 8
PARTS_KEPT_MAX = 256
"""Parts kept of one offer: people differ by which conditions hold, of which most templates have a few."""


class Part(NamedTuple):
    """What of an offer those may be shown for whom the same conditions hold.

    tables    for each slot its variants, those of the whole offer where none of them is out
    variants  for each slot their ids
    rules     the content rules by index into them
    shares    for each slot the bounds of its variants' probabilities; None: there are none
    digest    stands for the variants
    """

    tables: tuple[SlotTable, ...]
    variants: tuple[tuple[VariantId, ...], ...]
    rules: Rules
    shares: tuple[Shares | None, ...]
    digest: bytes


class Offer:
    """What a release lets a template show in a span of time in which no variant's validity begins or ends.

    tables    for each slot its valid variants, in the library's order
    until_ms  when the span ends; 0 is never
    ends_ms   for each slot, when each of its variants ends; 0 is never
    """

    def __init__(
        self, template: Template, at_ms: int, until_ms: int, gates: Gates | None = None, floor: float = 0.0
    ) -> None:
        allowed = [valid_variants(slot, at_ms) for slot in template.slots]
        self.until_ms = until_ms
        self.tables = tuple(
            SlotTable(template.name, slot.name, variants, is_catalog=slot.items > 0)
            for slot, variants in zip(template.slots, allowed, strict=True)
        )
        self.ends_ms: tuple[dict[VariantId, int], ...] = tuple(
            {variant.id: variant.valid_until_ms for variant in slot} for slot in allowed
        )
        self.gates = gates
        self._template, self._allowed, self._floor = template, allowed, floor
        self._places = gates.places if gates is not None else ()
        self._present = sum(
            1 << bit for bit, (slot, variant) in enumerate(self._places) if variant in self.ends_ms[slot]
        )
        self._parts: dict[int, Part] = {}

    def closed(self, facts: Facts, repeats: Mapping[str, int]) -> int:
        """The bits of what is valid now and a person may not be shown."""
        return 0 if self.gates is None else self.gates.closed(facts, repeats) & self._present

    def part(self, closed: int = 0) -> Part:
        """What is left without the variants of these bits (`online_models.eligibility`)."""
        part = self._parts.get(closed)
        if part is None:
            if len(self._parts) >= PARTS_KEPT_MAX:
                self._parts.clear()
            part = self._parts[closed] = self._made(closed)
        return part

    def _made(self, closed: int) -> Part:
        out = {place for bit, place in enumerate(self._places) if closed >> bit & 1}
        left: list[list[Variant]] = [
            [variant for variant in variants if (slot, variant.id) not in out]
            for slot, variants in enumerate(self._allowed)
        ]
        tables = tuple(
            table if len(variants) == len(table) else SlotTable(table.template, table.slot, variants)
            for variants, table in zip(left, self.tables, strict=True)
        )
        ids = tuple(tuple([variant.id for variant in variants]) for variants in left)
        names = [slot.name for slot in self._template.slots]
        return Part(
            tables,
            ids,
            Rules.of(self._template.rules, list(zip(names, ids, strict=True))),
            tuple(Shares.of(variants, self._floor) for variants in left),
            blake2b(repr(ids).encode(), digest_size=DIGEST_BYTES).digest(),
        )


class Offers:
    """The offers of one template: they outlive the models, which change more often.

    gates  None where everybody may be shown everything
    """

    def __init__(self, template: Template, settings: WorkspaceSettings | None = None) -> None:
        """Make ready what conditions ask.

        Raises:
            ConfigError: a condition that nobody can read.
        """
        variants = [variant for slot in template.slots for variant in slot.variants]
        bounds = {bound for variant in variants for bound in (variant.valid_from_ms, variant.valid_until_ms) if bound}
        self.gates = Gates.of(template, settings) if settings is not None else None
        self._floor = settings.policy.floor if settings is not None else 0.0
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
            offer = self._offers[span] = Offer(self._template, from_ms, until_ms, self.gates, self._floor)
        return offer


class Menu:
    """A part of an offer, and how its variants are scored. See `Offer` and `Part`.

    scorers  for each slot
    """

    __slots__ = ("_makers", "_offer", "_opened", "digest", "ends_ms", "rules", "scorers", "shares", "until_ms",
                 "variants")  # fmt: skip

    def __init__(self, offer: Offer, makers: Scorers, part: Part, known: Sequence[SlotScorer] = ()) -> None:
        """Have the part's tables scored.

        makers  of scorers
        known   scorers of the whole offer, which do for tables of which none is out
        """
        scorers = {id(scorer.table): scorer for scorer in known}
        self.scorers = tuple([scorers.get(id(table)) or makers.of(table) for table in part.tables])
        _, self.variants, self.rules, self.shares, self.digest = part
        self.until_ms, self.ends_ms = offer.until_ms, offer.ends_ms
        self._offer, self._makers = offer, makers
        self._opened: dict[int, Menu] = {}

    @property
    def is_gated(self) -> bool:
        """Whether not everybody may be shown everything."""
        return self._offer.gates is not None

    def open_to(self, facts: Facts, repeats: Mapping[str, int]) -> "Menu":
        """The menu of a person: without variants whose condition does not hold, or which were shown often enough.

        All who may be shown the same have the same one.
        """
        closed = self._offer.closed(facts, repeats)
        if not closed:
            return self
        menu = self._opened.get(closed)
        if menu is None:
            if len(self._opened) >= PARTS_KEPT_MAX:
                self._opened.clear()
            menu = self._opened[closed] = Menu(self._offer, self._makers, self._offer.part(closed), self.scorers)
        return menu

    def scores(self, person: Person) -> tuple[SlotScores, ...]:
        """The scores of what the person may be shown, slot by slot."""
        return tuple([scorer.score(person) for scorer in self.scorers])


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
            menu = self._menus[span] = Menu(offer, self._scorers, offer.part())
        return menu
