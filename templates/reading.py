"""Reads a workspace's folder: the only place of this package that touches files."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from schemas.ids import FieldName, Locale, SlotName, Tag, TemplateName, VariantId, WorkspaceId
from schemas.library import (
    ConsentSettings,
    ContentRules,
    DeclaredFeature,
    FeatureSettings,
    Field,
    HumanSettings,
    LearningSettings,
    MessageClass,
    Pair,
    PolicySettings,
    ShiftSettings,
    Slot,
    TagRule,
    Template,
    TraitSettings,
    Variant,
    WorkspaceSettings,
)
from templates.problems import Problem
from templates.schema_check import schema_problems
from templates.sources import (
    SAMPLES_FOLDER,
    SETTINGS_FILE,
    TEMPLATES_FOLDER,
    LocaleSource,
    SamplePerson,
    TemplateSource,
    Workspace,
)
from templates.values import plain
from templates.yaml_files import FILE_BYTES_MAX, Document, read_yaml

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}


class TemplateFiles(NamedTuple):
    """The documents of one template, as far as they could be read, and its layout's text."""

    folder: str
    mjml: str
    variants: Document | None
    locales: dict[Locale, Document]

    @property
    def complete(self) -> bool:
        """Whether there is enough to look further."""
        return self.variants is not None and bool(self.locales)


class Files(NamedTuple):
    """The documents of a workspace and what was wrong with them."""

    folder: Path
    settings: Document | None
    templates: dict[str, TemplateFiles]
    samples: dict[str, Document]
    problems: list[Problem]


def read_files(folder: Path) -> Files:
    """Read every file of a workspace and check each against its schema."""
    problems: list[Problem] = []
    settings = _checked(folder, SETTINGS_FILE, "foresend", problems)
    templates = {}
    names = sorted(path.name for path in (folder / TEMPLATES_FOLDER).glob("*") if path.is_dir())
    for name in names:
        if not _NAME.fullmatch(name):
            problems.append(
                Problem(
                    f"{TEMPLATES_FOLDER}/{name}", 1, 1, f"{name!r} is no name for a template",
                    "Use lower case letters, digits and _, beginning with a letter.",
                )
            )  # fmt: skip
            continue
        templates[name] = _read_template(folder, f"{TEMPLATES_FOLDER}/{name}", problems)
    if not names:
        problems.append(Problem(TEMPLATES_FOLDER, 1, 1, "there is no template", "Add templates/<name>/template.mjml."))
    samples = {}
    for path in sorted((folder / SAMPLES_FOLDER).glob("*.yaml")):
        document = _checked(folder, f"{SAMPLES_FOLDER}/{path.name}", "sample", problems)
        if document is not None:
            samples[path.stem] = document
    return Files(folder, settings, templates, samples, problems)


def _checked(folder: Path, file: str, schema: str, problems: list[Problem]) -> Document | None:
    document = read_yaml(folder, file)
    if isinstance(document, Problem):
        problems.append(document)
        return None
    found = schema_problems(document, schema)
    problems += found
    return None if found else document


def _read_template(folder: Path, base: str, problems: list[Problem]) -> TemplateFiles:
    variants = _checked(folder, f"{base}/variants.yaml", "variants", problems)
    locales: dict[Locale, Document] = {}
    for path in sorted((folder / base / "locales").glob("*.yaml")):
        file = f"{base}/locales/{path.name}"
        if not _LOCALE.fullmatch(path.stem):
            problems.append(Problem(file, 1, 1, f"{path.stem!r} is no locale", "Name the file as en.yaml."))
            continue
        document = _checked(folder, file, "locale", problems)
        if document is not None:
            locales[Locale(path.stem)] = document
    return TemplateFiles(base, _read_mjml(folder, f"{base}/template.mjml", problems), variants, locales)


def _read_mjml(folder: Path, file: str, problems: list[Problem]) -> str:
    try:
        data = (folder / file).read_bytes()
        if len(data) > FILE_BYTES_MAX:
            message = f"the file has {len(data)} bytes, over {FILE_BYTES_MAX}"
            problems.append(Problem(file, 1, 1, message, "Make the layout smaller."))
            return ""
        return data.decode().replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        problems.append(Problem(file, 1, 1, f"the file cannot be read: {error.strerror}", "Add it."))
    except UnicodeDecodeError:
        problems.append(Problem(file, 1, 1, "the file is not UTF-8", "Save it as UTF-8."))
    return ""


