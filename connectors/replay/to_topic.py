"""Replay straight to a topic, whose records carry the events' own times."""

import time
from collections.abc import Iterator
from typing import Any

from kafka import KafkaProducer

from connectors.kafka.clients import broker_errors, make_producer
from connectors.kafka.dead_letters import code_version, dead_letter_record
from connectors.kafka.event_records import EventRecord, heartbeats
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from connectors.replay.figures import ReplayFigures
from connectors.replay.recorded import Recorded, Recording, Unusable, Watcher
from schemas.dead_letters import DeadLetter
from schemas.profiles import PROFILE_AFTER_MS
from schemas.topics import DEAD_LETTERS, Topic

UNACKNOWLEDGED_MAX = 10_000
"""Records on their way: kafka-python's own buffer has no bound."""
ACKNOWLEDGE_S = 150.0
"""Longer than the producer itself tries, so that its own word arrives first."""
AFTERWARDS_MS = 1_000
"""The heartbeats at the end stand so much after the last person was due to be told."""
BATCH_BYTES = 128 * 1024
LINGER_MS = 20


def replay_to_topic(settings: KafkaSettings, recording: Recording, topic: Topic, watcher: Watcher) -> ReplayFigures:
    """Write all events of a recording, then one heartbeat for each partition, when all of it has been told.

    The topic is created if need be. Returns when everything is acknowledged.

    Raises:
        BrokerUnavailable: Kafka did not acknowledge in time; do it again, ids are the same.
        ConfigError: files or columns are missing.
    """
    ensure_topics(settings, [topic, DEAD_LETTERS])
    started = time.monotonic()
    producer = make_producer(settings, batch_size=BATCH_BYTES, linger_ms=LINGER_MS)
    try:
        with broker_errors(f"topic {topic.name} is written"):
            sent, refused = _Writer(producer, topic.name, recording, watcher).write(recording.read(watcher))
    finally:
        producer.close(timeout=ACKNOWLEDGE_S)
    return ReplayFigures(
        events_read=sent + refused,
        events_sent=sent,
        seconds=time.monotonic() - started,
        dead_letters=refused,
        topic=topic.name,
    )


class _Writer:
    """Sends, and waits for those sent before while others are under way."""

    def __init__(self, producer: KafkaProducer, topic: str, recording: Recording, watcher: Watcher) -> None:
        self._producer = producer
        self._topic = topic
        self._recording = recording
        self._watcher = watcher
        self._older: list[Any] = []
        self._newer: list[Any] = []

    def write(self, items: Iterator[Recorded | Unusable]) -> tuple[int, int]:
        """Returns how many were sent, and how many became dead letters."""
        sent = refused = last_ms = 0
        for item in items:
            if isinstance(item, Recorded):
                self._send(item.record, item.log_ms)
                sent, last_ms = sent + 1, item.log_ms
            else:
                self._refuse(item)
                refused += 1
            if len(self._newer) >= UNACKNOWLEDGED_MAX // 2:
                self._await_older()
                self._watcher.sent(sent)
        if sent:
            end_ms = last_ms + PROFILE_AFTER_MS + AFTERWARDS_MS
            for beat in heartbeats(end_ms, self._recording.world):
                self._send(beat, end_ms)
        self._await_older()
        self._await_older()
        self._watcher.sent(sent)
        return sent, refused

    def _send(self, record: EventRecord, log_ms: int) -> None:
        partition, key, value = record
        self._newer.append(self._producer.send(self._topic, value, key, partition=partition, timestamp_ms=log_ms))

    def _refuse(self, item: Unusable) -> None:
        letter = DeadLetter(
            source=item.source,
            partition=0,
            offset=item.row,
            received_ms=time.time_ns() // 1_000_000,
            reason=item.error.reason,
            message=str(item.error),
            key=b"",
            payload=item.payload,
            code_version=code_version(),
        )
        key, value = dead_letter_record(letter)
        self._newer.append(self._producer.send(DEAD_LETTERS.name, value, key, partition=0))

    def _await_older(self) -> None:
        for future in self._older:
            future.get(ACKNOWLEDGE_S)
        self._older, self._newer = self._newer, []
