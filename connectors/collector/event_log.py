"""Writes records to Kafka and tells when it has them, without making the event loop wait."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from connectors.collector.threads import in_daemon_thread
from connectors.kafka.clients import close_behind, make_producer
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable
from schemas.topics import CATALOGUE, DEAD_LETTERS, EVENTS, WEBHOOKS

UNACKNOWLEDGED_BYTES_MAX = 64 * 1024 * 1024
"""On their way to Kafka at once; kafka-python's own buffer has no bound. More is refused, to be sent again."""
ACKNOWLEDGE_S = 10.0
"""How long a request waits for its acknowledgement."""
STALLED_S = 3.0
"""While something waits longer than this, new requests are refused at once: they would only queue up behind it."""
DELIVERY_MS = 30_000
"""How long the producer tries; then the records are given up, which frees their room."""
LINGER_MS = 5
BATCH_BYTES = 256 * 1024
SEND_BLOCK_MS = 1_000
"""Bounds how long `send` may hold the event loop, should it ever miss a topic's metadata."""
RECONNECT_S = 0.5

_log = logging.getLogger(__name__)


class Outgoing(NamedTuple):
    """One record to write."""

    topic: str
    partition: int
    key: bytes
    value: bytes


class _Delivery:
    """The records of one request: done when the last of them is acknowledged or given up."""

    def __init__(self, records: Sequence[Outgoing], on_done: Callable[["_Delivery"], None]) -> None:
        self.size = sum(len(record.key) + len(record.value) for record in records)
        self.started = time.monotonic()
        self.error: KafkaError | None = None
        self._left = len(records)
        self._on_done = on_done
        # Called from the producer's thread, and from ours where a record was done before we could ask.
        self._lock = threading.Lock()

    def acknowledged(self, _: object) -> None:
        self._less(1, None)

    def failed(self, error: KafkaError) -> None:
        self._less(1, error)

    def give_up(self, records: int, error: KafkaError) -> None:
        """So many records were never handed to the producer."""
        self._less(records, error)

    def _less(self, records: int, error: KafkaError | None) -> None:
        with self._lock:
            self._left -= records
            self.error = self.error or error
            is_done = self._left == 0
        if is_done:
            self._on_done(self)


class EventLog:
    """The way to Kafka: one producer, made anew when it fails. Made and used in one event loop."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: KafkaProducer | None = None
        self._pending: dict[_Delivery, asyncio.Future[None]] = {}
        self._pending_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._renewal: asyncio.Task[None] | None = None

    @property
    def pending_bytes(self) -> int:
        """Bytes that Kafka has not acknowledged yet."""
        return self._pending_bytes

    @property
    def is_writable(self) -> bool:
        """Whether a write would be tried now."""
        return self._producer is not None and not self._is_stalled()

    async def connect(self) -> None:
        """Reach Kafka, however long it takes."""
        while self._producer is None:
            try:
                self._producer = await in_daemon_thread(self._make)
            except (BrokerUnavailable, KafkaError) as error:
                _log.warning("Kafka is not reached: %s", error)
                await asyncio.sleep(RECONNECT_S)

    async def write(self, records: Sequence[Outgoing]) -> None:
        """Return once Kafka has acknowledged all of them.

        Raises:
            BrokerUnavailable: not all were acknowledged; any of them may still have been written.
        """
        producer = self._producer
        if producer is None:
            raise BrokerUnavailable("expected to be connected to Kafka, but it does not answer")
        if self._is_stalled():
            raise BrokerUnavailable("expected Kafka to acknowledge records, but it is too slow or away")
        delivery = _Delivery(records, self._done)
        if self._pending_bytes + delivery.size > UNACKNOWLEDGED_BYTES_MAX:
            raise BrokerUnavailable(f"expected room among {UNACKNOWLEDGED_BYTES_MAX} unacknowledged bytes")
        answer: asyncio.Future[None] = self._loop.create_future()
        self._pending[delivery] = answer
        self._pending_bytes += delivery.size
        self._send(producer, records, delivery)
        try:
            await asyncio.wait_for(asyncio.shield(answer), ACKNOWLEDGE_S)
        except TimeoutError:
            raise BrokerUnavailable(f"expected Kafka's acknowledgement within {ACKNOWLEDGE_S:.0f} s") from None

    async def close(self, grace_s: float) -> None:
        """Wait for what is under way, then let go of Kafka."""
        producer, self._producer = self._producer, None
        if self._renewal is not None:
            self._renewal.cancel()
        if self._pending:
            await asyncio.wait([asyncio.shield(one) for one in self._pending.values()], timeout=grace_s)
        if producer is not None:
            with contextlib.suppress(KafkaTimeoutError):
                await in_daemon_thread(partial(producer.close, grace_s))

    def _make(self) -> KafkaProducer:
        producer = make_producer(
            self._settings,
            linger_ms=LINGER_MS,
            batch_size=BATCH_BYTES,
            delivery_timeout_ms=DELIVERY_MS,
            request_timeout_ms=DELIVERY_MS // 2,
            max_block_ms=SEND_BLOCK_MS,
        )
        for topic in (EVENTS, DEAD_LETTERS, WEBHOOKS, CATALOGUE):
            producer.partitions_for(topic.name)
        return producer

    def _send(self, producer: KafkaProducer, records: Sequence[Outgoing], delivery: _Delivery) -> None:
        for number, (topic, partition, key, value) in enumerate(records):
            try:
                sent = producer.send(topic, value, key, partition=partition)
            except KafkaError as error:
                delivery.give_up(len(records) - number, error)
                return
            sent.add_callback(delivery.acknowledged)
            sent.add_errback(delivery.failed)

    def _is_stalled(self) -> bool:
        oldest = next(iter(self._pending), None)
        return oldest is not None and time.monotonic() - oldest.started > STALLED_S

    def _done(self, delivery: _Delivery) -> None:
        """In any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, delivery)

    def _settle(self, delivery: _Delivery) -> None:
        answer = self._pending.pop(delivery)
        self._pending_bytes -= delivery.size
        error = delivery.error
        if error is None:
            answer.set_result(None)
            return
        answer.set_exception(BrokerUnavailable(f"expected Kafka's acknowledgement, got {type(error).__name__}"))
        # Nobody may be waiting any more; then the exception is not to be complained about.
        answer.exception()
        self._renew()

    def _renew(self) -> None:
        """Make another producer: one that has failed may have lost its identity with the broker for good."""
        failed, self._producer = self._producer, None
        if failed is not None:
            close_behind(failed, DELIVERY_MS)
            self._renewal = self._loop.create_task(self.connect())