def build_settings(value: dict[str, Any]) -> WorkspaceSettings:
    """The settings in a `foresend.yaml` that its schema allows; what it leaves out has the shapes' defaults."""
    features, learning = value.get("features", {}), value.get("learning", {})
    return WorkspaceSettings(
        default_locale=Locale(value["default_locale"]),
        timezone=value["timezone"],
        tags=tuple(
            TagRule(
                rule["property"], tuple(rule.get("events", ())), float(rule.get("weight", 1.0)), rule.get("prefix", "")
            )
            for rule in value.get("tags", ())
        ),
        features=FeatureSettings(
            **{f"{name}_ms": duration_ms(text) for name, text in features.items() if name != "declared"}
        ),
        policy=PolicySettings.of(value.get("policy", {})),
        shift=ShiftSettings(**value.get("shift", {})),
        learning=_learning(learning),
        link_hosts=tuple(value.get("links", {}).get("hosts", ())),
        consent=_consent(value.get("consent", {})),
        humans=HumanSettings(**value.get("humans", {})),
        traits=TraitSettings(**{name: tuple(names) for name, names in value.get("traits", {}).items()}),
        declared=tuple(_declared(feature) for feature in features.get("declared", ())),
    )


def _learning(value: dict[str, Any]) -> LearningSettings:
    found: dict[str, Any] = {name: tuple(told) if isinstance(told, list) else told for name, told in value.items()}
    if "attribution_window" in found:
        found["attribution_ms"] = duration_ms(found.pop("attribution_window"))
    return LearningSettings(**found)


def _declared(value: dict[str, Any]) -> DeclaredFeature:
    return DeclaredFeature(
        name=value["name"],
        kind=value["kind"],
        events=tuple(value.get("events", ())),
        property=value.get("property", ""),
        half_life_ms=duration_ms(value["half_life"]) if "half_life" in value else 0,
        window_ms=duration_ms(value["window"]) if "window" in value else 0,
        bound=float(value.get("bound", 0.0)),
        default=float(value.get("default", 0.0)),
    )


def _consent(value: dict[str, Any]) -> ConsentSettings:
    missing = value.get("missing") == "granted"
    if "categories" not in value:
        return ConsentSettings(missing=missing)
    return ConsentSettings(tuple(sorted(value["categories"].items())), missing)


def workspace_values(value: dict[str, Any]) -> dict[str, str]:
    """What layouts print as `{{ workspace.NAME }}`."""
    sender = value["sender"]
    values = {
        **value.get("values", {}),
        "name": value["name"],
        "home_url": value["home_url"],
        "sender_name": sender["name"],
        "sender_email": sender["email"],
        "postal_address": sender["postal_address"],
    }
    return {name: plain(text) for name, text in sorted(values.items())}


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
        rules=_rules(value.get("rules", {})),
    )
    sources = {
        locale: LocaleSource(body["subject"], body["preheader"], body.get("texts", {}))
        for locale, body in locales.items()
    }
    return TemplateSource(files.folder, template, files.mjml, sources)


def _slot(name: SlotName, body: dict[str, Any], locales: dict[Locale, Any]) -> Slot:
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
        )
        for variant in body["variants"]
    )
    return Slot(name, body["kind"], variants)


def _field(name: FieldName, body: dict[str, Any], locales: dict[Locale, Any]) -> Field:
    default = {
        locale: plain(words["fields"][name]) for locale, words in locales.items() if name in words.get("fields", {})
    }
    return Field(name, default, body.get("length_max", 64), body.get("kind", "text"))


def _rules(body: dict[str, Any]) -> ContentRules:
    return ContentRules(
        forbidden=tuple(Pair(_choice(first), _choice(second)) for first, second in body.get("forbidden", ())),
        required=tuple(Pair(_choice(rule["with"]), _choice(rule["show"])) for rule in body.get("required", ())),
    )


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
    links = value.get("links", {})
    utm = {}
    if "utm_source" in links:
        utm = {"utm_source": links["utm_source"], "utm_medium": links.get("utm_medium", "email")}
    return Workspace(
        folder=files.folder,
        id=WorkspaceId(value["workspace"]),
        settings=build_settings(value),
        values=workspace_values(value),
        utm=utm,
        templates=tuple(templates[name] for name in sorted(templates)),
        samples=tuple(build_sample(files.samples[name].value) for name in sorted(files.samples)),
    )


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as `14d`.

    >>> duration_ms("14d")
    1209600000
    """
    return int(text[:-1]) * _UNIT_MS[text[-1]]


def time_ms(text: str | None) -> int:
    """Milliseconds since 1970 of a time with its zone; 0 for none. A time that is none is told by validation.

    >>> time_ms("2026-12-24T18:00:00Z")
    1798135200000
    """
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000) if text else 0
    except ValueError:
        return 0
