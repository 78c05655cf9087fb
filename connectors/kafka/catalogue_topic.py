"""Reads the topic `catalogue` as far as events name it."""

from time import monotonic
from typing import Protocol

from kafka import TopicPartition

from connectors.kafka.clients import broker_errors, make_consumer
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.world_topics import ARRIVAL_S, POLL_MS
from schemas.errors import UnknownWorld, WorldUnavailable
from schemas.topics import CATALOGUE


class ItemLog(Protocol):
    """Takes the topic's records in, in their order. `end`: below it all was."""

    end: int

    def take(self, offset: int, key: bytes, packed: bytes) -> object:
        """Take a record in."""

    def advance(self, end: int) -> None:
        """Note that there is nothing else below an offset."""


class CatalogueTopic:
    """All versions of items, as a log keeps them: the newest of each, and those of the last 90 days."""

    def __init__(self, settings: KafkaSettings, log: ItemLog) -> None:
        self._part = TopicPartition(CATALOGUE.name, 0)
        self._consumer = make_consumer(settings)
        self._consumer.assign([self._part])
        self._consumer.seek_to_beginning(self._part)
        self._log = log

    def close(self) -> None:
        """Leave the topic."""
        self._consumer.close()

    def read_until(self, end: int) -> None:
        """Read on until the log holds what is below an offset.

        Raises:
            UnknownWorld: the topic does not reach that far.
            WorldUnavailable: it does, but could not be read in time.
        """
        log = self._log
        with broker_errors(f"{self._part.topic} is read"):
            there = self._consumer.end_offsets([self._part])[self._part]
        if end > there:
            raise UnknownWorld(f"expected a world below offset {there} of topic {self._part.topic}, got {end}")
        deadline = monotonic() + ARRIVAL_S
        while log.end < end:
            with broker_errors(f"{self._part.topic} is read"):
                polled = self._consumer.poll(timeout_ms=POLL_MS)
                reached = self._consumer.position(self._part)
            for batch in polled.values():
                for record in batch:
                    log.take(record.offset, record.key or b"", record.value or b"")
                    deadline = monotonic() + ARRIVAL_S
            log.advance(reached)
            if log.end < end and monotonic() > deadline:
                raise WorldUnavailable(
                    f"expected topic {self._part.topic} to hold {end} records within {ARRIVAL_S:.0f} s, got {log.end}: "
                    "was the topic deleted, or is this another broker than the events'?"
                )
