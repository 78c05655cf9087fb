"""Removes what the topics hold of a person: a tombstone for each living record; compaction does the rest."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from kafka import TopicPartition

from connectors.kafka.clients import broker_errors, make_consumer, make_producer
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable
from schemas.ids import UserId, WorkspaceId
from schemas.keys import user_key
from schemas.topics import EVENTS, EXAMPLES, Topic

SWEPT = (EVENTS, EXAMPLES)
"""Topics with a record for each thing that happened. Of the others the job itself removes what is a person's."""
SILENCE_S = 30.0
POLL_MS = 500
ACKNOWLEDGE_S = 30.0


@dataclass(frozen=True)
class Living:
    """A record of a person that no tombstone follows."""

    partition: int
    key: bytes


def living_records(settings: KafkaSettings, topic: Topic, workspace: WorkspaceId, user: UserId) -> list[Living]:
    """Every record of a topic whose key begins with a person's, and that is not removed yet.

    Reads the topic to its present end: minutes where it is large. Nothing but keys is held.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    whole = user_key(workspace, user)
    beginning = whole + b"|"
    found: dict[tuple[int, bytes], bool] = {}
    for partition, key, is_there in _keys(settings, topic):
        if key == whole or key.startswith(beginning):
            found[partition, key] = is_there
    return [Living(partition, key) for (partition, key), is_there in found.items() if is_there]


def sweep(settings: KafkaSettings, topic: Topic, workspace: WorkspaceId, user: UserId) -> int:
    """Write a tombstone for each living record of a person; returns how many. Safe to repeat.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    living = living_records(settings, topic, workspace, user)
    if not living:
        return 0
    producer = make_producer(settings, linger_ms=5)
    try:
        with broker_errors(f"topic {topic.name} is swept"):
            sent = [producer.send(topic.name, key=one.key, value=None, partition=one.partition) for one in living]
            for future in sent:
                future.get(ACKNOWLEDGE_S)
    finally:
        producer.close()
    return len(living)


def _keys(settings: KafkaSettings, topic: Topic) -> Iterator[tuple[int, bytes, bool]]:
    """Partition, key, and whether there is a value, of every record."""
    consumer = make_consumer(settings)
    try:
        with broker_errors(f"topic {topic.name} is read"):
            parts = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            consumer.assign(parts)
            consumer.seek_to_beginning(*parts)
            ends = consumer.end_offsets(parts)
        heard = monotonic()
        while any(consumer.position(part) < ends[part] for part in parts):
            with broker_errors(f"topic {topic.name} is read"):
                batches = consumer.poll(timeout_ms=POLL_MS, max_records=5_000)
            for part, records in batches.items():
                heard = monotonic()
                for record in records:
                    yield part.partition, record.key or b"", record.value is not None
            if monotonic() - heard > SILENCE_S:
                raise BrokerUnavailable(f"expected more records of topic {topic.name}, got none for {SILENCE_S:.0f} s")
    finally:
        consumer.close()
