"""Writes many records to a topic, with no more of them under way than fit in memory."""

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from connectors.kafka.clients import broker_errors, make_producer
from connectors.kafka.settings import KafkaSettings
from foresend.bench.telling import Moved

IN_FLIGHT_MAX = 10_000
"""kafka-python's own buffer has no bound."""
ACKNOWLEDGE_S = 120.0
TOLD_EVERY = 1_000
BATCH_BYTES = 128 * 1024
LINGER_MS = 20


class Record(NamedTuple):
    """One record to write. `log_ms`: its time, in topics whose records carry their own; None: the broker's."""

    partition: int
    key: bytes
    value: bytes
    log_ms: int | None = None


def write_records(kafka: KafkaSettings, topic: str, records: Iterable[Record], moved: Moved) -> int:
    """Write them in order; returns how many, once Kafka has acknowledged every one.

    Raises:
        BrokerUnavailable: Kafka did not acknowledge in time.
    """
    producer = make_producer(kafka, batch_size=BATCH_BYTES, linger_ms=LINGER_MS)
    under_way: deque[Any] = deque()
    written = 0
    try:
        with broker_errors(f"topic {topic} is written"):
            for written, (partition, key, value, log_ms) in enumerate(records, 1):
                sent = producer.send(topic, value, key, partition=partition, timestamp_ms=log_ms)
                under_way.append(sent)
                if len(under_way) > IN_FLIGHT_MAX:
                    under_way.popleft().get(ACKNOWLEDGE_S)
                if written % TOLD_EVERY == 0:
                    moved(written)
            for sent in under_way:
                sent.get(ACKNOWLEDGE_S)
    finally:
        producer.close(timeout=ACKNOWLEDGE_S)
    moved(written)
    return written
