"""An event as a record of the topic `events`: its key, its partition and its bytes, checked as its reader will."""

from typing import NamedTuple

from connectors.kafka.partitioning import event_partition
from schemas.errors import Reason, SchemaError
from schemas.events import DEPTH_MAX, Event, EventKind, decode_event, encode_event
from schemas.ids import EventId, RecordId
from schemas.keys import HEARTBEAT_USER, SYSTEM_WORKSPACE, event_key
from schemas.topics import PARTITIONS
from schemas.worlds import WorldRef


class EventRecord(NamedTuple):
    """What is sent to Kafka."""

    partition: int
    key: bytes
    value: bytes


def event_record(event: Event) -> EventRecord:
    """The record of an event.

    What was built by hand is decoded once more: so nothing is accepted here that the job refuses
    there, and the rules stand in one place (3 µs an event).

    Raises:
        SchemaError: the event is too large or too deep, or an id is empty or too long.
    """
    try:
        value = encode_event(event)
    except RecursionError:
        raise SchemaError(Reason.TOO_DEEP, f"expected at most {DEPTH_MAX} levels of nesting, got far more") from None
    except UnicodeEncodeError:
        raise SchemaError(Reason.BAD_UTF8, "expected text that can be written as UTF-8") from None
    decode_event(value)
    return EventRecord(
        event_partition(event.workspace, event.user),
        event_key(event.workspace, event.user, event.record_id),
        value,
    )


def heartbeats(at_ms: int, world: WorldRef) -> list[EventRecord]:
    """One record for each partition of `events`, so that time goes on where nothing happens.

    Their keys are the same every time, so that compaction keeps one of each partition.
    """
    return [_heartbeat(partition, at_ms, world) for partition in range(PARTITIONS)]


def _heartbeat(partition: int, at_ms: int, world: WorldRef) -> EventRecord:
    record_id = RecordId(str(partition))
    event = Event(
        workspace=SYSTEM_WORKSPACE,
        user=HEARTBEAT_USER,
        record_id=record_id,
        id=EventId(f"{partition}-{at_ms}"),
        kind=EventKind.HEARTBEAT,
        at_ms=at_ms,
        received_ms=at_ms,
        world=world,
    )
    key = event_key(SYSTEM_WORKSPACE, HEARTBEAT_USER, record_id)
    return EventRecord(partition, key, encode_event(event))
