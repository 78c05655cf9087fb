"""A workspace as its author wrote it: read, not yet compiled."""

from pathlib import Path
from typing import Any

import msgspec

from schemas.campaigns import Campaign
from schemas.ids import Locale, Tag, WorkspaceId
from schemas.library import Template, TemplateKind, WorkspaceSettings

SETTINGS_FILE = "foresend.yaml"
TEMPLATES_FOLDER = "templates"
SAMPLES_FOLDER = "samples"
MJML_FILE = "template.mjml"
HTML_FILE = "template.html"
BLOCK_FILE = "template.json"


class LocaleSource(msgspec.Struct, frozen=True):
    """The words of one template in one language, but for those of its variants."""

    subject: str
    preheader: str
    texts: dict[str, str]


class TemplateSource(msgspec.Struct, frozen=True):
    """A template before its layouts are compiled: `template.layouts` is still empty.

    mjml       the layout's source: MJML, or a whole HTML document where `is_html`; of a block its JSON
    undecided  what an import left open (`templates.schemas`); its problems are warnings until then
    """

    folder: str
    template: Template
    mjml: str
    locales: dict[Locale, LocaleSource]
    is_html: bool = False
    undecided: frozenset[str] = frozenset()

    @property
    def file(self) -> str:
        """The layout's file, relative to the workspace."""
        if self.template.kind is TemplateKind.BLOCK:
            return f"{self.folder}/{BLOCK_FILE}"
        return f"{self.folder}/{HTML_FILE if self.is_html else MJML_FILE}"


class SamplePerson(msgspec.Struct, frozen=True):
    """A made-up person: the only kind of person a release may know."""

    name: str
    locale: Locale
    traits: dict[str, Any] = {}
    tags: dict[Tag, float] = {}
    about: str = ""


class Workspace(msgspec.Struct, frozen=True):
    """A whole workspace.

    values  what layouts print as `{{ workspace.NAME }}`
    utm     parameters added to every variant's link; empty: none are
    """

    folder: Path
    id: WorkspaceId
    settings: WorkspaceSettings
    values: dict[str, str]
    utm: dict[str, str]
    templates: tuple[TemplateSource, ...]
    samples: tuple[SamplePerson, ...]
    campaigns: tuple[Campaign, ...] = ()
