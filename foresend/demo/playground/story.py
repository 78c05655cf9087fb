"""What has changed between two looks at a person's message, and why, in numbers and in words."""

import re
from textwrap import shorten
from typing import NamedTuple

import msgspec

from foresend.demo.answers import Looked, VariantWhy
from schemas.ids import Locale, SlotName, Tag, TemplateName, VariantId
from schemas.library import Release, Variant

WORDS_MAX = 60
"""Letters; whoever wants all of them looks at the message."""
PARTS = ("text", "title", "alt")
"""Parts of a variant that tell people what it is, the best first."""
_FIELD = re.compile(r"\{\{[^}]*\}\}")


class WasNow(msgspec.Struct, frozen=True):
    """A number before and after. None: there was none."""

    was: float | None
    now: float | None


class Contribution(msgspec.Struct, frozen=True):
    """What speaks for one variant: its terms add up to its score, and scores make probabilities."""

    variant: VariantId
    words: str
    tags: tuple[Tag, ...]
    probability: WasNow
    affinity: WasNow
    terms: dict[str, WasNow]


class Change(msgspec.Struct, frozen=True):
    """One slot that shows another variant than before: the two of them, and why."""

    slot: SlotName
    was: Contribution
    now: Contribution
    because: str


class Words(NamedTuple):
    """Variants in words, by a release."""

    release: Release

    def of(self, template: str, slot: SlotName, variant: VariantId, language: str) -> str:
        """What a variant says, or its id where it says nothing in this language; fields stand as an ellipsis."""
        found = self.find(template, slot, variant)
        content = found.content.get(Locale(language), {}) if found else {}
        told = next((content[part] for part in PARTS if content.get(part)), variant)
        return shorten(_FIELD.sub("…", told), WORDS_MAX, placeholder=" …")

    def tags(self, template: str, slot: SlotName, variant: VariantId) -> tuple[Tag, ...]:
        """A variant's tags."""
        found = self.find(template, slot, variant)
        return found.tags if found else ()

    def find(self, template: str, slot: SlotName, variant: VariantId) -> Variant | None:
        """The variant, if the release has it."""
        for found in self.release.templates:
            if found.name == TemplateName(template):
                variants = (one for part in found.slots if part.name == slot for one in part.variants)
                return next((one for one in variants if one.id == variant), None)
        return None


def changes(before: Looked, now: Looked, words: Words) -> list[Change]:
    """The slots that show another variant than before; none where one of the two is the default content."""
    found = []
    for slot, variant in now.variants.items():
        old = before.variants.get(slot)
        if old is None or old == variant:
            continue
        was, shown = (contribution(before, now, slot, one, words) for one in (old, variant))
        found.append(Change(slot, was, shown, _because(shown)))
    return found


def contribution(before: Looked | None, now: Looked, slot: SlotName, variant: VariantId, words: Words) -> Contribution:
    """What speaks for a variant now, and spoke for it before."""
    old, new = _why(before, slot, variant), _why(now, slot, variant)
    return Contribution(
        variant=variant,
        words=words.of(now.template, slot, variant, now.language),
        tags=words.tags(now.template, slot, variant),
        probability=WasNow(old.probability if old else None, new.probability if new else None),
        affinity=WasNow(old.affinity if old else None, new.affinity if new else None),
        terms={
            name: WasNow(old.terms.get(name) if old else None, term)
            for name, term in (new.terms if new else {}).items()
        },
    )


def shown_now(before: Looked | None, now: Looked, words: Words) -> dict[SlotName, Contribution]:
    """What speaks for each variant that is shown now."""
    return {slot: contribution(before, now, slot, variant, words) for slot, variant in now.variants.items()}


def _why(looked: Looked | None, slot: SlotName, variant: VariantId) -> VariantWhy | None:
    explained = (looked.explain or {}).get(slot) if looked else None
    return explained.of(variant) if explained else None


def _because(shown: Contribution) -> str:
    """Why a variant is shown, in a sentence.

    >>> near = WasNow(0.2, 0.7)
    >>> _because(Contribution("far", "", ("sci-fi",), WasNow(0.1, 0.5), near, {"prior": WasNow(0.4, 1.4)}))
    'engagement with sci-fi went from 0.20 to 0.70: prior +1.40 (was +0.40)'
    """
    about = ", ".join(shown.tags) or "nothing in particular"
    terms = ", ".join(f"{name} {_signed(term.now)} (was {_signed(term.was)})" for name, term in shown.terms.items())
    was, now = shown.affinity.was, shown.affinity.now
    moved = f"went from {was:.2f} to {now:.2f}" if was is not None and now is not None else "is new"
    return f"engagement with {about} {moved}: {terms}"


def _signed(value: float | None) -> str:
    return "nothing" if value is None else f"{value:+.2f}"
