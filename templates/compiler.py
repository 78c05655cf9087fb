"""Compiles a workspace to a release: the same folder gives the same bytes."""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from schemas.codec import encode
from schemas.decisions import Rendered
from schemas.errors import ConfigError
from schemas.ids import Locale, ReleaseId, VariantId
from schemas.library import ContentRules, Layout, Release, Slot, Template, TemplateKind
from templates.baking import Known
from templates.dictionary import make_dictionary
from templates.expressions import Fault
from templates.layout_source import compile_layout
from templates.library import Library
from templates.links import links_of
from templates.rules import always_valid, first_allowed
from templates.slot_kinds import Part, kind_of
from templates.sources import TemplateSource, Workspace
from templates.text_part import text_part
from templates.urls import with_parameters
from templates.values import MARK_WORD

HASH_LENGTH = 16
"""Hexadecimal digits of a content hash: 64 bits tell releases apart, and stand in every decision."""


def compile_release(workspace: Workspace) -> Release:
    """The release of a workspace, ready to publish.

    Raises:
        ConfigError: a layout cannot be compiled, or the rules leave no fallback; `load` refuses both before.
    """
    return _finished(draft_release(workspace), workspace)


def draft_release(workspace: Workspace) -> Release:
    """The release before anything is rendered with it: no fallbacks, no dictionary, no id. Enough for a `Library`.

    Raises:
        ConfigError: a layout cannot be compiled.
    """
    layouts: dict[str, Layout] = {}
    templates = []
    for source in workspace.templates:
        values = values_of(source, workspace.values)
        own = dict(_layouts_of(source, values))
        keys = {locale: _hash(layout) for locale, layout in own.items()}
        layouts |= {keys[locale]: layout for locale, layout in own.items()}
        slots = tuple(_with_utm(slot, source.template, workspace.utm) for slot in source.template.slots)
        rules = _with_known_words(source, values)
        templates.append(msgspec.structs.replace(source.template, layouts=keys, slots=slots, rules=rules))
    release = Release(
        workspace=workspace.id,
        id=ReleaseId(""),
        settings=workspace.settings,
        templates=tuple(templates),
        layouts=dict(sorted(layouts.items())),
        fallbacks={},
    )
    return msgspec.structs.replace(release, mark_prefix=f"{MARK_WORD}{_hash(release)[:8]}-")


def _finished(release: Release, workspace: Workspace) -> Release:
    """The release with what is made by rendering it: fallbacks, pieces and dictionary; then its id."""
    library = Library(release)
    pieces, dictionary = library.pieces(), make_dictionary(library, workspace.samples)
    release = msgspec.structs.replace(
        release,
        fallbacks=dict(_fallbacks(library)),
        dictionary=dictionary,
        dictionary_id=int.from_bytes(hashlib.sha256(dictionary).digest()[:4]) >> 1 if dictionary else 0,
        pieces=pieces,
        links=links_of(release),
    )
    return with_id(release)


def with_id(release: Release) -> Release:
    """The release under the id that its content gives it: the hash of all else that it holds."""
    unnamed = msgspec.structs.replace(release, id=ReleaseId(""))
    return msgspec.structs.replace(unnamed, id=ReleaseId(_hash(unnamed)))


def values_of(source: TemplateSource, values: Mapping[str, str]) -> Mapping[str, str]:
    """What a layout prints as `{{ workspace.NAME }}`: its own sender stands for the workspace's."""
    sender = source.template.sender
    return {**values, "sender_name": sender.name, "sender_email": sender.email} if sender else values


def _layouts_of(source: TemplateSource, values: Mapping[str, str]) -> Iterator[tuple[Locale, Layout]]:
    html = compile_layout(source)
    if isinstance(html, Fault):
        raise ConfigError(f"{source.file}:{html.line}: {html.message}. {html.mend}")
    is_block = source.template.kind is TemplateKind.BLOCK
    text = "" if is_block else text_part(html)
    for locale, words in sorted(source.locales.items()):
        known = Known(locale, words, values, [rule.id for rule in source.template.rules.disclosures])
        if is_block:
            yield locale, Layout("", "", locale, block=known.block(html))
            continue
        yield (
            locale,
            Layout(known.html(html), known.text(text), locale, known.text(words.subject), known.text(words.preheader)),
        )


def _with_known_words(source: TemplateSource, values: Mapping[str, str]) -> ContentRules:
    """The rules, their disclosures with the layout's own words and the workspace's values in them."""
    rules = source.template.rules
    known = {locale: Known(locale, words, values) for locale, words in source.locales.items()}
    disclosures = tuple(
        msgspec.structs.replace(rule, texts={locale: known[locale].text(text) for locale, text in rule.texts.items()})
        for rule in rules.disclosures
    )
    return msgspec.structs.replace(rules, disclosures=disclosures)


def _with_utm(slot: Slot, template: Template, utm: Mapping[str, str]) -> Slot:
    """The slot with campaign parameters on its links, so that any web statistics tells the variants apart."""
    if not utm:
        return slot
    links = [name for name, part in kind_of(slot).parts.items() if part is Part.URL]
    variants = []
    for variant in slot.variants:
        added = [*utm.items(), ("utm_campaign", template.name), ("utm_content", f"{slot.name}.{variant.id}")]
        content = {
            locale: {name: with_parameters(text, added) if name in links else text for name, text in parts.items()}
            for locale, parts in variant.content.items()
        }
        variants.append(msgspec.structs.replace(variant, content=content))
    return msgspec.structs.replace(slot, variants=tuple(variants))


def _fallbacks(library: Library) -> Iterator[tuple[str, Rendered]]:
    for template in library.templates:
        variants = default_variants(template)
        for locale in sorted(template.layouts):
            fields = library.fields_of(template, locale, {})
            yield f"{template.name}/{locale}", library.render(template, locale, variants, fields)


def default_variants(template: Template) -> tuple[VariantId, ...]:
    """The first variant of each slot that is valid at any time, as far as the content rules allow them together.

    Raises:
        ConfigError: there is no such combination.
    """
    found = first_allowed(template.slots, template.rules, always_valid)
    if found is None:
        raise ConfigError(f"the rules of {template.name} allow no combination of variants without an end")
    return found


def _hash(shape: Layout | Release) -> str:
    data = encode(shape) if isinstance(shape, Release) else msgspec.msgpack.encode(shape)
    return hashlib.sha256(data).hexdigest()[:HASH_LENGTH]
