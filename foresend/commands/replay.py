"""`foresend replay`: recorded behaviour of any kind, once more as events."""

import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import current_world, ensure_topics
from connectors.mappings.loading import load_mapping
from connectors.mappings.model import Mapping
from connectors.replay.figures import ReplayFigures
from connectors.replay.recorded import Recording, Unusable, Watcher
from connectors.replay.to_collector import replay_to_collector
from connectors.replay.to_topic import replay_to_topic
from foresend.local import pipeline
from foresend.processes import exit_on_sigterm
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from foresend.settings.workspace import add_workspace_argument, workspace_folder
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from schemas.topics import replay_topic
from schemas.worlds import WorldRef

DEFAULT_TOPIC = "replay"
TOLD_MAX = 10
"""Rows that are no events are told one by one up to here; all are counted."""


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("replay", help="recorded behaviour (CSV, JSONL) as events")
    parser.add_argument("data", type=Path, metavar="DIR", help="where the files lie")
    parser.add_argument("--mapping", type=Path, required=True, metavar="FILE")
    parser.add_argument("--workspace-id", help="who owns the events; else as the mapping says")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--topic", default=DEFAULT_TOPIC, help=f"written straight to (default: {DEFAULT_TOPIC})")
    way.add_argument("--through-collector", metavar="URL", help="sent to a running collector instead")
    way.add_argument("--local", action="store_true", help="through a whole path here, left for `verify --local`")
    parser.add_argument("--write-key", default="", help="the collector's key of the workspace")
    add_workspace_argument(parser)
    parser.add_argument("--folder", type=Path, default=pipeline.DEFAULT_FOLDER, help="with --local: where it works")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    add_kafka_arguments(parser)
    return parser


def run(arguments: Namespace) -> int:
    """Do it; 0 when everything was sent, whatever became dead letters on the way."""
    mapping = load_mapping(arguments.mapping)
    if arguments.local:
        _print(_replay_locally(arguments, mapping), as_json=arguments.json)
        return 0
    workspace = workspace_of(mapping, arguments.workspace_id)
    with _watched() as watcher:
        if arguments.through_collector:
            recording = Recording(arguments.data, mapping, workspace, WorldRef())
            figures = replay_to_collector(arguments.through_collector, arguments.write_key, recording, watcher)
        else:
            settings = kafka_settings(arguments)
            ensure_topics(settings)
            figures = replay_rows(settings, arguments.data, mapping, workspace, topic=arguments.topic, watcher=watcher)
    _print(figures, as_json=arguments.json)
    return 0


def _replay_locally(arguments: Namespace, mapping: Mapping) -> ReplayFigures:
    """Replay through broker, job and cache; their words go to files in the folder, and all have ended at the end."""
    exit_on_sigterm()
    with pipeline.LocalPath(arguments.folder, workspace_folder(arguments)) as path:
        with _watched() as watcher:
            workspace = WorkspaceId(arguments.workspace_id or path.workspace)
            figures = replay_rows(path.kafka, arguments.data, mapping, workspace, watcher=watcher)
        source = replay_topic(DEFAULT_TOPIC)
        path.run(source)
        with _told("personalized") as tell:
            path.wait_still(source, tell)
        return replace(figures, dead_letters=path.dead_letters())


def replay_rows(
    settings: KafkaSettings,
    folder: Path,
    mapping: Mapping,
    workspace: WorkspaceId,
    *,
    topic: str = DEFAULT_TOPIC,
    watcher: Watcher | None = None,
) -> ReplayFigures:
    """Rows of a folder as events in a replay topic, with the world as it is now.

    The topic is created if need be; `library` and `models` must exist. Everything is
    acknowledged when this returns.

    Raises:
        BrokerUnavailable: Kafka did not acknowledge in time.
        ConfigError: files or columns are missing.
    """
    recording = Recording(folder, mapping, workspace, current_world(settings))
    return replay_to_topic(settings, recording, replay_topic(topic), watcher or _Silent())


def workspace_of(mapping: Mapping, given: str | None) -> WorkspaceId:
    """Who owns the events: as given, else as the mapping says.

    Raises:
        ConfigError: neither names anybody.
    """
    named = WorkspaceId(given) if given else mapping.workspace
    if named is None:
        raise ConfigError(f"mapping {mapping.path} names no workspace: give one with --workspace-id")
    return named


def _print(figures: ReplayFigures, as_json: bool) -> None:
    found = figures.as_json()
    if as_json:
        print(json.dumps(found))
    else:
        print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.items() if value != ""))


class _Silent:
    """Watches and says nothing."""

    def read(self, rows: int) -> None:
        """Nothing."""

    def total(self, events: int) -> None:
        """Nothing."""

    def sent(self, events: int) -> None:
        """Nothing."""

    def unusable(self, row: Unusable) -> None:
        """Nothing."""


class _RateColumn(ProgressColumn):
    """Events a second."""

    def render(self, task: Task) -> Text:
        """The rate, or nothing before there is one."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


class _Bar:
    """Shows a replay on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._reading = progress.add_task("read", total=None)
        self._sending = progress.add_task("sent", total=None)
        self._told = 0

    def read(self, rows: int) -> None:
        self._progress.update(self._reading, completed=rows)

    def total(self, events: int) -> None:
        self._progress.update(self._reading, completed=events, total=events)
        self._progress.update(self._sending, total=events)

    def sent(self, events: int) -> None:
        self._progress.update(self._sending, completed=events)

    def unusable(self, row: Unusable) -> None:
        self._told += 1
        if self._told <= TOLD_MAX:
            self._progress.console.print(
                f"{row.source} row {row.row}: {row.error.reason.value}: {row.error}", markup=False, highlight=False
            )
        elif self._told == TOLD_MAX + 1:
            self._progress.console.print("further rows that are no events are only counted")


@contextmanager
def _watched() -> Iterator[Watcher]:
    with _progress() as progress:
        yield _Bar(progress)


@contextmanager
def _told(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told how much is done, and of how much."""
    with _progress() as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
