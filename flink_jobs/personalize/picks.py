"""What the catalog slots of a template show one person: slates by the slot's place, and how they changed."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from flink_jobs.worlds import World
from online_models.cells import Emitted
from online_models.rules import Rules
from online_models.slates import Slates, slates_for
from online_models.terms import Person
from schemas.ids import VariantId
from schemas.library import Template

DIGEST_BYTES = 8

Picks = Mapping[int, Slates]
"""By the place of a catalog slot. One that is missing shows the items that the release has: too few are known."""
Names = tuple[tuple[VariantId, ...], ...]
"""For each catalog slot, in the template's order, the names of its slates; none where the release's items are shown."""


def picked(world: World, template: Template, person: Person, emitted: Emitted | None, key: bytes) -> Picks:
    """The slates of each catalog slot.

    key  of the communication: a person's slates differ from another's by it
    """
    places = [place for place, slot in enumerate(template.slots) if slot.catalogue]
    if not places:
        return {}
    kept = emitted.slates if emitted is not None and len(emitted.slates) == len(places) else ((),) * len(places)
    seed = blake2b(key, digest_size=16).digest()
    found: dict[int, Slates] = {}
    for place, before in zip(places, kept, strict=True):
        slot = template.slots[place]
        slates = slates_for(world.shelves, world.catalogue, template.name, slot, person, before, seed)
        if slates is not None:
            found[place] = slates
    return found


def names_of(template: Template, picks: Picks) -> Names:
    """What of picks is remembered until the next look."""
    places = [place for place, slot in enumerate(template.slots) if slot.catalogue]
    return tuple([picks[place].scores.variants if place in picks else () for place in places])


def digest_of(picks: Picks) -> bytes:
    """Changes when any item that is shown, or able to be shown, is another, or has other words."""
    if not picks:
        return b""
    words = [(place, sorted(slates.words.items())) for place, slates in sorted(picks.items())]
    return blake2b(repr(words).encode(), digest_size=DIGEST_BYTES).digest()


def cause_of(template: Template, picks: Picks, before: Names) -> str:
    """Why items are shown anew: one changed or ended, or the person would like others better."""
    now = names_of(template, picks)
    if now == before or len(now) != len(before) or any(slates.lost for slates in picks.values()):
        return "catalogue"
    return "shift" if all(bool(old) == bool(new) for old, new in zip(before, now, strict=True)) else "catalogue"


def rules_with(template: Template, rules: Rules, variants: Sequence[tuple[VariantId, ...]], picks: Picks) -> Rules:
    """The content rules over variants and slates: no rule names a slate."""
    if not picks:
        return rules
    shown = [picks[place].scores.variants if place in picks else its for place, its in enumerate(variants)]
    return Rules.of(template.rules, [(slot.name, its) for slot, its in zip(template.slots, shown, strict=True)])


def until_of(picks: Picks, until_ms: int) -> int:
    """When what can be shown changes next: as the menu says, or when an item ends; 0 is never."""
    ends = [end for slates in picks.values() for end in slates.ends_ms.values()]
    return min([end for end in (until_ms, *ends) if end], default=0)
