"""`foresend preview`: what people would get, as pages to open in a browser. Neither Kafka nor Java is needed."""

import asyncio
import json
import time
import webbrowser
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Sequence
from pathlib import Path

import msgspec

from foresend.preview.asking import DEFAULT_URL, Asked, ask_all
from foresend.preview.choosing import Chosen, chosen_for
from foresend.preview.page import About, Other, page_of
from foresend.preview.people import as_if, everybody, person_named, slug_of
from foresend.settings.workspace import add_workspace_argument, workspace_folder
from schemas.errors import ConfigError
from schemas.ids import Locale
from schemas.library import Release
from templates.compiler import compile_release
from templates.sources import SamplePerson, Workspace
from templates.workspace import load

DEFAULT_OUT = Path(".foresend/preview")


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("preview", help="see what made-up people would get, as a page in the browser")
    add_workspace_argument(parser)
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--sample", metavar="NAME", help="one of the workspace's samples (default: all, a page each)")
    who.add_argument("--user", metavar="ID", help="a real person: what a running gateway would answer")
    parser.add_argument(
        "--as",
        dest="changes",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="as if the person were so: city=Porto, locale=de, for samples tags.jazz=5; may be repeated",
    )
    parser.add_argument("--template", metavar="NAME", help="this one only (default: all)")
    parser.add_argument("--locale", metavar="LOCALE", help="in this language (default: the person's)")
    parser.add_argument("--all-candidates", action="store_true", help="show each candidate whole, not the likeliest")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help="(default: %(default)s)")
    parser.add_argument("--open", action="store_true", help="open the first page in the browser")
    parser.add_argument("--url", default=DEFAULT_URL, help="the gateway, for --user (default: %(default)s)")
    parser.add_argument("--key", default="", help="the gateway's API key, where it has one")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each page and template")
    return parser


def run(arguments: Namespace) -> int:
    """Choose, render, write the pages, and tell where they are."""
    workspace = load(workspace_folder(arguments))
    release = compile_release(workspace)
    if arguments.template and arguments.template not in {template.name for template in release.templates}:
        known = ", ".join(template.name for template in release.templates)
        raise ConfigError(f"there is no template {arguments.template!r}; templates of this workspace: {known}")
    pages = _of_user(arguments, release) if arguments.user else _of_samples(arguments, workspace, release)
    files = _written(arguments, workspace, release, pages)
    if arguments.open and not webbrowser.open(files[0].resolve().as_uri()):
        print(f"no browser could be opened: open {files[0]} yourself")
    return 0


class _Page(msgspec.Struct, frozen=True):
    """One page to be."""

    person: SamplePerson
    source: str
    messages: list[Chosen]


def _of_samples(arguments: Namespace, workspace: Workspace, release: Release) -> list[_Page]:
    people: Sequence[SamplePerson] = everybody(workspace)
    if arguments.sample:
        people = [person_named(workspace, arguments.sample)]
    changes = list(arguments.changes) + ([f"locale={arguments.locale}"] if arguments.locale else [])
    at_ms = int(time.time() * 1000)
    source = "A made-up person; chosen just now, on this machine" + (f", as if {', '.join(changes)}" if changes else "")
    pages = []
    for person in people:
        changed = as_if(person, changes)
        messages = [one for one in chosen_for(release, changed, at_ms) if _is_wanted(arguments, one)]
        pages.append(_Page(changed, source, messages))
    return pages


def _of_user(arguments: Namespace, release: Release) -> list[_Page]:
    names = [one.name for one in release.templates if not arguments.template or one.name == arguments.template]
    person = as_if(SamplePerson(arguments.user, Locale(arguments.locale or "")), arguments.changes)
    is_made = bool(arguments.changes or arguments.locale or arguments.all_candidates)
    asked = Asked(arguments.url, arguments.key, arguments.user, person if is_made else None)
    messages, reasons = asyncio.run(ask_all(asked, release, names))
    source = f"What the gateway at {arguments.url} holds: {'; '.join(reasons)}"
    if is_made:
        source += ". Rendered here: fields show what --as tells, else their defaults, not the person's own values"
    locale = messages[0].locale if messages else Locale("")
    return [_Page(msgspec.structs.replace(person, locale=locale), source, messages)]


def _is_wanted(arguments: Namespace, chosen: Chosen) -> bool:
    return not arguments.template or chosen.template.name == arguments.template


def _written(arguments: Namespace, workspace: Workspace, release: Release, pages: list[_Page]) -> list[Path]:
    folder: Path = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    others = [Other(page.person.name, f"{slug_of(page.person)}.html") for page in pages]
    sender = (workspace.values["sender_name"], workspace.values["sender_email"])
    files = []
    for page, other in zip(pages, others, strict=True):
        about = About(page.person, page.source, workspace.values["name"], sender, others)
        file = folder / other.file
        file.write_text(page_of(release, about, page.messages, every=arguments.all_candidates), "utf-8")
        files.append(file)
        _tell(page, file, as_json=arguments.json)
    return files


def _tell(page: _Page, file: Path, *, as_json: bool) -> None:
    for chosen in page.messages:
        first = chosen.candidates[0]
        if as_json:
            told = {
                "person": page.person.name,
                "template": chosen.template.name,
                "locale": chosen.locale,
                "is_default": chosen.is_default,
                "subject": first.message.subject,
                "preheader": first.message.preheader,
                "candidates": [{"probability": one.probability, "variants": one.variants} for one in chosen.candidates],
                "file": str(file),
            }
            print(json.dumps(told))
        else:
            print(f"{page.person.name}: {chosen.template.name}: {first.message.subject or '(a block)'}")
    if not as_json:
        print(f"  {file}")
