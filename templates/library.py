"""A release, ready to render with: built once for each release in the operator that renders."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jinja2
import msgspec
import zstandard

from schemas.decisions import Rendered
from schemas.errors import ConfigError
from schemas.ids import FieldName, Locale, SlotName, TemplateName, VariantId
from schemas.library import Layout, Release, Slot, Template, Variant
from templates.expressions import (
    HTML_ENVIRONMENT,
    TEXT_ENVIRONMENT,
    Fault,
    LayoutEnvironment,
    Pieces,
    Reference,
    faults_of,
    parse,
    pieces_of,
    references,
)
from templates.release_check import faults_of_release
from templates.send_marks import MARKS, mark
from templates.values import field_value, fields_of

COMPRESSION_LEVEL = 10
"""Measured on the sample, variants mixed at random: level 6 207 B in 30 µs, 10 184 B in 45 µs, 19 178 B in 2 ms."""
LAYOUTS_KEPT = 256
"""Compiled layouts that are remembered over releases, most recently used first: about 100 KB each."""

Words = dict[str, str]


class _Shape(NamedTuple):
    """A layout, compiled."""

    html: jinja2.Template
    text: jinja2.Template
    subject: Pieces
    preheader: Pieces
    references: frozenset[Reference]
    """All that it prints or asks for."""


class _Content(NamedTuple):
    """A variant's parts in one language: `fixed` where no field stands in them."""

    fixed: Words | None
    pieces: dict[str, Pieces]


@lru_cache(maxsize=LAYOUTS_KEPT)
def _compiled(layout: Layout) -> _Shape:
    """Compile a layout. It is checked again: a release is only as trusted as the topic it came from."""
    html, in_html = _template(HTML_ENVIRONMENT, layout.html)
    text, in_text = _template(TEXT_ENVIRONMENT, layout.text)
    subject, preheader = _pieces(layout.subject), _pieces(layout.preheader)
    return _Shape(html, text, subject, preheader, in_html | in_text | {*subject.references, *preheader.references})


def _template(environment: LayoutEnvironment, source: str) -> tuple[jinja2.Template, frozenset[Reference]]:
    tree = parse(source, environment)
    fault = tree if isinstance(tree, Fault) else next(faults_of(tree), None)
    if isinstance(tree, Fault) or fault is not None:
        raise ConfigError(f"a layout of the release cannot be used: {fault.message if fault else ''}")
    return environment.from_string(tree), frozenset(reference for reference, _ in references(tree))


def _pieces(text: str) -> Pieces:
    pieces = pieces_of(text)
    if isinstance(pieces, Fault):
        raise ConfigError(f"a text of the release cannot be used: {pieces.message}")
    return pieces


