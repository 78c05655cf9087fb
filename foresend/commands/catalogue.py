"""`foresend catalogue import`: the items of a file, as events of a server would tell them, straight to the topic."""

import json
import logging
import sys
import time
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from connectors.collector.items import ItemRules, item_record
from connectors.kafka.clients import broker_errors, make_producer
from connectors.kafka.log_reader import log_ends
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from connectors.kafka.world_topics import library_topic
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from schemas.catalogue import Item
from schemas.errors import ConfigError, Reason, SchemaError
from schemas.events import Event, EventKind
from schemas.ids import EventId, RecordId, UserId, WorkspaceId
from schemas.library import CatalogueSettings, Release, WorkspaceSettings
from schemas.topics import LIBRARY

ACKNOWLEDGE_S = 30.0
UNDER_WAY_MAX = 10_000
TOLD_MAX = 10
"""Lines that are no items are told one by one up to here; all are counted."""
_log = logging.getLogger(__name__)


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("catalogue", help="loads items into a catalogue")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("import", help="each line of a file is an item")
    add.add_argument("file", type=Path, metavar="FILE", help="JSON lines, each the properties of an event of an item")
    add.add_argument("--catalogue", required=True, metavar="NAME", help="as foresend.yaml names it")
    add.add_argument("--workspace-id", default="sample", help="whose it is (default: %(default)s)")
    add.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    add_kafka_arguments(add)


def run(args: Namespace) -> int:
    """Import; 1 where a line is no item."""
    kafka, workspace = kafka_settings(args), WorkspaceId(args.workspace_id)
    begun = time.monotonic()
    ensure_topics(kafka)
    settings = _settings_of(kafka, workspace)
    refused: list[str] = []
    with _lines_of(args.file) as lines:
        items = _publish(kafka, items_in(lines, workspace, settings, args.catalogue, refused))
    for told in refused[:TOLD_MAX]:
        _log.warning("%s: %s", args.file, told)
    figures = {"items": items, "refused": len(refused), "seconds": round(time.monotonic() - begun, 2)}
    words = json.dumps(figures) if args.json else f"{items:,} items, {len(refused):,} lines refused"
    print(words, file=sys.stdout)
    return 1 if refused else 0


def items_in(
    lines: Iterable[bytes], workspace: WorkspaceId, settings: WorkspaceSettings, name: str, refused: list[str]
) -> Iterator[Item]:
    """The items of these lines; why a line is none is put to `refused`, with its number.

    Raises:
        ConfigError: there is no such catalogue.
    """
    catalogue = _catalogue(settings, name)
    rules = ItemRules((catalogue,), settings.link_hosts)
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield rules.item_of(_event(workspace, catalogue, _properties(line), number))
            except SchemaError as error:
                refused.append(f"line {number}: {error}")


def _catalogue(settings: WorkspaceSettings, name: str) -> CatalogueSettings:
    found = next((one for one in settings.catalogues if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in settings.catalogues) or "none"
        raise ConfigError(f"expected a catalogue of the newest release ({known}), got {name!r}")
    return found


def _properties(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        raise SchemaError(Reason.NOT_JSON, "expected a JSON object") from None
    if not isinstance(found, dict):
        raise SchemaError(Reason.WRONG_TYPE, "expected a JSON object")
    return found


def _event(workspace: WorkspaceId, catalogue: CatalogueSettings, properties: dict[str, Any], number: int) -> Event:
    return Event(
        workspace=workspace,
        user=UserId("import"),
        record_id=RecordId(str(number)),
        id=EventId(str(number)),
        kind=EventKind.TRACK,
        at_ms=0,
        received_ms=0,
        name=catalogue.updated[0],
        properties=properties,
    )


def _lines_of(file: Path) -> Any:
    try:
        return file.open("rb")
    except OSError as error:
        raise ConfigError(f"file {file}: expected JSON lines: {error.strerror}") from error


def _settings_of(kafka: KafkaSettings, workspace: WorkspaceId) -> WorkspaceSettings:
    topic = library_topic(kafka)
    try:
        offset = topic.offset_below(workspace, log_ends(kafka, LIBRARY.name).get(0, 0))
        if offset is None:
            raise ConfigError(f"expected a release of workspace {workspace}, there is none: run `foresend release`")
        return topic.record(offset, Release).settings
    finally:
        topic.close()


def _publish(kafka: KafkaSettings, items: Iterable[Item]) -> int:
    """Write items in their order, and return how many once Kafka has acknowledged all."""
    producer, count, under_way = make_producer(kafka, linger_ms=20), 0, deque[Any]()
    try:
        with broker_errors("items are written"):
            for item in items:
                topic, partition, key, value = item_record(item)
                under_way.append(producer.send(topic, value, key, partition=partition))
                count += 1
                if len(under_way) > UNDER_WAY_MAX:
                    under_way.popleft().get(ACKNOWLEDGE_S)
            for sent in under_way:
                sent.get(ACKNOWLEDGE_S)
    finally:
        producer.close(timeout=ACKNOWLEDGE_S)
    return count
