"""Removes what the topics hold of a person: a tombstone for each living record; compaction does the rest."""

from collections.abc import Callable

from connectors.kafka.clients import broker_errors, make_producer
from connectors.kafka.log_reader import read_log
from connectors.kafka.settings import KafkaSettings
from schemas.errors import SchemaError
from schemas.ids import UserId, WorkspaceId
from schemas.keys import split_key, user_key
from schemas.topics import COMMUNICATIONS, EVENTS, EXAMPLES, Topic

SWEPT = (EVENTS, EXAMPLES)
"""Topics with a record for each thing that happened. Of the others the job itself removes what is a person's."""
ACKNOWLEDGE_S = 30.0

Place = tuple[int, bytes]
"""Partition and key of a record."""


def living_records(settings: KafkaSettings, topic: Topic, workspace: WorkspaceId, user: UserId) -> list[Place]:
    """Every record of a topic that is a person's, and that no tombstone follows.

    Reads the topic to its present end: minutes where it is large. Nothing but keys is held.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    is_asked_for = _is_of(topic, workspace, user)
    found: dict[Place, bool] = {}
    for record in read_log(settings, topic.name):
        if is_asked_for(record.key):
            found[record.position.partition, record.key] = bool(record.value)
    return [place for place, is_there in found.items() if is_there]


def sweep(settings: KafkaSettings, topic: Topic, workspace: WorkspaceId, user: UserId, at_ms: int | None = None) -> int:
    """Write a tombstone for each living record of a person; returns how many. Safe to repeat.

    at_ms  time of the tombstones, in a topic whose records bring their own; None: now

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    living = living_records(settings, topic, workspace, user)
    if not living:
        return 0
    producer = make_producer(settings, linger_ms=5)
    try:
        with broker_errors(f"topic {topic.name} is swept"):
            sent = [
                producer.send(topic.name, key=key, value=None, partition=partition, timestamp_ms=at_ms)
                for partition, key in living
            ]
            for future in sent:
                future.get(ACKNOWLEDGE_S)
    finally:
        producer.close()
    return len(living)


def _is_of(topic: Topic, workspace: WorkspaceId, user: UserId) -> Callable[[bytes], bool]:
    """Whether a record's key is a person's."""
    whole = user_key(workspace, user)
    if topic.name == COMMUNICATIONS.name:
        return lambda key: _owner_of_communication(key) == (workspace, user)
    beginning = whole + b"|"
    return lambda key: key == whole or key.startswith(beginning)


def _owner_of_communication(key: bytes) -> tuple[str, str] | None:
    try:
        workspace, _, user = split_key(key, 3)
    except SchemaError:
        return None
    return workspace, user
