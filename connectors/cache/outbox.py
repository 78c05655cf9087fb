"""The drain of the outbox: rows go to Kafka in order, and are removed only once Kafka has acknowledged them."""

import logging
import threading
import time
from contextlib import suppress

from kafka import KafkaProducer
from kafka.errors import KafkaError

from connectors.cache.meters import CacheMeters
from connectors.cache.rows import OutboxRow
from connectors.cache.store import CacheStore
from connectors.kafka.clients import make_producer
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable

BATCH_ROWS = 500
IDLE_S = 1.0
BACKOFF_S = (0.1, 5.0)
"""First and longest pause after a batch that Kafka did not acknowledge."""
REQUEST_MS = 5_000
DELIVERY_MS = 15_000
CLOSE_S = 2.0
STOP_S = 5.0
"""How long a stop may wait for the outbox to empty; what is left goes out after the next start."""

_log = logging.getLogger(__name__)


class Outbox:
    """Produces the outbox's rows in a thread of its own, until told to stop.

    A row is produced again after a crash between acknowledgement and removal: the same key and bytes,
    which the job knows for a repeat. Mutant: remove rows before the acknowledgement; then a kill of the
    broker or of this process loses exposures, and `test_serve_kill` counts them.
    """

    def __init__(self, store: CacheStore, kafka: KafkaSettings, meters: CacheMeters) -> None:
        self._store = store
        self._kafka = kafka
        self._meters = meters
        self._producer: KafkaProducer | None = None
        self._pause_s = BACKOFF_S[0]

    def run(self, stopping: threading.Event) -> None:
        """Drain until told to stop, and then what can be drained in a bounded time."""
        deadline = float("inf")
        try:
            while time.monotonic() < deadline:
                if stopping.is_set():
                    deadline = min(deadline, time.monotonic() + STOP_S)
                self._store.outbox_grew.clear()
                rows = self._store.outbox_head(BATCH_ROWS)
                if not rows:
                    if stopping.is_set():
                        return
                    self._store.outbox_grew.wait(IDLE_S)
                elif not self._try(rows):
                    if stopping.wait(self._pause_s):
                        return
                    self._pause_s = min(self._pause_s * 2, BACKOFF_S[1])
        finally:
            self._close()

    def _try(self, rows: list[tuple[int, OutboxRow]]) -> bool:
        """Produce rows; False when Kafka did not acknowledge all of them."""
        try:
            self._produce(rows)
        except (BrokerUnavailable, KafkaError) as error:
            self._meters.produce_failures.inc()
            _log.warning("the outbox waits: %s: %s", type(error).__name__, error)
            # After a failure an idempotent producer may refuse everything: the next attempt has a new one.
            self._close()
            return False
        self._pause_s = BACKOFF_S[0]
        return True

    def _produce(self, rows: list[tuple[int, OutboxRow]]) -> None:
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
                future.get(timeout=DELIVERY_MS / 1000)
                acknowledged.append(number)
        finally:
            # Mutant: remove all of `rows` here; then `test_rows_stay_until_they_are_acknowledged` fails.
            if acknowledged:
                self._store.outbox_done(acknowledged)
                self._meters.produced.inc(len(acknowledged))

    def _close(self) -> None:
        if self._producer is not None:
            with suppress(KafkaError):
                self._producer.close(timeout=CLOSE_S)
            self._producer = None
