"""The drain of the outbox: in order, removed only once acknowledged, and an end in bounded time."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError
from prometheus_client import CollectorRegistry

from connectors.cache import outbox as outbox_module
from connectors.cache.meters import CacheMeters
from connectors.cache.outbox import BUSY_ROWS, Outbox
from connectors.cache.rows import OutboxRow
from connectors.cache.store import CacheStore
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable
from tests.support.waiting import wait_until

KAFKA = KafkaSettings("127.0.0.1:1")


class FakeKafka:
    """Takes records; refuses to acknowledge those listed, once each."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.refused_once: set[bytes] = set()
        self.is_away = False
        self.connections = 0

    def connect(self, *_: Any, **__: Any) -> "FakeKafka":
        if self.is_away:
            raise BrokerUnavailable("nobody answers")
        self.connections += 1
        return self

    def send(self, topic: str, *, key: bytes, value: bytes, partition: int) -> "FakeKafka._Future":
        assert (topic, key, partition) == ("events", b"key", 3)
        self.taken.append(value)
        return self._Future(value in self.refused_once, self, value)

    def close(self, *_: float) -> None:
        pass

    class _Future:
        def __init__(self, is_refused: bool, kafka: "FakeKafka", value: bytes) -> None:
            self._is_refused, self._kafka, self._value = is_refused, kafka, value

        def get(self, **_: float) -> None:
            if self._is_refused:
                self._kafka.refused_once.discard(self._value)
                raise KafkaTimeoutError("not acknowledged")

        is_done = True


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    fake = FakeKafka()
    monkeypatch.setattr(outbox_module, "make_producer", fake.connect)
    monkeypatch.setattr(outbox_module, "BACKOFF_S", (0.01, 0.02))
    monkeypatch.setattr(outbox_module, "IDLE_S", 0.05)
    return fake


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CacheStore]:
    opened = CacheStore(tmp_path)
    yield opened
    opened.close()


def add(store: CacheStore, *values: bytes) -> None:
    store.commit(store.batch(), [OutboxRow("events", 3, b"key", value) for value in values])


def drain(store: CacheStore) -> None:
    """Run until nothing is left, then stop."""
    stopping = threading.Event()
    stopping.set()
    Outbox(store, KAFKA, CacheMeters(CollectorRegistry())).run(stopping)


def test_rows_go_out_in_order_and_are_removed(store: CacheStore, kafka: FakeKafka) -> None:
    add(store, b"1", b"2", b"3")
    drain(store)
    assert kafka.taken == [b"1", b"2", b"3"]
    assert store.outbox_rows == 0
    assert store.outbox_head(9) == []


def test_rows_stay_until_they_are_acknowledged(store: CacheStore, kafka: FakeKafka) -> None:
    kafka.refused_once = {b"2"}
    add(store, b"1", b"2", b"3")
    drain(store)
    assert [row.value for _, row in store.outbox_head(9)] == [b"2", b"3"]
    drain(store)
    assert kafka.taken == [b"1", b"2", b"3", b"2", b"3"]
    assert store.outbox_rows == 0


def test_after_a_failure_it_goes_on_with_a_new_producer(store: CacheStore, kafka: FakeKafka) -> None:
    stopping = threading.Event()
    thread = threading.Thread(target=Outbox(store, KAFKA, CacheMeters(CollectorRegistry())).run, args=(stopping,))
    kafka.refused_once = {b"1"}
    add(store, b"1")
    thread.start()
    wait_until(lambda: store.outbox_rows == 0, 5, "the outbox to empty")
    stopping.set()
    thread.join(5)
    assert kafka.taken == [b"1", b"1"]
    assert kafka.connections == 2


def test_while_kafka_is_away_rows_stay_and_a_stop_does_not_wait_for_it(store: CacheStore, kafka: FakeKafka) -> None:
    kafka.is_away = True
    add(store, b"1")
    drain(store)
    assert store.outbox_rows == 1


def test_what_comes_while_it_runs_goes_out_and_a_stop_takes_the_last(store: CacheStore, kafka: FakeKafka) -> None:
    stopping = threading.Event()
    thread = threading.Thread(target=Outbox(store, KAFKA, CacheMeters(CollectorRegistry())).run, args=(stopping,))
    kafka.is_away = True
    thread.start()
    add(store, b"1")
    kafka.is_away = False
    add(store, b"2")
    wait_until(lambda: store.outbox_rows == 0, 5, "the outbox to empty")
    add(store, b"3")
    stopping.set()
    store.outbox_grew.set()
    thread.join(5)
    assert not thread.is_alive()
    assert kafka.taken == [b"1", b"2", b"3"]


def test_while_draws_come_fast_the_drain_gives_way_but_not_for_long(store: CacheStore) -> None:
    now_s = [100.0]
    outbox = Outbox(store, KAFKA, CacheMeters(CollectorRegistry()), 2.0, lambda: now_s[0])

    def after(rows: int, seconds: float) -> bool:
        add(store, *([b"x"] * rows))
        now_s[0] += seconds
        return outbox.gives_way()

    assert not after(1, 0.0), "one draw is told at once"
    assert after(BUSY_ROWS, 0.0)
    assert after(BUSY_ROWS, 1.9)
    assert not after(BUSY_ROWS, 0.2), "a row may not wait for ever"
    assert not after(BUSY_ROWS, 0.2), "and then all go out"
    assert not after(0, 0.0)
    store.outbox_done([number for number, _ in store.outbox_head(1_000)])
    assert not after(0, 0.0)
    assert after(BUSY_ROWS, 0.0), "when all are out it gives way again"


def test_by_itself_a_drain_gives_way_to_nothing(store: CacheStore) -> None:
    outbox = Outbox(store, KAFKA, CacheMeters(CollectorRegistry()))
    add(store, *([b"x"] * 1_000))
    assert not outbox.gives_way()
