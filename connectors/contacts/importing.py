"""A file of contacts into the topic `events`."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from kafka import KafkaProducer

from connectors.contacts.addresses import normalised_email
from connectors.contacts.events import Import
from connectors.contacts.files import COLUMNS, SUPPRESSION_COLUMNS, ContactRow, read_contacts
from connectors.contacts.rows import suppression, told_by
from connectors.kafka.clients import broker_errors, make_producer
from connectors.kafka.event_records import event_record
from connectors.kafka.settings import KafkaSettings
from schemas.contacts import ContactChange
from schemas.errors import SchemaError
from schemas.events import Event
from schemas.ids import UserId
from schemas.topics import EVENTS

UNACKNOWLEDGED_MAX = 10_000
ACKNOWLEDGE_S = 150.0
"""Longer than the producer itself tries, so that its own word arrives first."""
LINGER_MS = 20


class Watcher(Protocol):
    """Whoever watches an import."""

    def row(self, number: int) -> None:
        """So many rows were read."""

    def problem(self, place: str, message: str) -> None:
        """Something is wrong there."""


@dataclass
class ImportFigures:
    """Counts of one import, by the keys that are printed.

    refused        rows of which nothing was imported
    without_proof  rows of which the permission was not imported
    """

    rows: int = 0
    refused: int = 0
    contacts: int = 0
    permissions: int = 0
    without_proof: int = 0
    suppressed: int = 0
    links: int = 0
    events: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, object]:
        """Ready to print."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}

    def count(self, changes: Iterable[ContactChange]) -> None:
        """Changes of one row."""
        for change in changes:
            self.contacts += bool(change.address)
            self.permissions += change.granted is True
            self.suppressed += change.suppress is not None


Send = Callable[[Event], None]


def import_contacts(path: Path, columns: dict[str, str], order: Import, watcher: Watcher, send: Send) -> ImportFigures:
    """Send the events of a file of people. What is wrong with a row is told, and the others are imported.

    Raises:
        ConfigError: the file cannot be read, or lacks a column.
    """
    figures = ImportFigures()
    for row in _watched(read_contacts(path, columns, COLUMNS), figures, watcher):
        told = told_by(row, order.now_ms)
        for problem in told.problems:
            watcher.problem(f"{path}:{row.line}", problem)
        if not told.changes:
            figures.refused += 1
            continue
        user = UserId(row.cells["user"])
        events = [order.contact(user, change) for change in told.changes]
        if told.email and order.secret:
            events.append(order.link(user, told.email))
            figures.links += 1
        figures.count(told.changes)
        figures.without_proof += told.is_without_proof
        figures.events += _send_all(events, send, watcher, f"{path}:{row.line}")
    return figures


def import_suppression(
    path: Path, columns: dict[str, str], order: Import, watcher: Watcher, send: Send
) -> ImportFigures:
    """Send the events of a list of addresses that nothing may be sent to.

    Raises:
        ConfigError: the file cannot be read, or lacks a column.
    """
    figures = ImportFigures()
    for row in _watched(read_contacts(path, columns, SUPPRESSION_COLUMNS), figures, watcher):
        address = normalised_email(row.cells.get("email", ""))
        if address is None:
            watcher.problem(f"{path}:{row.line}", "email: expected an e-mail address")
            figures.refused += 1
            continue
        reason = suppression(row.cells.get("suppressed", "")) or "import"
        change = ContactChange(channel="email", at_ms=order.now_ms, suppress=reason)
        figures.suppressed += 1
        figures.events += _send_all([order.suppressed(address, change)], send, watcher, f"{path}:{row.line}")
    return figures


def _watched(rows: Iterable[ContactRow], figures: ImportFigures, watcher: Watcher) -> Iterator[ContactRow]:
    for row in rows:
        figures.rows += 1
        watcher.row(figures.rows)
        yield row


def _send_all(events: list[Event], send: Send, watcher: Watcher, place: str) -> int:
    for event in events:
        try:
            send(event)
        except SchemaError as error:
            watcher.problem(place, str(error))
    return len(events)


class EventWriter:
    """Sends events to Kafka, and waits for those sent before while others are under way."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._producer: KafkaProducer = make_producer(settings, linger_ms=LINGER_MS)
        self._older: list[Any] = []
        self._newer: list[Any] = []

    def __enter__(self) -> Send:
        return self._send

    def __exit__(self, *_: object) -> None:
        """Everything is acknowledged when this returns.

        Raises:
            BrokerUnavailable: it is not; import again, ids are the same.
        """
        try:
            self._await_older()
            self._await_older()
        finally:
            self._producer.close(timeout=ACKNOWLEDGE_S)

    def _send(self, event: Event) -> None:
        partition, key, value = event_record(event)
        with broker_errors(f"topic {EVENTS.name} is written"):
            self._newer.append(self._producer.send(EVENTS.name, value, key, partition=partition))
        if len(self._newer) >= UNACKNOWLEDGED_MAX // 2:
            self._await_older()

    def _await_older(self) -> None:
        with broker_errors(f"topic {EVENTS.name} is written"):
            for future in self._older:
                future.get(ACKNOWLEDGE_S)
        self._older, self._newer = self._newer, []


def now_ms() -> int:
    """The wall clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
