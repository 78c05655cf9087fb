"""The follower: reads its partitions of the topics into the cache, from where the cache itself says it stands."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError

from connectors.cache.applying import KEPT_UP, Applier
from connectors.cache.behind import Behind
from connectors.cache.derived import derived_fact
from connectors.cache.items import Items
from connectors.cache.meters import CacheMeters
from connectors.cache.releases import Releases
from connectors.cache.rows import unpack_number
from connectors.cache.store import CacheStore
from connectors.kafka.clients import admin, broker_errors, make_consumer
from connectors.kafka.partitioning import partition_of_key
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from schemas.errors import BrokerUnavailable
from schemas.topics import COMMUNICATIONS, DAY_MS, LIBRARY, MODELS, PARTITIONS, PROFILES, SUPPRESSIONS, TRIGGERS
from schemas.worlds import WorldRef

BATCH_RECORDS = 500
CATCH_UP_RECORDS = 4_000
"""Read at once while it is behind: each batch costs some 5 ms by itself."""
CATCH_UP_BYTES = 4 * 1024 * 1024
"""Of one partition, fetched at once."""
POLL_MS = 200
FETCH_WAIT_MS = 100
"""Kafka answers one request of a connection after the other: other questions wait behind a fetch this long."""
ANSWER_MS = 5_000
BACKOFF_S = 1.0
ABSENT_MS_MAX = DAY_MS * 20 // 24
"""A node away for longer may have missed a tombstone, so it reads everything anew. Our own topics keep one for
30 days (`delete.retention.ms`); a day is Kafka's default, which a topic that others made may have."""
HELD = "held"
"""Row of `meta`: the partitions of persons that this cache is of."""
PERSONS_REMEMBERED = 65_536
_LIBRARY = TopicPartition(LIBRARY.name, 0)
_MODELS = TopicPartition(MODELS.name, 0)
_SUPPRESSIONS = TopicPartition(SUPPRESSIONS.name, 0)

_log = logging.getLogger(__name__)


