"""Read a topic once, from its beginning to the end it has now."""

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from kafka import TopicPartition

from connectors.kafka.clients import broker_errors, make_consumer
from connectors.kafka.partitioning import partition_of_key
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable
from schemas.topics import Topic
from schemas.versions import Position

SILENCE_S = 30.0
"""A broker that gives nothing for so long, though records are there, is taken to be gone."""
POLL_MS = 500


class LogRecord(NamedTuple):
    """One record of a topic; an absent key or value is no bytes."""

    key: bytes
    value: bytes
    position: Position


def read_log(settings: KafkaSettings, topic: str, partitions: Sequence[int] = ()) -> Iterator[LogRecord]:
    """All records that the topic holds now, in the order of each partition.

    partitions  where to look; none named: everywhere

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    consumer = make_consumer(settings)
    try:
        with broker_errors(f"topic {topic} is read"):
            wanted = partitions or sorted(consumer.partitions_for_topic(topic) or ())
            parts = [TopicPartition(topic, number) for number in wanted]
            consumer.assign(parts)
            consumer.seek_to_beginning(*parts)
            ends = consumer.end_offsets(parts)
        heard = monotonic()
        while any(consumer.position(part) < ends[part] for part in parts):
            with broker_errors(f"topic {topic} is read"):
                batches = consumer.poll(timeout_ms=POLL_MS, max_records=5000)
            for part, records in batches.items():
                heard = monotonic()
                for record in records:
                    if record.offset < ends[part]:
                        position = Position(record.timestamp, part.partition, record.offset)
                        yield LogRecord(record.key or b"", record.value or b"", position)
            if monotonic() - heard > SILENCE_S:
                raise BrokerUnavailable(f"expected more records of topic {topic} within {SILENCE_S:.0f} s, got none")
    finally:
        consumer.close()


def newest_of(settings: KafkaSettings, topic: Topic, key: bytes) -> bytes:
    """The newest value of a key in a topic partitioned by it; no bytes where there is none, or a tombstone.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    found = b""
    for record in read_log(settings, topic.name, [partition_of_key(key, topic.partitions)]):
        if record.key == key:
            found = record.value
    return found


def log_ends(settings: KafkaSettings, topic: str) -> dict[int, int]:
    """For each partition of a topic, however many it has, the offset that its next record will get.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    consumer = make_consumer(settings)
    try:
        with broker_errors(f"the end of topic {topic} is asked for"):
            parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            return {part.partition: end for part, end in consumer.end_offsets(parts).items()}
    finally:
        consumer.close()


class GroupProgress:
    """How far a consumer group has said that it came in a topic. Made once and asked often."""

    def __init__(self, settings: KafkaSettings, group: str, topic: str) -> None:
        self._group = group
        self._consumer = make_consumer(settings, group_id=group)
        self._parts = [TopicPartition(topic, n) for n in sorted(self._consumer.partitions_for_topic(topic) or ())]

    def offsets(self) -> dict[int, int]:
        """For each partition the next offset; 0 where the group said nothing."""
        with broker_errors(f"the offsets of group {self._group} are asked for"):
            return {part.partition: self._consumer.committed(part) or 0 for part in self._parts}

    def total(self) -> int:
        """How many records it took, in all partitions."""
        return sum(self.offsets().values())

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()
