"""The follower: reads its partitions of the topics into the cache, from where the cache itself says it stands."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from connectors.cache.applying import KEPT_UP, Applier
from connectors.cache.meters import CacheMeters
from connectors.cache.releases import Releases
from connectors.cache.rows import unpack_number
from connectors.cache.store import CacheStore
from connectors.kafka.clients import admin, broker_errors, make_consumer
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from schemas.errors import BrokerUnavailable
from schemas.topics import COMMUNICATIONS, DAY_MS, LIBRARY, MODELS, PROFILES
from schemas.worlds import WorldRef

BATCH_RECORDS = 500
POLL_MS = 200
FETCH_WAIT_MS = 100
"""Kafka answers one request of a connection after the other: other questions wait behind a fetch this long."""
ANSWER_MS = 5_000
BACKOFF_S = 1.0
ABSENT_MS_MAX = DAY_MS * 20 // 24
"""A node away for longer may have missed a tombstone, so it reads everything anew. Our own topics keep one for
30 days (`delete.retention.ms`); a day is Kafka's default, which a topic that others made may have."""
_LIBRARY = TopicPartition(LIBRARY.name, 0)
_MODELS = TopicPartition(MODELS.name, 0)

_log = logging.getLogger(__name__)


class Follower:
    """Follows the topics in a thread of its own; the event loop only looks at its attributes.

    is_ready     the cache holds all that the topics held when this node started, or rebuilt
    lag_records  how far behind the ends of the topics it is, as far as known
    world        the end offsets of `library` and `models` that were read
    """

    def __init__(
        self,
        store: CacheStore,
        releases: Releases,
        applier: Applier,
        meters: CacheMeters,
        kafka: KafkaSettings,
        *,
        partitions: Sequence[int],
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._releases = releases
        self._applier = applier
        self._meters = meters
        self._kafka = kafka
        keyed = [TopicPartition(topic.name, number) for topic in (COMMUNICATIONS, PROFILES) for number in partitions]
        self._parts = [_LIBRARY, *keyed]
        self._clock_ms = clock_ms
        self._saved: dict[TopicPartition, int] = {}
        self._targets: dict[TopicPartition, int] = {}
        self.is_ready = False
        self.lag_records = 0
        self.world = WorldRef()

    def run(self, stopping: threading.Event) -> None:
        """Follow until told to stop. While Kafka does not answer, what is here stays readable.

        Raises:
            ConfigError: the topics are not what the table says.
            StateError: stored bytes cannot be read, or records are of a newer version.
        """
        while not stopping.is_set():
            try:
                self._follow(stopping)
            except (BrokerUnavailable, KafkaError) as error:
                _log.warning("cannot follow the topics, trying again: %s: %s", type(error).__name__, error)
                stopping.wait(BACKOFF_S)

    def _follow(self, stopping: threading.Event) -> None:
        ensure_topics(self._kafka)
        ids = self._topic_ids()
        consumer = make_consumer(self._kafka, auto_offset_reset="none", fetch_max_wait_ms=FETCH_WAIT_MS)
        try:
            with broker_errors("the topics' offsets are asked for"):
                self._start(consumer, ids)
            while not stopping.is_set():
                self._step(consumer)
        finally:
            consumer.close()

    def _topic_ids(self) -> dict[str, bytes]:
        """Facts that tell a topic from another one of the same name, made after the first was deleted."""
        names = [COMMUNICATIONS.name, PROFILES.name, LIBRARY.name]
        with admin(self._kafka) as client, broker_errors("topics are described"):
            return {f"topic_id:{one['name']}": str(one["topic_id"]).encode() for one in client.describe_topics(names)}

    def _start(self, consumer: KafkaConsumer, ids: Mapping[str, bytes]) -> None:
        consumer.assign([*self._parts, _MODELS])
        beginnings = consumer.beginning_offsets(self._parts, timeout_ms=ANSWER_MS)
        ends = consumer.end_offsets([*self._parts, _MODELS], timeout_ms=ANSWER_MS)
        consumer.seek(_MODELS, ends.pop(_MODELS))
        self._targets = ends
        stored = self._store.offsets()
        self._saved = {part: stored[part] for part in self._parts if part in stored}
        reason = self._reason_to_rebuild(ids, beginnings)
        if reason:
            self._rebuild(reason, ids)
        for part in self._parts:
            consumer.seek(part, self._saved.get(part, beginnings[part]))

    def _reason_to_rebuild(self, ids: Mapping[str, bytes], beginnings: Mapping[TopicPartition, int]) -> str:
        """Why what is stored cannot be continued from; empty when it can."""
        known = {name: self._store.fact(name) for name in ids}
        if any(known[name] != found for name, found in ids.items()):
            return "topic_recreated" if self._saved else "new"
        if any(not beginnings[part] <= at <= self._targets[part] for part, at in self._saved.items()):
            return "offset_out_of_range"
        kept_up = self._store.fact(KEPT_UP)
        if kept_up is not None and self._clock_ms() - unpack_number(kept_up) > ABSENT_MS_MAX:
            return "absent_too_long"
        return ""

    def _rebuild(self, reason: str, ids: Mapping[str, bytes]) -> None:
        """Drop what came from topics. Readers check `is_ready` again when they find nothing."""
        self.is_ready = False
        if reason != "new":
            _log.warning("the cache is dropped and read anew: %s", reason)
            self._meters.rebuilds.labels(reason).inc()
        self._store.forget_followed(dict(ids))
        self._saved = {}
        self._releases.reload()

    def _step(self, consumer: KafkaConsumer) -> None:
        with broker_errors("the topics are read"):
            polled = consumer.poll(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
            positions = {part: consumer.position(part) for part in self._parts}
            world = WorldRef(positions[_LIBRARY], consumer.position(_MODELS))
        moved = {part: at for part, at in positions.items() if self._saved.get(part) != at}
        records = [record for part, batch in polled.items() if part != _MODELS for record in batch]
        self._applier.apply(records, moved, self._clock_ms(), live=self.is_ready)
        self._saved.update(moved)
        self.world = world
        self.lag_records = sum(
            max(0, max(self._targets[part], consumer.highwater(part) or 0) - at) for part, at in positions.items()
        )
        if not self.is_ready:
            self.is_ready = all(at >= self._targets[part] for part, at in positions.items())


def now_ms() -> int:
    """The wall clock in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