class Library:
    """One release. Pure: the same arguments give the same bytes. Not shared by threads (the compressor is not)."""

    def __init__(self, release: Release) -> None:
        """Compile every layout that is not known yet.

        Raises:
            ConfigError: the release holds what no compiler of ours would make.
        """
        faults = faults_of_release(release)
        if faults:
            raise ConfigError(faults)
        self.release = release
        self.templates = release.templates
        self._templates = {template.name: template for template in release.templates}
        self._variants = {
            (template.name, slot.name, variant.id): variant
            for template in release.templates
            for slot in template.slots
            for variant in slot.variants
        }
        self._marks = {name: mark(release.mark_prefix, name) for name in MARKS}
        self._shapes: dict[tuple[TemplateName, Locale], _Shape] = {}
        self._contents: dict[tuple[TemplateName, Locale, SlotName, VariantId], _Content] = {}
        for template in release.templates:
            for locale, key in template.layouts.items():
                self._add(template, locale, release.layouts[key])
        self._encoder = msgspec.msgpack.Encoder()
        self._zstd = _compressor(release.dictionary)

    def _add(self, template: Template, locale: Locale, layout: Layout) -> None:
        """Take one language of a template in, so that rendering it later cannot fail."""
        shape = self._shapes[template.name, locale] = _compiled(layout)
        needed = set(shape.references)
        for slot in template.slots:
            for variant in slot.variants:
                pieces = {name: _pieces(text) for name, text in variant.content[locale].items()}
                inner = {reference for piece in pieces.values() for reference in piece.references}
                words = None if inner else dict(variant.content[locale])
                self._contents[template.name, locale, slot.name, variant.id] = _Content(words, pieces)
                needed |= inner
        missing = needed - _printable(template, locale)
        if missing:
            shown = ", ".join(sorted(".".join(reference) for reference in missing))
            raise ConfigError(f"{template.name} in {locale} prints what the release does not have: {shown}")

    def template(self, name: TemplateName) -> Template:
        """A template by name; KeyError where the release has none."""
        return self._templates[name]

    def variant(self, template: TemplateName, slot: SlotName, variant: VariantId) -> Variant | None:
        """A variant by its names; None where the release has none."""
        return self._variants.get((template, slot, variant))

    def allowed(self, slot: Slot, at_ms: int) -> tuple[Variant, ...]:
        """The variants of a slot that are valid at a time, in the library's order."""
        return tuple(
            variant
            for variant in slot.variants
            if variant.valid_from_ms <= at_ms and (not variant.valid_until_ms or at_ms < variant.valid_until_ms)
        )

    def locale_for(self, template: Template, locale: str) -> Locale:
        """The locale of a template that serves a person's: the same, its language alone, the workspace's default."""
        for known in (locale, locale.replace("_", "-"), locale.replace("_", "-").partition("-")[0].lower()):
            if known in template.layouts:
                return Locale(known)
        return self.release.settings.default_locale

    def fields_of(self, template: Template, locale: Locale, traits: Mapping[Any, Any]) -> dict[FieldName, str]:
        """The values of all fields of a template for a person with these traits, safe to show."""
        return fields_of(template, locale, traits, self.release.settings.link_hosts)

    def render(
        self, template: Template, locale: Locale, variants: Sequence[VariantId], fields: Mapping[Any, str]
    ) -> Rendered:
        """One message with its send marks open.

        variants  one for each slot, in the order of `template.slots`
        fields    a person's values; cleaned here once more, and defaults stand in for what is missing

        Raises:
            KeyError: a variant or locale is none of this release's.
        """
        hosts = self.release.settings.link_hosts
        own = {field.name: field_value(field, locale, fields.get(field.name), hosts) for field in template.fields}
        slots = {
            slot.name: _words(self._contents[template.name, locale, slot.name, variant], own)
            for slot, variant in zip(template.slots, variants, strict=True)
        }
        shape = self._shapes[template.name, locale]
        values = {"slots": slots, "fields": own, "marks": self._marks}
        return Rendered(
            subject=_joined(shape.subject, values),
            preheader=_joined(shape.preheader, values),
            html=shape.html.render(values).encode(),
            text=shape.text.render(values).encode(),
        )

    def compress(self, rendered: Rendered) -> bytes:
        """The message packed and compressed with the release's dictionary; `send_marks.Opener` opens it."""
        return self._zstd.compress(self._encoder.encode(rendered))


def _printable(template: Template, locale: Locale) -> set[Reference]:
    """What every message of a template can print."""
    parts = {
        ("slots", slot.name, part)
        for slot in template.slots
        for part in set.intersection(*(set(variant.content[locale]) for variant in slot.variants))
    }
    fields = {("fields", field.name) for field in template.fields}
    return {*parts, *fields, *(("marks", name) for name in MARKS)}


def _compressor(dictionary: bytes) -> zstandard.ZstdCompressor:
    # The frame names no dictionary and has no checksum: the entry around it knows the one, RocksDB checks the other.
    if not dictionary:
        return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=False)
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    raw.precompute_compress(level=COMPRESSION_LEVEL)
    return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, dict_data=raw, write_checksum=False, write_dict_id=False)


def _words(content: _Content, fields: dict[FieldName, str]) -> Words:
    if content.fixed is not None:
        return content.fixed
    values = {"fields": fields}
    return {name: _joined(pieces, values) for name, pieces in content.pieces.items()}


def _joined(pieces: Pieces, values: Mapping[str, Any]) -> str:
    out = []
    for part in pieces.parts:
        if isinstance(part, str):
            out.append(part)
        else:
            value: Any = values
            for name in part:
                value = value[name]
            out.append(value)
    return "".join(out)
