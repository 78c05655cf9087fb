"""Follows the topic `catalogue`: whoever's entry shows an item that changed is asked for anew, at a bounded rate."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from connectors.cache.families import META
from connectors.cache.heads import head_of
from connectors.cache.items import Items
from connectors.cache.rocks import Batch
from connectors.cache.rows import OutboxRow, pack_number, unpack_number
from connectors.kafka.clients import broker_errors, make_consumer
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from schemas.errors import BrokerUnavailable
from schemas.topics import CATALOGUE

ASKS_PER_S = 500.0
"""Persons asked for in a second at most: a price of an item that everybody sees is not rendered all at once."""
LOOKED_AT_PER_S = 20_000.0
"""Entries looked at: most were made after the change."""
NAMES_AT_ONCE = 200
POLL_MS = 100
BACKOFF_S = 1.0
ASKED_MAX = 100_000
"""Entries of which is remembered when they were asked for."""
OUTBOX_ROWS_MAX = 10_000
"""Nothing is asked for while more waits for Kafka."""
DONE = b"catalogue_done"
"""Row of `meta`: below this offset every change was told."""
_PART = TopicPartition(CATALOGUE.name, 0)
_log = logging.getLogger(__name__)


class Entries(Protocol):
    """What asking needs of the cache."""

    @property
    def outbox_rows(self) -> int:
        """How many records Kafka has not acknowledged yet."""

    def fact(self, name: str) -> bytes | None:
        """A row of `meta`."""

    def shown(self, item: bytes, after: bytes, limit: int) -> list[bytes]:
        """Names of entries that show an item, in their order."""

    def entry_named(self, name: bytes) -> tuple[bytes, bytes] | None:
        """Key and packed `Communication` of an entry."""

    def batch(self) -> Batch:
        """An empty batch."""

    def commit(self, batch: Batch, outbox: Sequence[OutboxRow] = ()) -> None:
        """Write a batch, and with it records for Kafka."""


class Asker:
    """Asks for entries that show an item's older version. From one thread.

    row_of  the record that asks for the person of a key, after the change at an offset, at a time
    """

    def __init__(
        self,
        store: Entries,
        items: Items,
        row_of: Callable[[bytes, int, int], OutboxRow],
        clock_ms: Callable[[], int],
        per_s: float = ASKS_PER_S,
    ) -> None:
        self._store, self._items, self._row_of, self._clock_ms, self._per_s = store, items, row_of, clock_ms, per_s
        self._asked: dict[bytes, int] = {}
        self._place: tuple[bytes, int, bytes] = (b"", -1, b"")
        self._allowance, self._paid_ms = 0.0, clock_ms()
        self._done = 0

    def begin(self) -> None:
        """Pass over what was told before this node began."""
        known = self._store.fact(DONE.decode())
        self._done = unpack_number(known) if known is not None else 0
        for key, offset in list(self._items.changed.items()):
            if offset < self._done:
                del self._items.changed[key]

    def tick(self) -> int:
        """Ask for as many as the rate allows by now; returns how many were."""
        now_ms = self._clock_ms()
        # A clock that jumps gives one second's worth at most.
        self._allowance += min(1.0, max(0.0, (now_ms - self._paid_ms) / 1000)) * self._per_s
        self._allowance, self._paid_ms = min(self._allowance, max(1.0, self._per_s)), now_ms
        if self._store.outbox_rows > OUTBOX_ROWS_MAX:
            return 0
        rows: list[OutboxRow] = []
        looked_at = self._look_at_late(rows, now_ms)
        while self._items.changed and len(rows) < int(self._allowance) and looked_at < LOOKED_AT_PER_S / 10:
            looked_at += self._look(rows, int(self._allowance) - len(rows), now_ms)
        self._allowance -= len(rows)
        self._write(rows)
        return len(rows)

    def _look(self, rows: list[OutboxRow], room: int, now_ms: int) -> int:
        """Go on with the oldest change; returns how much was looked at."""
        item, offset = next(iter(self._items.changed.items()))
        after = self._place[2] if self._place[:2] == (item, offset) else b""
        names = self._store.shown(item, after, min(room, NAMES_AT_ONCE))
        for name in names:
            self._ask(rows, name, offset, now_ms)
        if len(names) < min(room, NAMES_AT_ONCE):
            del self._items.changed[item]
            self._place = (b"", -1, b"")
        else:
            self._place = (item, offset, names[-1])
        return 1 + len(names)

    def _look_at_late(self, rows: list[OutboxRow], now_ms: int) -> int:
        """Look at entries that came after the change; returns how many were."""
        looked_at = 0
        while self._items.late and len(rows) < int(self._allowance) and looked_at < LOOKED_AT_PER_S / 10:
            self._ask(rows, *self._items.late.popleft(), now_ms)
            looked_at += 1
        return looked_at

    def _ask(self, rows: list[OutboxRow], name: bytes, offset: int, now_ms: int) -> None:
        """Ask for an entry, unless it was made or asked for since the change."""
        found = self._store.entry_named(name)
        decision = None if found is None else head_of(found[1]).decision
        # Mutant: whatever the entry was made with; then `test_who_was_rendered_since_is_not_asked_for` fails.
        if found is None or decision is None or max(decision.world.catalogue, self._asked.get(name, 0)) > offset:
            return
        rows.append(self._row_of(found[0], offset, now_ms))
        if len(self._asked) >= ASKED_MAX:
            self._asked.clear()
        self._asked[name] = self._items.end

    def _write(self, rows: Sequence[OutboxRow]) -> None:
        done = self._items.settled_below()
        if rows or done > self._done:
            batch = self._store.batch()
            batch.put(META, DONE, pack_number(max(done, self._done)))
            self._store.commit(batch, rows)
            self._done = max(done, self._done)


class ItemWatch:
    """Follows the topic in a thread of its own.

    may_ask  whether entries are read as far as they were when this node began: before, nobody is asked for
    """

    def __init__(self, items: Items, asker: Asker, kafka: KafkaSettings, may_ask: Callable[[], bool]) -> None:
        self._items, self._asker, self._kafka, self._may_ask = items, asker, kafka, may_ask

    def run(self, stopping: threading.Event) -> None:
        """Follow until told to stop. While Kafka does not answer, what is known stays known."""
        while not stopping.is_set():
            try:
                self._follow(stopping)
            except (BrokerUnavailable, KafkaError) as error:
                _log.warning("cannot follow the catalogue, trying again: %s: %s", type(error).__name__, error)
                stopping.wait(BACKOFF_S)

    def _follow(self, stopping: threading.Event) -> None:
        ensure_topics(self._kafka)
        consumer: KafkaConsumer = make_consumer(self._kafka)
        try:
            consumer.assign([_PART])
            with broker_errors("the catalogue's end is asked for"):
                if self._items.end:
                    consumer.seek(_PART, self._items.end)
                else:
                    consumer.seek_to_beginning(_PART)
                target = consumer.end_offsets([_PART])[_PART]
            while not stopping.is_set():
                self._step(consumer, target)
        finally:
            consumer.close()

    def _step(self, consumer: KafkaConsumer, target: int) -> None:
        with broker_errors("the catalogue is read"):
            polled = consumer.poll(timeout_ms=POLL_MS)
            reached = consumer.position(_PART)
        for batch in polled.values():
            for record in batch:
                self._items.take(record.offset, record.key or b"", record.value or b"")
        # Compaction leaves gaps: the position tells more than the last record.
        self._items.end = max(self._items.end, reached)
        if not self._items.is_ready and self._items.end >= target:
            self._asker.begin()
            self._items.is_ready = True
        if self._items.is_ready and self._may_ask():
            self._asker.tick()
