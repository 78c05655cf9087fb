"""`foresend template import`: e-mails of MJML or HTML become templates of a workspace."""

import json
import re
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foresend.importing.names import names_of
from foresend.importing.screenshots import Camera
from foresend.importing.workspaces import settings_of, template_folder, templates_in, write
from schemas.errors import ConfigError
from schemas.library import MessageClass
from templates.importing import Imported, Refused, Surroundings, import_mail
from templates.sources import SETTINGS_FILE

IMPORTED, REFUSED = "imported", "refused"
NAME = re.compile("[a-z][a-z0-9_]{0,62}")


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("template", help="import e-mails of MJML or HTML as templates")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    importing = actions.add_parser(
        "import",
        help="make templates of e-mails",
        description="Make a template of each e-mail: slots are proposed, merge tags become fields, and what a person "
        "must decide is listed. Its default message is compared with the original.",
    )
    importing.add_argument("files", type=Path, nargs="+", metavar="FILE", help="an e-mail, MJML or HTML")
    importing.add_argument(
        "--into",
        type=Path,
        metavar="WORKSPACE",
        help=f"the workspace's folder (default: this folder where it holds {SETTINGS_FILE}, else nothing is written)",
    )
    importing.add_argument("--name", help="the template's name, for one file (default: the file's)")
    importing.add_argument("--replace", action="store_true", help="overwrite templates that are there already")
    importing.add_argument(
        "--class",
        dest="message_class",
        choices=[kind.value for kind in MessageClass],
        default=MessageClass.MARKETING.value,
        help="what the e-mails are for (default: marketing, for which the strictest rules hold)",
    )
    importing.add_argument("--screenshots", action="store_true", help="compare how they look too, with Chromium")
    importing.add_argument("--json", action="store_true", help="print one JSON object for each file")


def run(arguments: Namespace) -> int:
    """Import; 0 where every file was imported, 1 where one was refused."""
    folder = _folder(arguments)
    if arguments.name and (len(arguments.files) > 1 or not NAME.fullmatch(arguments.name)):
        raise ConfigError(
            f"--name names one template, in lower case letters, digits and _; got {arguments.name!r} "
            f"for {len(arguments.files)} files"
        )
    year = datetime.now(UTC).year
    around = Surroundings.of(settings_of(folder), year=year, message_class=arguments.message_class)
    taken = () if arguments.replace else templates_in(folder)
    names = [arguments.name] if arguments.name else names_of(arguments.files, taken)
    refused = 0
    with ExitStack() as stack:
        camera = stack.enter_context(Camera()) if arguments.screenshots else None
        for file, name in zip(arguments.files, names, strict=True):
            found = _imported(file, name, folder, around, replace=arguments.replace)
            line = line_of(file, name, found)
            if camera is not None and isinstance(found, Imported):
                difference = camera.difference(found.original, found.html)
                line |= {"screenshot_difference": difference.mean, "pixels_changed": difference.changed}
            refused += isinstance(found, Refused)
            sys.stdout.write((json.dumps(line) if arguments.json else _told(line)) + "\n")
    if folder is None:
        print(f"nothing was written: there is no {SETTINGS_FILE} here; give --into WORKSPACE", file=sys.stderr)
    return int(refused > 0)


def _folder(arguments: Namespace) -> Path | None:
    into: Path | None = arguments.into
    if into is None and Path(SETTINGS_FILE).is_file():
        return Path()
    if into is not None and not (into / SETTINGS_FILE).is_file():
        print(f"{into} holds no {SETTINGS_FILE} yet: `foresend init` makes a workspace", file=sys.stderr)
    return into


def _imported(file: Path, name: str, folder: Path | None, around: Surroundings, *, replace: bool) -> Imported | Refused:
    """Import one file, and write it where it could be imported."""
    try:
        data = file.read_bytes()
    except OSError as error:
        return Refused(f"the file cannot be read: {error.strerror}. Name a file", 1, 1)
    target = template_folder(folder, name) if folder is not None else None
    if target is not None and target.exists() and not replace:
        return Refused(f"there is a template {name!r} already. Give --name, or --replace to overwrite it", 1, 1)
    found = import_mail(data, name, file.name, around)
    if target is not None and isinstance(found, Imported):
        write(target, found)
    return found


def line_of(file: Path, name: str, found: Imported | Refused) -> dict[str, Any]:
    """What became of a file, with the keys that are printed."""
    line: dict[str, Any] = {"file": str(file), "status": REFUSED, "slots": 0, "fields": 0, "html_bytes": 0}
    line |= {"text_equal": False, "links_equal": False, "reason": "", "line": 0, "column": 0}
    if isinstance(found, Refused):
        return line | {"reason": found.reason, "line": found.line, "column": found.column}
    return line | {
        "status": IMPORTED,
        "slots": len(found.slots),
        "fields": len(found.fields),
        "html_bytes": len(found.html.encode()),
        "text_equal": found.text_equal,
        "links_equal": found.links_equal,
        "template": name,
        "slot_names": found.slots,
        "field_names": found.fields,
        "decisions": [
            {"code": one.code, "message": one.message, "line": one.line, "column": one.column}
            for one in found.decisions
        ],
    }


def _told(line: dict[str, Any]) -> str:
    if line["status"] == REFUSED:
        return f"{line['file']}:{line['line']}:{line['column']}: refused: {line['reason']}"
    equal = ", ".join(
        f"{what} {'equal' if line[key] else 'NOT EQUAL'} to the original's"
        for what, key in (("text", "text_equal"), ("links", "links_equal"))
    )
    told = [
        f"{line['file']}: template {line['template']}, {line['html_bytes']} bytes: {equal}",
        f"    slots: {', '.join(line['slot_names'])}",
    ]
    if line["field_names"]:
        told.append(f"    fields: {', '.join(line['field_names'])}")
    if "screenshot_difference" in line:
        told.append(
            f"    looks: {line['screenshot_difference']:.4%} apart on average, "
            f"{line['pixels_changed']:.2%} of pixels differ"
        )
    if line["decisions"]:
        told.append("    to decide:")
    for number, one in enumerate(line["decisions"], start=1):
        place = f" ({one['line']}:{one['column']})" if one["line"] else ""
        told.append(f"    {number:3}. {one['code']}{place}: {one['message']}")
    return "\n".join(told)
