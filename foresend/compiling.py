"""What a workspace compiles to, told without publishing it: sizes of its messages, and what a release would hold."""

from collections.abc import Iterator
from math import prod
from time import perf_counter

import msgspec

from schemas.codec import encode
from schemas.library import Release
from templates.compiler import compile_release
from templates.library import Library
from templates.lint.size import Sizes, sizes_of
from templates.sources import Workspace


class VariantLine(msgspec.Struct, frozen=True, tag="variant", tag_field="kind"):
    """The default message of a template with one variant in the default one's place; bytes with send marks filled."""

    template: str
    locale: str
    slot: str
    variant: str
    html_bytes: int
    text_bytes: int


class TemplateLine(msgspec.Struct, frozen=True, tag="template", tag_field="kind"):
    """One language of a template.

    combinations        products of the slots' variants, before rules
    default_html_bytes  with the variants that stand first, as far as rules allow; of a block its JSON
    largest             slot.variant of the largest message that rules allow, fields at their longest
    """

    template: str
    locale: str
    makes: str
    message_class: str
    slots: int
    combinations: int
    default_html_bytes: int
    default_text_bytes: int
    largest_html_bytes: int
    largest_text_bytes: int
    largest: tuple[str, ...]


class ReleaseLine(msgspec.Struct, frozen=True, tag="release", tag_field="kind"):
    """What `foresend release` would publish. `release_bytes` is the record's value, dictionary and pieces included."""

    workspace: str
    release: str
    templates: int
    layouts: int
    fallbacks: int
    dictionary_bytes: int
    pieces_bytes: int
    release_bytes: int
    seconds: float


CompiledLine = VariantLine | TemplateLine | ReleaseLine


def compiled_lines(workspace: Workspace) -> Iterator[CompiledLine]:
    """Compile, and tell each language of each template, its variants after it; the release last."""
    begun_s = perf_counter()
    release = compile_release(workspace)
    seconds = perf_counter() - begun_s
    library = Library(release)
    for template in library.templates:
        for locale in sorted(template.layouts):
            sizes = sizes_of(library, template, locale)
            if sizes is not None:
                yield from _template_lines(sizes)
    yield _release_line(release, seconds)


def _template_lines(sizes: Sizes) -> Iterator[CompiledLine]:
    template = sizes.template
    yield TemplateLine(
        template=template.name,
        locale=sizes.locale,
        makes=template.kind.value,
        message_class=template.message_class.value,
        slots=len(template.slots),
        combinations=prod(len(slot.variants) for slot in template.slots),
        default_html_bytes=sizes.default_html,
        default_text_bytes=sizes.default_text,
        largest_html_bytes=sizes.largest_html,
        largest_text_bytes=sizes.largest_text,
        largest=tuple(f"{slot.name}.{one}" for slot, one in zip(template.slots, sizes.largest, strict=True)),
    )
    for one in sizes.variants:
        yield VariantLine(template.name, sizes.locale, one.slot, one.variant, one.html, one.text)


def _release_line(release: Release, seconds: float) -> ReleaseLine:
    return ReleaseLine(
        workspace=release.workspace,
        release=release.id,
        templates=len(release.templates),
        layouts=len(release.layouts),
        fallbacks=len(release.fallbacks),
        dictionary_bytes=len(release.dictionary),
        pieces_bytes=sum(len(piece) for pieces in release.pieces.values() for piece in pieces),
        release_bytes=len(encode(release)),
        seconds=round(seconds, 3),
    )
