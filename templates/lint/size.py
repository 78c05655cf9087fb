"""How large a message can become: mail programs cut long ones off, and with them the way to unsubscribe."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from schemas.decisions import Rendered
from schemas.ids import Locale, SlotName, VariantId
from schemas.library import Field, Slot, Template, TemplateKind, Variant
from templates.block_check import bytes_max_of
from templates.library import Library
from templates.problems import Problem, Severity
from templates.rules import Choice, Rulebook, first_allowed
from templates.sources import TemplateSource, Workspace

CLIPPED_BYTES = 102_000
"""HTML beyond it is cut off by Gmail, as senders have measured; Google states no number."""
MARK_BYTES = 250
"""Of a filled send mark, about: a signed link."""


class VariantSize(NamedTuple):
    """Bytes of the default message with one variant in the place of the default one."""

    slot: SlotName
    variant: VariantId
    html: int
    text: int


class Sizes(NamedTuple):
    """Bytes of one template in one language, HTML (of a block its JSON) with send marks filled.

    default_*  of the first combination that the rules allow
    variants  each variant among defaults
    largest   variants of the largest message that the rules allow, and its bytes, with fields at their longest
    """

    template: Template
    locale: Locale
    default_html: int
    default_text: int
    variants: tuple[VariantSize, ...]
    largest: tuple[VariantId, ...]
    largest_html: int
    largest_text: int


def sizes_of(library: Library, template: Template, locale: Locale) -> Sizes | None:
    """Measure one language of a template, catalog slots with their default items; None where rules allow nothing."""
    first = first_allowed(template.slots, template.rules)
    if first is None:
        return None
    fields = library.fields_of(template, locale, {})
    default = library.render(template, locale, first, fields)
    variants = []
    for place, slot in enumerate(template.slots):
        for variant in slot.variants:
            one = library.render(template, locale, (*first[:place], variant.id, *first[place + 1 :]), fields)
            variants.append(VariantSize(slot.name, variant.id, _html_bytes(one, library), len(one.text)))
    weights = {(one.slot, one.variant): one.html for one in variants}
    largest = largest_allowed(template, weights)
    longest = {field.name: _longest(field.default[locale], field) for field in template.fields}
    message = library.render(template, locale, largest, longest)
    return Sizes(
        template,
        locale,
        _html_bytes(default, library),
        len(default.text),
        tuple(variants),
        largest,
        _html_bytes(message, library),
        len(message.text),
    )


def _by_weight(slot: Slot, weights: Mapping[Choice, int]) -> list[Variant]:
    return sorted(slot.variants, key=lambda one: -weights[slot.name, one.id])


def _longest(default: str, field: Field) -> str:
    return default if field.kind == "url" else "m" * field.length_max


def _html_bytes(rendered: Rendered, library: Library) -> int:
    body = rendered.html or rendered.block
    return len(body) + MARK_BYTES * body.count(library.release.mark_prefix.encode())


def largest_allowed(template: Template, weights: Mapping[Choice, int]) -> tuple[VariantId, ...]:
    """The heaviest combination that the rules allow: a search that gives up branches which cannot become heavier.

    weights  of each choice; only differences within a slot count
    """
    book = Rulebook(template.rules)
    slots = [_by_weight(slot, weights) for slot in template.slots]
    rest = [0] * (len(slots) + 1)
    for place in range(len(slots) - 1, -1, -1):
        heaviest = slots[place][0].id if slots[place] else VariantId("")
        rest[place] = rest[place + 1] + weights.get((template.slots[place].name, heaviest), 0)
    best: list[tuple[int, tuple[VariantId, ...]]] = []

    def extend(chosen: list[Choice], weight: int) -> None:
        place = len(chosen)
        if best and weight + rest[place] <= best[-1][0]:
            return
        if place == len(slots):
            best.append((weight, tuple(variant for _, variant in chosen)))
            return
        for variant in slots[place]:
            choice = (template.slots[place].name, variant.id)
            if all(book.compatible(choice, earlier) for earlier in chosen):
                extend([*chosen, choice], weight + weights[choice])

    extend([], 0)
    return best[-1][1]


def _block_problems(source: TemplateSource, library: Library) -> Iterator[Problem]:
    """A block that its surface cannot take: refused, for providers refuse it too."""
    most = bytes_max_of(source.template)
    for locale in sorted(source.locales):
        sizes = sizes_of(library, library.template(source.template.name), locale)
        if sizes and sizes.largest_html > most > 0:
            message = f"a block in {locale} may have {sizes.largest_html:,} bytes, over {most:,}"
            mend = f"Make it smaller: a {source.template.surface} message takes no more."
            yield Problem(source.file, 1, 1, message, mend, rule="size")


def size_problems(workspace: Workspace, library: Library) -> Iterator[Problem]:
    """Templates with a message that is cut off."""
    for source in workspace.templates:
        if source.template.kind is TemplateKind.BLOCK:
            yield from _block_problems(source, library)
            continue
        for locale in sorted(source.locales):
            sizes = sizes_of(library, library.template(source.template.name), locale)
            if sizes and sizes.largest_html > CLIPPED_BYTES:
                shown = ", ".join(
                    f"{slot.name}.{one}" for slot, one in zip(source.template.slots, sizes.largest, strict=True)
                )
                yield Problem(
                    source.file, 1, 1,
                    f"with {shown} a message in {locale} has {sizes.largest_html:,} bytes of HTML, "
                    f"over {CLIPPED_BYTES:,}",
                    "Make the layout or these variants smaller: mail programs cut the end off.",
                    Severity.WARNING, "size",
                )  # fmt: skip
