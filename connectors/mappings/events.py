"""One record as an event, as a mapping's source tells."""

from collections.abc import Mapping as Map
from typing import Any

from connectors.mappings.model import Mapping, Source, Value
from connectors.mappings.values import JoinedTable, Reader, Record, column_reader, time_reader, value_reader
from schemas.errors import Reason, SchemaError
from schemas.events import Event, EventKind, check_time
from schemas.ids import EventId, RecordId, UserId, WorkspaceId
from schemas.worlds import WorldRef

SENDER_KINDS = frozenset(
    {
        EventKind.TRACK,
        EventKind.IDENTIFY,
        EventKind.PAGE,
        EventKind.SCREEN,
        EventKind.GROUP,
        EventKind.ALIAS,
    }
)
"""Kinds that come from outside; the others are Foresend's own."""
AT_MS_MAX = 1 << 46
"""Above it no event can tell its time; see `schemas.events.Millis`."""


class EventMaker:
    """Turns records of one source into events of one workspace."""

    def __init__(self, mapping: Mapping, source: Source, workspace: WorkspaceId, joined: Map[str, JoinedTable]) -> None:
        self._workspace = workspace
        self._from_ms = 0 if mapping.from_ms is None else mapping.from_ms
        self._to_ms = AT_MS_MAX if mapping.to_ms is None else mapping.to_ms
        self._kind = value_reader(source.kind, joined)
        self._name = value_reader(source.name, joined)
        self._user = column_reader(source.user, joined)
        self._user_column = source.user
        self._at = time_reader(source.at, joined)
        self._id = [(name, column_reader(name, joined)) for name in source.id]
        self._properties = _readers(source.properties, joined)
        self._traits = _readers(source.traits, joined)
        self._context = _readers(source.context, joined)

    def event(self, record: Record, record_id: RecordId, world: WorldRef, received_ms: int | None) -> Event:
        """The event of one record.

        record_id    also the event's own id, where the mapping names no columns for it
        received_ms  None: when it happened, as in a replay

        Raises:
            SchemaError: with the reason why the record cannot be one.
        """
        at_ms = self._at(record)
        if not self._from_ms <= at_ms < self._to_ms:
            raise SchemaError(Reason.TIME_OUT_OF_RANGE, "expected a time in the mapping's plausible range, got another")
        if received_ms is not None:
            check_time(at_ms, received_ms)
        return Event(
            workspace=self._workspace,
            user=UserId(_identity(self._user(record), self._user_column)),
            record_id=record_id,
            id=self._event_id(record) or EventId(record_id),
            kind=self._kind_of(record),
            at_ms=at_ms,
            received_ms=at_ms if received_ms is None else received_ms,
            world=world,
            name=self._name(record) or "",
            properties=_read_all(self._properties, record),
            traits=_read_all(self._traits, record),
            context=_read_all(self._context, record),
        )

    def _event_id(self, record: Record) -> EventId | None:
        if not self._id:
            return None
        return EventId("-".join(_identity(read(record), name) for name, read in self._id))

    def _kind_of(self, record: Record) -> EventKind:
        found = self._kind(record)
        if found not in SENDER_KINDS:
            raise SchemaError(
                Reason.UNKNOWN_KIND, f"expected a kind among {', '.join(sorted(SENDER_KINDS))}, got another"
            )
        return EventKind(found)


def _identity(found: Any, column: str) -> str:
    if found is None:
        raise SchemaError(Reason.UNMAPPED, f"column {column}: expected an id, got none")
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        raise SchemaError(
            Reason.WRONG_TYPE, f"column {column}: expected a text or a whole number, got {type(found).__name__}"
        )
    return str(found)


def _readers(values: Map[str, Value], joined: Map[str, JoinedTable]) -> list[tuple[str, Reader]]:
    return [(name, value_reader(value, joined)) for name, value in values.items()]


def _read_all(readers: list[tuple[str, Reader]], record: Record) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, read in readers:
        value = read(record)
        if value is not None:
            found[name] = value
    return found
