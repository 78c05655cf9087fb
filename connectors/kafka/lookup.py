"""What topics hold of one key: read on demand, for tools that are asked about one person."""

from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from kafka import TopicPartition

from connectors.kafka.clients import broker_errors, make_consumer
from connectors.kafka.partitioning import partition_of_key
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable
from schemas.topics import Topic

SILENCE_S = 30.0
POLL_MS = 500
POLL_RECORDS = 5_000


class Found(NamedTuple):
    """A record; no value is a tombstone."""

    partition: int
    key: bytes
    value: bytes | None


def records_of(
    settings: KafkaSettings, topic: Topic, is_asked_for: Callable[[bytes], bool], partitions: Sequence[int] = ()
) -> Iterator[Found]:
    """Every record of a topic, up to its present end, whose key is asked for.

    partitions  where to look; none named: everywhere

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    consumer = make_consumer(settings)
    try:
        with broker_errors(f"topic {topic.name} is read"):
            parts = [TopicPartition(topic.name, number) for number in partitions or range(topic.partitions)]
            consumer.assign(parts)
            consumer.seek_to_beginning(*parts)
            ends = consumer.end_offsets(parts)
        heard = monotonic()
        while any(consumer.position(part) < ends[part] for part in parts):
            with broker_errors(f"topic {topic.name} is read"):
                batches = consumer.poll(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            for part, records in batches.items():
                heard = monotonic()
                for record in records:
                    if is_asked_for(record.key or b""):
                        yield Found(part.partition, record.key or b"", record.value)
            if monotonic() - heard > SILENCE_S:
                raise BrokerUnavailable(f"expected more records of topic {topic.name}, got none for {SILENCE_S:.0f} s")
    finally:
        consumer.close()


def newest_of(settings: KafkaSettings, topic: Topic, key: bytes) -> bytes | None:
    """The newest value of a key in a topic partitioned by it; None where there is none, or a tombstone.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    found = None
    for record in records_of(settings, topic, key.__eq__, [partition_of_key(key, topic.partitions)]):
        found = record.value
    return found
