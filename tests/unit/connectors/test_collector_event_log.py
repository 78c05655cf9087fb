"""Writing to Kafka from an event loop: what is awaited, refused, given up, and begun again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from kafka.future import Future

from connectors.collector import event_log
from connectors.collector.event_log import EventLog, Outgoing
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable

RECORD = Outgoing("events", 0, b"key", b"value")


class FakeProducer:
    """Acknowledges when told to."""

    def __init__(self) -> None:
        self.sent: list[Future] = []
        self.is_closed = False
        self.refuses_after: int | None = None

    def send(self, *_: Any, **__: Any) -> Future:
        if self.refuses_after is not None and len(self.sent) >= self.refuses_after:
            raise MessageSizeTooLargeError
        self.sent.append(Future())
        return self.sent[-1]

    def partitions_for(self, _: str) -> set[int]:
        return {0}

    def close(self, *_: Any, **__: Any) -> None:
        self.is_closed = True


class Producers:
    """Every producer that was made."""

    def __init__(self) -> None:
        self.made: list[FakeProducer] = []
        self.failures = 0

    def __call__(self, _: KafkaSettings, **__: Any) -> FakeProducer:
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("expected Kafka to answer")
        self.made.append(FakeProducer())
        return self.made[-1]


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> Producers:
    made = Producers()
    monkeypatch.setattr(event_log, "make_producer", made)
    monkeypatch.setattr(event_log, "RECONNECT_S", 0.001)
    return made


def run(script: Callable[[EventLog], Awaitable[None]]) -> None:
    async def main() -> None:
        await script(EventLog(KafkaSettings("localhost:9092")))

    asyncio.run(main())


async def until(predicate: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not predicate():  # noqa: ASYNC110 - the predicates read what has no event
            await asyncio.sleep(0)


def test_a_write_returns_when_the_last_record_is_acknowledged(producers: Producers) -> None:
    async def script(log: EventLog) -> None:
        await log.connect()
        write = asyncio.create_task(log.write([RECORD, RECORD]))
        await until(lambda: len(producers.made[0].sent) == 2)
        first, second = producers.made[0].sent
        second.success(None)
        await asyncio.sleep(0)
        assert not write.done()
        assert log.pending_bytes == 16
        first.success(None)
        await write
        assert log.pending_bytes == 0

    run(script)


def test_a_record_acknowledged_before_it_could_be_asked_for_counts_too(
    producers: Producers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(log: EventLog) -> None:
        await log.connect()
        done = Future().success(None)
        monkeypatch.setattr(producers.made[0], "send", lambda *_, **__: done)
        await log.write([RECORD, RECORD])

    run(script)


def test_one_failed_record_fails_the_write_and_another_producer_is_made(producers: Producers) -> None:
    async def script(log: EventLog) -> None:
        await log.connect()
        write = asyncio.create_task(log.write([RECORD, RECORD]))
        await until(lambda: len(producers.made[0].sent) == 2)
        producers.failures = 2
        producers.made[0].sent[0].failure(KafkaTimeoutError())
        producers.made[0].sent[1].success(None)
        with pytest.raises(BrokerUnavailable):
            await write
        assert not log.is_writable
        await until(lambda: len(producers.made) == 2 and log.is_writable)
        await until(lambda: producers.made[0].is_closed)
        assert not producers.made[1].is_closed

    run(script)


def test_a_record_that_cannot_be_handed_over_fails_the_write_and_leaves_nothing_pending(producers: Producers) -> None:
    async def script(log: EventLog) -> None:
        await log.connect()
        producers.made[0].refuses_after = 1
        write = asyncio.create_task(log.write([RECORD, RECORD, RECORD]))
        await until(lambda: len(producers.made[0].sent) == 1)
        producers.made[0].sent[0].success(None)
        with pytest.raises(BrokerUnavailable):
            await write
        assert log.pending_bytes == 0

    run(script)


def test_before_it_is_connected_nothing_is_taken(producers: Producers) -> None:
    async def script(log: EventLog) -> None:
        assert not log.is_writable
        with pytest.raises(BrokerUnavailable):
            await log.write([RECORD])

    run(script)


def test_connecting_goes_on_until_kafka_answers(producers: Producers) -> None:
    async def script(log: EventLog) -> None:
        producers.failures = 3
        await log.connect()
        assert log.is_writable

    run(script)


def test_while_something_waits_too_long_new_writes_are_refused_at_once(
    producers: Producers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(log: EventLog) -> None:
        await log.connect()
        write = asyncio.create_task(log.write([RECORD]))
        await until(lambda: len(producers.made[0].sent) == 1)
        monkeypatch.setattr(event_log, "STALLED_S", -1.0)
        assert not log.is_writable
        with pytest.raises(BrokerUnavailable, match="too slow"):
            await log.write([RECORD])
        producers.made[0].sent[0].success(None)
        await write
        assert log.is_writable

    run(script)


def test_more_than_there_is_room_for_is_refused(producers: Producers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "UNACKNOWLEDGED_BYTES_MAX", 15)

    async def script(log: EventLog) -> None:
        await log.connect()
        with pytest.raises(BrokerUnavailable, match="room"):
            await log.write([RECORD, RECORD])
        assert producers.made[0].sent == []
        assert log.pending_bytes == 0

    run(script)


def test_who_waited_too_long_is_told_and_the_room_is_freed_when_kafka_answers_after_all(
    producers: Producers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "ACKNOWLEDGE_S", 0.01)

    async def script(log: EventLog) -> None:
        await log.connect()
        with pytest.raises(BrokerUnavailable, match="acknowledgement within"):
            await log.write([RECORD])
        assert log.pending_bytes == 8
        producers.made[0].sent[0].success(None)
        await until(lambda: log.pending_bytes == 0)

    run(script)


def test_closing_waits_for_what_is_under_way(producers: Producers) -> None:
    async def script(log: EventLog) -> None:
        await log.connect()
        write = asyncio.create_task(log.write([RECORD]))
        await until(lambda: len(producers.made[0].sent) == 1)
        close = asyncio.create_task(log.close(5.0))
        await asyncio.sleep(0)
        assert not close.done()
        producers.made[0].sent[0].success(None)
        await close
        await write
        assert producers.made[0].is_closed

    run(script)