class Follower:
    """Follows the topics in a thread of its own; the event loop only looks at its attributes.

    acts_for     partitions of which this node takes triggers, from where it first acted for them: what came before
                 another node has taken, or one whose ledger is lost, and to send it again would be to send it twice
    is_ready     the cache holds all that the topics held when this node started, or rebuilt
    lag_records  how far behind the ends of the topics it is, as far as known
    world        the end offsets of `library`, `models` and `catalogue` that were read
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
        items: Items | None = None,
        acts_for: Sequence[int] = (),
    ) -> None:
        self._store = store
        self._releases = releases
        self._applier = applier
        self._meters = meters
        self._kafka = kafka
        messages = [TopicPartition(COMMUNICATIONS.name, number) for number in range(PARTITIONS)]
        self._parts = [
            *(_LIBRARY, _SUPPRESSIONS, *messages),
            *(TopicPartition(PROFILES.name, number) for number in partitions),
        ]
        self._triggers = [TopicPartition(TRIGGERS.name, number) for number in acts_for]
        self._held = frozenset(partitions)
        self._clock_ms = clock_ms
        self._items = items
        self._is_logged = True
        self._saved: dict[TopicPartition, int] = {}
        self._targets: dict[TopicPartition, int] = {}
        self._behind = Behind(clock_ms)
        self.is_ready = False
        self.lag_records = 0
        self.world = WorldRef()

    @property
    def behind_s(self) -> float:
        """For how long the oldest record that is not applied has been waiting, at most."""
        return self._behind.seconds

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
        consumer = make_consumer(
            self._kafka,
            auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=CATCH_UP_BYTES,
            # What a fetch brought is stored under RocksDB's checksums; TCP and the broker have theirs.
            check_crcs=False,
        )
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
        consumer.assign([*self._parts, *self._triggers, _MODELS])
        beginnings = consumer.beginning_offsets([*self._parts, *self._triggers], timeout_ms=ANSWER_MS)
        ends = consumer.end_offsets([*self._parts, *self._triggers, _MODELS], timeout_ms=ANSWER_MS)
        consumer.seek(_MODELS, ends.pop(_MODELS))
        self._targets = ends
        stored = self._store.offsets()
        self._saved = {part: stored[part] for part in self._parts if part in stored}
        reason = self._reason_to_rebuild(ids, beginnings)
        if reason:
            self._rebuild(reason, ids)
        for part in self._parts:
            consumer.seek(part, self._saved.get(part, beginnings[part]))
        for part in self._triggers:
            # What was not read within its retention is gone. Mutant: begin at the beginning where none is stored;
            # then `test_a_node_that_lost_its_ledger_sends_nothing_again` fails.
            at = max(beginnings[part], min(stored.get(part, ends[part]), ends[part]))
            self._saved.update({part: stored[part]} if part in stored else {})
            consumer.seek(part, at)
        self._rest_triggers(consumer)

    def _reason_to_rebuild(self, ids: Mapping[str, bytes], beginnings: Mapping[TopicPartition, int]) -> str:
        """Why what is stored cannot be continued from; empty when it can."""
        known = {name: self._store.fact(name) for name in ids}
        if any(known[name] != found for name, found in ids.items()):
            return "topic_recreated" if self._saved else "new"
        if any(self._store.fact(name) != found for name, found in derived_fact().items()):
            return "derived_rows"
        if any(not beginnings[part] <= at <= self._targets[part] for part, at in self._saved.items()):
            return "offset_out_of_range"
        if (self._store.fact(HELD) or _held_fact(range(PARTITIONS))) != self._held_fact():
            # What was passed over for another node's is needed now, or what is here will grow old unseen.
            return "other_partitions" if self._saved else "new"
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
        # A log of what Kafka has anyway would cost a third of the time.
        self._is_logged = False
        self._store.forget_followed({**ids, **derived_fact(), HELD: self._held_fact()}, unlogged=True)
        self._saved = {}
        self._releases.reload()

    def _rest_triggers(self, consumer: KafkaConsumer) -> None:
        """While nothing is logged, triggers wait: a kill would lose what was asked for, and not that it was read."""
        if self._triggers and self.is_ready:
            consumer.resume(*self._triggers)
        elif self._triggers:
            consumer.pause(*self._triggers)

    def _own(self, part: TopicPartition, batch: Sequence[ConsumerRecord]) -> Sequence[ConsumerRecord]:
        """The records that are of persons whom this node holds.

        A message's partition follows from its whole key, which names the template too: those of one person stand in
        several, and what belongs to a person must be on one node.
        """
        if part.topic != COMMUNICATIONS.name or len(self._held) == PARTITIONS:
            return batch
        return [record for record in batch if _person_partition(record.key or b"") in self._held]

    def _held_fact(self) -> bytes:
        return _held_fact(self._held)

    def _step(self, consumer: KafkaConsumer) -> None:
        with broker_errors("the topics are read"):
            polled = consumer.poll(timeout_ms=POLL_MS, max_records=BATCH_RECORDS if self.is_ready else CATCH_UP_RECORDS)
            positions = {part: consumer.position(part) for part in (*self._parts, *self._triggers)}
            catalogue = 0 if self._items is None else self._items.end
            world = WorldRef(positions[_LIBRARY], consumer.position(_MODELS), catalogue)
        moved = {part: at for part, at in positions.items() if self._saved.get(part) != at}
        records = [record for part, batch in polled.items() if part != _MODELS for record in self._own(part, batch)]
        self._applier.apply(records, moved, self._clock_ms(), live=self.is_ready, logged=self._is_logged)
        self._saved.update(moved)
        self.world = world
        ends = {part: max(self._targets[part], consumer.highwater(part) or 0) for part in self._parts}
        self._tell_lag(ends, positions, polled)
        # What was removed from a catalogue meanwhile is known before anything is served.
        knows_items = self._items is None or self._items.is_ready
        if not self.is_ready and knows_items and all(positions[part] >= self._targets[part] for part in self._parts):
            if not self._is_logged:
                self._store.finish_unlogged()
                self._is_logged = True
            self.is_ready = True
            self._rest_triggers(consumer)

    def _tell_lag(
        self,
        ends: Mapping[TopicPartition, int],
        positions: Mapping[TopicPartition, int],
        polled: Mapping[TopicPartition, Sequence[ConsumerRecord]],
    ) -> None:
        self._behind.look(ends, positions, {part: batch[-1].timestamp for part, batch in polled.items() if batch})
        self.lag_records = sum(self._behind.lag_records.values())
        for topic, records in self._behind.lag_records.items():
            self._meters.lag.labels(topic).set(records)


@lru_cache(maxsize=PERSONS_REMEMBERED)
def _person_partition(key: bytes) -> int:
    """The partition of the person of a key `workspace|template|user`; 0 of what is none, and is refused there."""
    parts = key.split(b"|")
    return partition_of_key(parts[0] + b"|" + parts[2]) if len(parts) == 3 else 0


def _held_fact(partitions: Iterable[int]) -> bytes:
    return ",".join(map(str, sorted(partitions))).encode()


def now_ms() -> int:
    """The wall clock in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
