"""A release, ready to render with: built once for each release in the operator that renders."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
import zstandard

from schemas.decisions import Rendered
from schemas.errors import ConfigError
from schemas.ids import FieldName, Locale, SlotName, TemplateName, VariantId
from schemas.library import Layout, Release, Template, Variant
from templates.cutting import Content
from templates.disclosures import ROOT, Disclosures
from templates.expressions import Reference
from templates.personal import Common, Page, Personal
from templates.release_check import faults_of_release
from templates.send_marks import MARKS, mark
from templates.shapes import Words, compiled, text_pieces
from templates.values import field_value, fields_of

COMPRESSION_LEVEL = 5
"""Measured on the sample, variants mixed at random: level 3 310 B in 19 µs, 5 194 B in 16 µs, 10 168 B in 33 µs."""

OwnWords = Mapping[int, Mapping[VariantId, Words]]
_NOTHING: OwnWords = MappingProxyType({})


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
        self._catalogs = {
            (template.name, slot.name) for template in release.templates for slot in template.slots if slot.items
        }
        marks = {name: mark(release.mark_prefix, name) for name in MARKS}
        self._common = Common(release.mark_prefix, marks, self.compress)
        self._pages: dict[tuple[TemplateName, Locale], Page] = {}
        for template in release.templates:
            for locale, key in template.layouts.items():
                self._add(template, locale, release.layouts[key])
        self._encoder = msgspec.msgpack.Encoder()
        self._zstd = _compressor(release.dictionary)

    def _add(self, template: Template, locale: Locale, layout: Layout) -> None:
        """Take one language of a template in, so that rendering it later cannot fail."""
        shape = compiled(layout)
        contents = [{variant.id: _content(variant, locale) for variant in slot.variants} for slot in template.slots]
        slots, key = [slot.name for slot in template.slots], f"{template.name}/{locale}"
        disclosures = Disclosures(template.rules.disclosures, slots, locale)
        all_words = [one for of_slot in (*contents, *disclosures.contents) for one in of_slot.values()]
        texts = [pieces for one in all_words for pieces in one.pieces.values()]
        needed = {*shape.references, *(reference for pieces in texts for reference in pieces.references)}
        missing = needed - _printable(template, locale)
        if missing:
            shown = ", ".join(sorted(".".join(reference) for reference in missing))
            raise ConfigError(f"{template.name} in {locale} prints what the release does not have: {shown}")
        stored = self.release.pieces.get(key, ())
        self._pages[template.name, locale] = Page(key, shape, slots, contents, self._common, stored, disclosures)

    def template(self, name: TemplateName) -> Template:
        """A template by name; KeyError where the release has none."""
        return self._templates[name]

    def variant(self, template: TemplateName, slot: SlotName, variant: VariantId) -> Variant | None:
        """A variant by its names; None where the release has none."""
        return self._variants.get((template, slot, variant))

    def is_catalog(self, template: TemplateName, slot: SlotName) -> bool:
        """Whether a slot's variants are a catalogue's items."""
        return (template, slot) in self._catalogs

    def locale_for(self, template: Template, locale: str) -> Locale:
        """The locale of a template that serves a person's: the same, its language alone, the workspace's default."""
        for known in (locale, locale.replace("_", "-"), locale.replace("_", "-").partition("-")[0].lower()):
            if known in template.layouts:
                return Locale(known)
        return self.release.settings.default_locale

    def fields_of(self, template: Template, locale: Locale, traits: Mapping[Any, Any]) -> dict[FieldName, str]:
        """The values of all fields of a template for a person with these traits, safe to show."""
        return fields_of(template, locale, traits, self.release.settings.link_hosts)

    def pieces(self) -> dict[str, tuple[bytes, ...]]:
        """The pieces that a release is to store; none of what only Jinja2 can run."""
        return {
            f"{template}/{locale}": page.cut.pieces
            for (template, locale), page in self._pages.items()
            if page.cut is not None
        }

    def personal(
        self, template: Template, locale: Locale, fields: Mapping[Any, str], own: OwnWords = _NOTHING
    ) -> Personal:
        """One template for one person, to make combinations of its variants with.

        fields  a person's values; cleaned here once more, and defaults stand in for what is missing
        own     of a slot, by its place, words that are no variant's of the release, by the id that stands for them

        Raises:
            KeyError: the locale is none of the template's.
        """
        hosts = self.release.settings.link_hosts
        values = {field.name: field_value(field, locale, fields.get(field.name), hosts) for field in template.fields}
        return Personal(self._pages[template.name, locale], values, own)

    def render(
        self, template: Template, locale: Locale, variants: Sequence[VariantId], fields: Mapping[Any, str]
    ) -> Rendered:
        """One message; for more than one of the same person, `personal` is cheaper. Arguments as told there.

        Raises:
            KeyError: a variant or locale is none of this release's.
        """
        return self.personal(template, locale, fields).render(variants)

    def compress(self, rendered: Rendered) -> bytes:
        """A body of a whole message, compressed with the release's dictionary: of one that has no pieces."""
        return self._zstd.compress(self._encoder.encode(rendered))


def _printable(template: Template, locale: Locale) -> set[Reference]:
    """What every message of a template can print."""
    parts = {
        ("slots", slot.name, part)
        for slot in template.slots
        for part in set.intersection(*(set(variant.content[locale]) for variant in slot.variants))
    }
    fields = {("fields", field.name) for field in template.fields}
    disclosures = {(ROOT, rule.id) for rule in template.rules.disclosures}
    return {*parts, *fields, *disclosures, *(("marks", name) for name in MARKS)}


def _compressor(dictionary: bytes) -> zstandard.ZstdCompressor:
    # The frame names no dictionary and has no checksum: the entry around it knows the one, RocksDB checks the other.
    if not dictionary:
        return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=False)
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    raw.precompute_compress(level=COMPRESSION_LEVEL)
    return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, dict_data=raw, write_checksum=False, write_dict_id=False)


def _content(variant: Variant, locale: Locale) -> Content:
    words = variant.content[locale]
    pieces = {name: text_pieces(text) for name, text in words.items()}
    is_fixed = not any(piece.references for piece in pieces.values())
    return Content(dict(words) if is_fixed else None, pieces)
