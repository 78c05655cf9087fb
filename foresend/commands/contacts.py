"""`foresend contacts`: addresses, permission with its proof, and suppression from a file; and the end of bounces."""

import json
import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from connectors.contacts.addresses import normalised_email
from connectors.contacts.events import Import
from connectors.contacts.files import COLUMNS
from connectors.contacts.importing import (
    EventWriter,
    ImportFigures,
    Send,
    Watcher,
    import_contacts,
    import_suppression,
    now_ms,
)
from connectors.kafka.event_records import event_record
from connectors.kafka.topics import current_world, ensure_topics
from foresend.settings.installation import InstallationSettings
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from foresend.settings.loading import load
from schemas.errors import ConfigError
from schemas.events import Event
from schemas.ids import UserId, WorkspaceId
from schemas.worlds import WorldRef

ROWS_BETWEEN_REPORTS = 200
SAME_SECRET = "set FORESEND_INSTALLATION_SECRET to the same as the collector's"  # noqa: S105 - how, not one


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("contacts", help="import addresses, permissions and suppression lists")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("import", help="a CSV file with a header", epilog=f"Columns: {', '.join(COLUMNS)}.")
    one.add_argument("file", type=Path, metavar="FILE")
    one.add_argument("--workspace-id", required=True, help="whose contacts they are")
    one.add_argument("--suppression", action="store_true", help="a list of addresses that nothing may be sent to")
    one.add_argument(
        "--column",
        type=_column,
        action="append",
        default=[],
        metavar="OURS=THEIRS",
        help="the file's name of a column, where it is another: --column email=E-Mail",
    )
    one.add_argument("--dry-run", action="store_true", help="only tell what is wrong with the file; needs no Kafka")
    one.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    add_kafka_arguments(one)
    lift = actions.add_parser("lift", help="an address that bounced may be written to again")
    lift.add_argument("address", metavar="ADDRESS")
    lift.add_argument("--workspace-id", required=True, help="whose contact it is")
    lift.add_argument("--user", help="who has it now, if that person was not imported")
    add_kafka_arguments(lift)


def run(arguments: Namespace) -> int:
    """Do what was asked; of an import 0 where something of every row was imported, 1 where some rows were refused."""
    return _lift(arguments) if arguments.action == "lift" else _run_import(arguments)


def _lift(arguments: Namespace) -> int:
    """Have an address be written to again, by the job, seconds later. What its owner wished holds on."""
    secret = _installation(arguments).secret_bytes
    if not secret:
        raise ConfigError(f"installation.secret: is needed to name an address; {SAME_SECRET}")
    if normalised_email(arguments.address) is None:
        raise ConfigError("contacts lift: expected an e-mail address")
    settings = kafka_settings(arguments)
    ensure_topics(settings)
    order = Import(WorkspaceId(arguments.workspace_id), current_world(settings), now_ms(), secret)
    with EventWriter(settings) as send:
        for event in order.lifted(arguments.address, arguments.user and UserId(arguments.user)):
            send(event)
    print("its bounces are over; a wish of its owner is not", file=sys.stderr)
    return 0


def _run_import(arguments: Namespace) -> int:
    """Import; 0 where something of every row was, 1 where some rows were refused."""
    secret = _secret(arguments)
    started = time.monotonic()
    with _watched() as watcher:
        if arguments.dry_run:
            figures = _import(arguments, _order(arguments, secret, WorldRef()), watcher, _checked)
        else:
            settings = kafka_settings(arguments)
            ensure_topics(settings)
            with EventWriter(settings) as send:
                figures = _import(arguments, _order(arguments, secret, current_world(settings)), watcher, send)
    figures.seconds = time.monotonic() - started
    found = figures.as_json()
    words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.items())
    print(json.dumps({"file": str(arguments.file), **found}) if arguments.json else words)
    return 1 if figures.refused else 0


def _import(arguments: Namespace, order: Import, watcher: Watcher, send: Send) -> ImportFigures:
    columns = dict(arguments.column)
    take = import_suppression if arguments.suppression else import_contacts
    return take(arguments.file, columns, order, watcher, send)


def _order(arguments: Namespace, secret: bytes, world: WorldRef) -> Import:
    return Import(WorkspaceId(arguments.workspace_id), world, now_ms(), secret)


def _checked(event: Event) -> None:
    """What sending does, but for sending."""
    event_record(event)


def _secret(arguments: Namespace) -> bytes:
    """The installation's secret; a suppression list cannot do without, for it knows people by their address only."""
    settings = _installation(arguments)
    if settings.secret:
        return settings.secret_bytes
    if arguments.suppression:
        raise ConfigError(f"installation.secret: is needed for a list of addresses; {SAME_SECRET}")
    print(
        f"foresend: without installation.secret what mail providers tell of these addresses will not be found to "
        f"be these people's; {SAME_SECRET}",
        file=sys.stderr,
    )
    return b""


def _installation(arguments: Namespace) -> InstallationSettings:
    return load(InstallationSettings, "installation", environment=os.environ, file=arguments.settings)


def _column(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals or ours not in COLUMNS or not theirs:
        raise ArgumentTypeError(f"expected OURS=THEIRS, where OURS is one of {', '.join(COLUMNS)}; got {text!r}")
    return ours, theirs


class _Bar:
    """Shows an import on a terminal, and every problem above it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("rows", total=None)

    def row(self, number: int) -> None:
        if number % ROWS_BETWEEN_REPORTS == 0:
            self._progress.update(self._task, completed=number)

    def problem(self, place: str, message: str) -> None:
        self._progress.console.print(f"{place}: {message}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _watched() -> Iterator[Watcher]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        yield _Bar(progress)
