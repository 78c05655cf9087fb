"""The drain of the outbox: rows go to Kafka in order, and are removed only once Kafka has acknowledged them."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.producer.future import FutureRecordMetadata

from connectors.cache.meters import CacheMeters
from connectors.cache.rows import OutboxRow
from connectors.cache.store import CacheStore
from connectors.kafka.clients import close_behind, make_producer
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable

BATCH_ROWS = 500
IDLE_S = 1.0
BUSY_ROWS = 20
"""So many more rows after `GATHER_S` mean that draws come fast: then the drain gives way to them."""
GIVE_WAY_ROWS = 300_000
GATHER_S = 0.05
"""Pause after a batch that was not full, so that the next has many rows: a drain for each draw would take the
interpreter from reads."""
BACKOFF_S = (0.1, 5.0)
"""First and longest pause after a batch that Kafka did not acknowledge."""
REQUEST_MS = 5_000
DELIVERY_MS = 15_000
LOOK_S = 0.2
"""How often a wait for an acknowledgement looks whether to stop."""
STOP_S = 3.0
"""How long a stop may wait for the outbox to empty; what is left goes out after the next start."""

_log = logging.getLogger(__name__)


class Outbox:
    """Produces the outbox's rows in a thread of its own, until told to stop.

    A row is produced again after a crash between acknowledgement and removal: the same key and bytes,
    which the job knows for a repeat. Mutant: remove rows before they are produced; then `test_serve_kill` misses
    about one exposure in ten.

    give_way_s  while draws come fast, rows may wait so long: each one that is drained takes as long as a draw
    """

    def __init__(
        self,
        store: CacheStore,
        kafka: KafkaSettings,
        meters: CacheMeters,
        give_way_s: float = 0.0,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._give_way_s = give_way_s
        self._clock_s = clock_s
        self._waits_since_s: float | None = None
        self._rows_seen = store.outbox_bounds[1]
        self._store = store
        self._kafka = kafka
        self._meters = meters
        self._producer: KafkaProducer | None = None
        self._pause_s = BACKOFF_S[0]
        self._deadline = float("inf")

    def run(self, stopping: threading.Event) -> None:
        """Drain until told to stop, and then what can be drained in a bounded time."""
        try:
            while not self._is_over(stopping):
                self._store.outbox_grew.clear()
                if self.gives_way() and not stopping.is_set():
                    stopping.wait(GATHER_S)
                    continue
                rows = self._store.outbox_head(BATCH_ROWS)
                if not rows:
                    if stopping.is_set():
                        return
                    self._store.outbox_grew.wait(IDLE_S)
                elif not self._try(rows, stopping):
                    if stopping.wait(self._pause_s):
                        return
                    self._pause_s = min(self._pause_s * 2, BACKOFF_S[1])
                elif len(rows) < BATCH_ROWS:
                    stopping.wait(GATHER_S)
        finally:
            self._close()

    def gives_way(self) -> bool:
        """Whether draws come too fast for a drain beside them, and none of their rows is too old for that."""
        first, following = self._store.outbox_bounds
        grown, self._rows_seen = following - self._rows_seen, following
        if self._give_way_s == 0 or grown < BUSY_ROWS or following - first > GIVE_WAY_ROWS:
            self._waits_since_s = None if first == following else self._waits_since_s
            return False
        if self._waits_since_s is None:
            self._waits_since_s = self._clock_s()
        return self._clock_s() - self._waits_since_s < self._give_way_s

    def _is_over(self, stopping: threading.Event) -> bool:
        """Whether it was told to stop, and the time for a last drain is over."""
        if stopping.is_set():
            self._deadline = min(self._deadline, time.monotonic() + STOP_S)
        return time.monotonic() > self._deadline

    def _try(self, rows: list[tuple[int, OutboxRow]], stopping: threading.Event) -> bool:
        """Produce rows; False when Kafka did not acknowledge all of them."""
        try:
            self._produce(rows, stopping)
        except (BrokerUnavailable, KafkaError) as error:
            self._meters.produce_failures.inc()
            _log.warning("the outbox waits: %s: %s", type(error).__name__, error)
            # After a failure an idempotent producer may refuse everything: the next attempt has a new one.
            self._close()
            return False
        self._pause_s = BACKOFF_S[0]
        return True

    def _produce(self, rows: list[tuple[int, OutboxRow]], stopping: threading.Event) -> None:
        if self._producer is None:
            self._producer = make_producer(
                self._kafka, request_timeout_ms=REQUEST_MS, delivery_timeout_ms=DELIVERY_MS, max_block_ms=REQUEST_MS
            )
        acknowledged: list[int] = []
        try:
            sent = [
                (number, self._producer.send(row.topic, key=row.key, value=row.value, partition=row.partition))
                for number, row in rows
            ]
            for number, future in sent:
                self._wait(future, stopping)
                acknowledged.append(number)
        finally:
            # Mutant: remove all of `rows` here; then `test_rows_stay_until_they_are_acknowledged` fails.
            if acknowledged:
                self._store.outbox_done(acknowledged)
                self._meters.produced.inc(len(acknowledged))

    def _wait(self, future: FutureRecordMetadata, stopping: threading.Event) -> None:
        """Return once a record is acknowledged; the producer itself gives up after `DELIVERY_MS`."""
        while not future.is_done and not self._is_over(stopping):
            with suppress(KafkaTimeoutError):
                future.get(timeout=LOOK_S)
        if not future.is_done:
            raise BrokerUnavailable("expected an acknowledgement before the stop, got none")
        future.get(timeout=0)

    def _close(self) -> None:
        if self._producer is not None:
            close_behind(self._producer, DELIVERY_MS)
            self._producer = None
