"""Templates, samples and the workspace of documents that their schemas allow."""

from typing import Any

from schemas.catalogue import DEFAULT_SLATE
from schemas.ids import FieldName, Locale, SlotName, Tag, TemplateName, VariantId, WorkspaceId
from schemas.library import (
    ContentRules,
    Disclosure,
    Field,
    MessageClass,
    Pair,
    Sender,
    Slot,
    Template,
    TemplateKind,
    Variant,
)
from templates.campaigns import build_campaign
from templates.reading import Files, TemplateFiles
from templates.settings_building import build_settings, utm_of, workspace_values
from templates.slot_kinds import CATALOG, item_part
from templates.sources import (
    LocaleSource,
    SamplePerson,
    TemplateSource,
    Workspace,
)
from templates.times import time_ms
from templates.values import plain


def build_template(name: str, files: TemplateFiles) -> TemplateSource:
    """A template of documents that their schemas allow; words that are missing are simply not there."""
    assert files.variants is not None  # noqa: S101 - only complete files are built
    value = files.variants.value
    locales = {locale: document.value for locale, document in files.locales.items()}
    template = Template(
        name=TemplateName(name),
        message_class=MessageClass(value["class"]),
        slots=tuple(_slot(SlotName(slot), body, locales) for slot, body in value["slots"].items()),
        fields=tuple(_field(FieldName(field), body, locales) for field, body in value.get("fields", {}).items()),
        layouts={},
        rules=_rules(value.get("rules", {}), locales),
        kind=TemplateKind.BLOCK if files.is_block else TemplateKind.EMAIL,
        surface=value.get("surface", ""),
        sender=_sender(value["sender"]) if "sender" in value else None,
        purpose=value.get("purpose", "marketing"),
    )
    sources = {
        locale: LocaleSource(body.get("subject", ""), body.get("preheader", ""), body.get("texts", {}))
        for locale, body in locales.items()
    }
    undecided = frozenset(value.get("undecided", ()))
    return TemplateSource(files.folder, template, files.mjml, sources, files.is_html, undecided)


def _slot(name: SlotName, body: dict[str, Any], locales: dict[Locale, Any]) -> Slot:
    if body["kind"] == CATALOG:
        return _catalog_slot(name, body, locales)
    variants = tuple(
        Variant(
            id=VariantId(variant["id"]),
            tags=tuple(Tag(tag) for tag in variant.get("tags", ())),
            content={
                locale: {
                    part: plain(text)
                    for part, text in sorted(
                        {**variant.get("content", {}), **words["slots"].get(name, {}).get(variant["id"], {})}.items()
                    )
                }
                for locale, words in locales.items()
            },
            valid_from_ms=time_ms(variant.get("valid_from")),
            valid_until_ms=time_ms(variant.get("valid_until")),
            when=plain(variant.get("when", "")),
            share_min=float(variant.get("share", {}).get("min", 0.0)),
            share_max=float(variant.get("share", {}).get("max", 1.0)),
            repeats_max=variant.get("repeats_max", 0),
        )
        for variant in body["variants"]
    )
    return Slot(name, body["kind"], variants)


def _catalog_slot(name: SlotName, body: dict[str, Any], locales: dict[Locale, Any]) -> Slot:
    """Its only variant are the items that are written in `variants.yaml`; a language may have other words for them."""
    shared = {
        item_part(part, number): text
        for number, item in enumerate(body.get("default", ()), 1)
        for part, text in item.items()
    }
    content = {
        locale: {
            part: plain(text)
            for part, text in sorted({**shared, **words["slots"].get(name, {}).get(DEFAULT_SLATE, {})}.items())
        }
        for locale, words in locales.items()
    }
    return Slot(name, CATALOG, (Variant(DEFAULT_SLATE, (), content),), body["items"], body["catalogue"])


def _field(name: FieldName, body: dict[str, Any], locales: dict[Locale, Any]) -> Field:
    default = {
        locale: plain(words["fields"][name]) for locale, words in locales.items() if name in words.get("fields", {})
    }
    return Field(name, default, body.get("length_max", 64), body.get("kind", "text"))


def _sender(body: dict[str, str]) -> Sender:
    return Sender(plain(body["name"]), body["email"], body.get("reply_to", ""))


def _rules(body: dict[str, Any], locales: dict[Locale, Any]) -> ContentRules:
    return ContentRules(
        forbidden=tuple(Pair(_choice(first), _choice(second)) for first, second in body.get("forbidden", ())),
        required=tuple(Pair(_choice(rule["with"]), _choice(rule["show"])) for rule in body.get("required", ())),
        disclosures=tuple(_disclosure(rule, locales) for rule in body.get("disclosures", ())),
    )


def _disclosure(rule: dict[str, Any], locales: dict[Locale, Any]) -> Disclosure:
    told = {locale: words.get("disclosures", {}).get(rule["id"]) for locale, words in locales.items()}
    texts = {locale: plain(text) for locale, text in told.items() if text is not None}
    return Disclosure(rule["id"], tuple(map(_choice, rule["with"])), texts)


def _choice(text: str) -> tuple[SlotName, VariantId]:
    slot, _, variant = text.partition(".")
    return SlotName(slot), VariantId(variant)


def build_sample(value: dict[str, Any]) -> SamplePerson:
    """A sample person."""
    tags = {Tag(tag): float(weight) for tag, weight in value.get("tags", {}).items()}
    return SamplePerson(value["name"], Locale(value["locale"]), value.get("traits", {}), tags, value.get("about", ""))


def build_workspace(files: Files, templates: dict[str, TemplateSource]) -> Workspace:
    """The workspace of files without a problem."""
    assert files.settings is not None  # noqa: S101 - it has no problem
    value = files.settings.value
    return Workspace(
        folder=files.folder,
        id=WorkspaceId(value["workspace"]),
        settings=build_settings(value),
        values=workspace_values(value),
        utm=utm_of(value),
        templates=tuple(templates[name] for name in sorted(templates)),
        samples=tuple(build_sample(files.samples[name].value) for name in sorted(files.samples)),
        campaigns=tuple(
            build_campaign(name, WorkspaceId(value["workspace"]), files.campaigns[name])
            for name in sorted(files.campaigns)
        ),
    )
