"""Releases that nothing can be rendered from: just slots, tags and rules, small enough to try every combination."""

from collections.abc import Sequence

from schemas.ids import FieldName, Locale, ReleaseId, SlotName, Tag, TemplateName, VariantId, WorkspaceId
from schemas.library import (
    ConsentSettings,
    ContentRules,
    Field,
    MessageClass,
    Pair,
    Release,
    Slot,
    TagRule,
    Template,
    Variant,
    WorkspaceSettings,
)

TAGS = ("jazz", "vinyl", "horror", "crime", "comedy")
MAIL = TemplateName("mail")
EN = Locale("en")


def small_release(
    *sizes: int,
    forbidden: Sequence[Pair] = (),
    required: Sequence[Pair] = (),
    tags: Sequence[str] = TAGS,
    rules: Sequence[TagRule] = (TagRule("genre", ("Looked",), 1.0), TagRule("goods[].genre", ("Bought",), 4.0)),
    locales: Sequence[str] = ("en",),
    fields: Sequence[str] = (),
    valid_until_ms: int = 0,
) -> Release:
    """One template with slots `s0`, `s1` … of so many variants `v0`, `v1` …; the first slot is the subject.

    valid_until_ms  of the last variant of each slot
    """
    slots = tuple(
        Slot(
            SlotName(f"s{slot}"),
            "subject" if slot == 0 else "text",
            tuple(_variant(slot, number, tags, valid_until_ms * (number == size - 1)) for number in range(size)),
        )
        for slot, size in enumerate(sizes)
    )
    template = Template(
        MAIL,
        MessageClass.MARKETING,
        slots,
        tuple(Field(FieldName(name), {}) for name in fields),
        {Locale(locale): "layout" for locale in locales},
        ContentRules(tuple(forbidden), tuple(required)),
    )
    settings = WorkspaceSettings(
        default_locale=Locale(locales[0]), timezone="UTC", tags=tuple(rules), consent=ConsentSettings(missing=True)
    )
    return Release(WorkspaceId("small"), ReleaseId("r"), settings, (template,), {}, {})


def _variant(slot: int, number: int, tags: Sequence[str], valid_until_ms: int) -> Variant:
    own = tuple(Tag(tag) for tag in (tags[number % len(tags)], tags[(number + slot) % len(tags)])) if tags else ()
    return Variant(VariantId(f"v{number}"), tuple(dict.fromkeys(own)), {}, valid_until_ms=valid_until_ms)
