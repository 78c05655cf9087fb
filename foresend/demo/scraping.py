"""Numbers that the demo's programs tell about themselves: samples of /metrics, dead letters, restarts."""

import re
from types import TracebackType
from typing import Self

from kafka import TopicPartition

from connectors.kafka.clients import broker_errors, make_consumer
from connectors.kafka.settings import KafkaSettings
from schemas.topics import DEAD_LETTERS

ANSWER_MS = 5_000
"""The demo's end waits for an answer that is under way, so none may take long."""
WRITTEN = "foresend_cache_entries_written_total"
_SAMPLE = re.compile(r'^(?P<name>\w+)\{(?P<label>\w+)="(?P<value>[^"\\]*)"\} (?P<number>\S+)$', re.MULTILINE)


def by_label(page: str, name: str) -> dict[str, int]:
    r"""Samples of a counter with one label, by the label's value.

    >>> by_label('x_total{cause="new"} 3.0\nx_created{cause="new"} 1.7e9', "x_total")
    {'new': 3}
    """
    found = _SAMPLE.finditer(page)
    return {sample["value"]: int(float(sample["number"])) for sample in found if sample["name"] == name}


class DeadLetterCount:
    """Counts the dead letters in Kafka, by one consumer that is kept. Not to be called from two threads at once."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._consumer = make_consumer(kafka)
        self._parts = [TopicPartition(DEAD_LETTERS.name, number) for number in range(DEAD_LETTERS.partitions)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def __call__(self) -> int:
        """How many there are.

        Raises:
            BrokerUnavailable: Kafka does not answer.
        """
        with broker_errors("dead letters are counted"):
            return sum(self._consumer.end_offsets(self._parts, timeout_ms=ANSWER_MS).values())
