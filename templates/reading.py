"""Reads a workspace's folder: the only place of this package that touches files, but for YAML."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from schemas.ids import Locale
from templates.campaigns import CAMPAIGN_NAME, CAMPAIGNS_FOLDER, OWN_WORDS
from templates.partials import PART_PATH, PARTIALS_FOLDER, Place, Whole, whole_layout
from templates.problems import Problem
from templates.schema_check import schema_problems
from templates.sources import (
    BLOCK_FILE,
    HTML_FILE,
    MJML_FILE,
    SAMPLES_FOLDER,
    SETTINGS_FILE,
    TEMPLATES_FOLDER,
)
from templates.yaml_files import FILE_BYTES_MAX, Document, read_yaml

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class TemplateFiles(NamedTuple):
    """The documents of one template, as far as they could be read, and its layout's text.

    places  where each line of the text was written, where parts were put in
    """

    folder: str
    mjml: str
    variants: Document | None
    locales: dict[Locale, Document]
    is_html: bool = False
    is_block: bool = False
    places: tuple[Place, ...] = ()

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
    campaigns: dict[str, Document]


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
    campaigns = dict(_read_campaigns(folder, problems))
    return Files(folder, settings, templates, samples, problems, campaigns)


def _read_campaigns(folder: Path, problems: list[Problem]) -> Iterator[tuple[str, Document]]:
    for path in sorted((folder / CAMPAIGNS_FOLDER).glob("*.yaml")):
        file = f"{CAMPAIGNS_FOLDER}/{path.name}"
        if not CAMPAIGN_NAME.fullmatch(path.stem) or path.stem in OWN_WORDS:
            message = f"{path.stem!r} is no name for a campaign"
            mend = "Use lower case letters, digits, - and _, beginning with a letter; list is a word of the command."
            problems.append(Problem(file, 1, 1, message, mend))
            continue
        document = _checked(folder, file, "campaign", problems)
        if document is not None:
            yield path.stem, document


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
    name = _layout_file(folder, base, problems)
    for path in sorted((folder / base / "locales").glob("*.yaml")):
        file = f"{base}/locales/{path.name}"
        if not _LOCALE.fullmatch(path.stem):
            problems.append(Problem(file, 1, 1, f"{path.stem!r} is no locale", "Name the file as en.yaml."))
            continue
        document = _checked(folder, file, "locale", problems)
        if document is not None and (name == BLOCK_FILE or _has_headers(document, problems)):
            locales[Locale(path.stem)] = document
    file = f"{base}/{name}"
    layout = Whole(_read_layout(folder, file, problems))
    if name == MJML_FILE:
        layout = whole_layout(file, layout.source, partial(_read_part, folder))
    is_html, is_block = name == HTML_FILE, name == BLOCK_FILE
    return TemplateFiles(base, layout.source, variants, locales, is_html, is_block, layout.places)


def _layout_file(folder: Path, base: str, problems: list[Problem]) -> str:
    """The name of a template's one layout: MJML where there is none."""
    found = [name for name in (HTML_FILE, BLOCK_FILE, MJML_FILE) if (folder / base / name).is_file()]
    for other in found[1:]:
        message = f"there is a {other} beside it"
        problems.append(Problem(f"{base}/{found[0]}", 1, 1, message, "Keep one of them: a template has one layout."))
    return found[0] if found else MJML_FILE


def _has_headers(document: Document, problems: list[Problem]) -> bool:
    """Whether a message's language has what stands around its body."""
    lacking = [name for name in ("subject", "preheader") if name not in document.value]
    problems += [document.problem((), f"{name!r} is missing", f"Add {name}: to the file.") for name in lacking]
    return not lacking


def _read_layout(folder: Path, file: str, problems: list[Problem]) -> str:
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


def _read_part(workspace: Path, path: str) -> str | None:
    """The text of a layout's part; None for what is no file of the folder, too large, or not UTF-8."""
    if not PART_PATH.fullmatch(path):
        return None
    folder = (workspace / PARTIALS_FOLDER).resolve()
    file = (folder / path).resolve()
    # Mutant: without the first check a link in the folder leads out of it; then
    # `test_a_link_out_of_the_folder_is_not_followed` fails.
    if not file.is_relative_to(folder) or not file.is_file():
        return None
    data = file.read_bytes()
    if len(data) > FILE_BYTES_MAX:
        return None
    try:
        return data.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return None
