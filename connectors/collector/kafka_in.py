"""Kafka in: events from other topics, by a mapping from other producers', as they are from the job's `relays`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.structs import OffsetAndMetadata

from connectors.collector.app import World
from connectors.collector.event_log import Outgoing
from connectors.collector.intake import RulesOf, only_basics, outgoing, stored
from connectors.collector.items import item_record
from connectors.collector.meters import Meters
from connectors.erasure.listing import Listed, nobody
from connectors.kafka.clients import close_behind, make_consumer, make_producer
from connectors.kafka.dead_letters import code_version, dead_letter_record
from connectors.kafka.reader_thread import ReaderThread
from connectors.kafka.settings import KafkaSettings
from connectors.mappings.events import EventMaker
from connectors.mappings.files import json_record
from connectors.mappings.values import Record
from connectors.metrics.mail import mail_event
from schemas.catalogue import Item
from schemas.dead_letters import DeadLetter
from schemas.errors import Reason, SchemaError
from schemas.events import Event
from schemas.ids import RecordId
from schemas.relays import decode_relay
from schemas.topics import DEAD_LETTERS, RELAYS
from schemas.worlds import WorldRef

COMMIT_RECORDS_MAX = 100
"""Records between two commits, so at most what a crash repeats. A user's step remembers the newest 128
event ids (`online_models.cells.SEEN_EVENTS_MAX`): a repeat is known as one while fewer than 128 other events
of that user came in between, so this number must stay below that one."""
POLL_MS = 500
LINGER_MS = 2
DELIVERY_MS = 20_000
ACKNOWLEDGE_S = 30.0
"""Longer than the producer tries, so that its own word arrives first."""
COMMIT_MS = 10_000
SESSION_MS = 10_000
"""After so long without a sign of life others take over. A member with a name of its own that begins again
within this time goes on at once; one without a name waits until its former self is given up."""
CLOSE_MS = 3_000
STOP_S = 5.0
RETRY_S = 0.5

Understand = Callable[[ConsumerRecord, WorldRef, int], Sequence[Event | Item]]
"""The events of a record, given the world and when it was read; raises SchemaError where it has none."""


def mapped(maker: EventMaker, rules_of: RulesOf = only_basics) -> Understand:
    """A record of another producer's: one event, as a mapping tells, reduced, and what it told beside.

    The record's place is its id.
    """

    def understand(record: ConsumerRecord, world: WorldRef, received_ms: int) -> Sequence[Event | Item]:
        record_id = RecordId(f"{record.topic}-{record.partition}-{record.offset}")
        event = maker.event(_record(record), record_id, world, received_ms)
        rules = rules_of(event.workspace)
        return [rules.items.item_of(event)] if rules.items.tells(event) else stored(event, rules)

    return understand


def relayed(record: ConsumerRecord, _world: WorldRef, _received_ms: int) -> list[Event]:
    """A record of `relays`: events whole, with ids of their own."""
    return decode_relay(record.value or b"")


class KafkaIn:
    """Reads one topic as a member of a group, in a thread of its own.

    What was read is committed only once its events are acknowledged: a crash repeats
    records, with the same ids, and loses none.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        group: str,
        instance: str,
        understand: Understand,
        world: World,
        meters: Meters,
        clock: Callable[[], int],
        listed: Listed = nobody,
    ) -> None:
        self._listed = listed
        self._settings = settings
        self._topic = topic
        self._group = group
        self._instance = instance
        self._understand = understand
        self._world = world
        self._meters = meters
        self._clock = clock
        self._thread = ReaderThread(f"kafka-in of {topic}", self._read_on, retry_s=RETRY_S, stop_s=STOP_S)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what was read, commit it, and return when the thread has ended, or waits for a broker that is away."""
        self._thread.stop()

    def _read_on(self) -> None:
        # Whatever was not committed is read again by whoever owns the partition then.
        producer = make_producer(
            self._settings,
            linger_ms=LINGER_MS,
            delivery_timeout_ms=DELIVERY_MS,
            request_timeout_ms=DELIVERY_MS // 2,
        )
        consumer: KafkaConsumer | None = None
        try:
            consumer = make_consumer(
                self._settings,
                group_id=self._group,
                auto_offset_reset="earliest",
                group_instance_id=self._instance or None,
                max_poll_records=COMMIT_RECORDS_MAX,
                session_timeout_ms=SESSION_MS,
                heartbeat_interval_ms=SESSION_MS // 3,
            )
            consumer.subscribe([self._topic])
            while not self._thread.stopping.is_set():
                self._take(consumer, producer)
        finally:
            if consumer is not None:
                consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
            # Waits for nothing: what is under way here was not committed, so it is read again.
            close_behind(producer, DELIVERY_MS)

    def _take(self, consumer: KafkaConsumer, producer: KafkaProducer) -> None:
        """Read some records, write their events, wait, commit."""
        world = self._world.world
        if world is None:
            self._thread.stopping.wait(RETRY_S)
            return
        batches: Mapping[TopicPartition, Sequence[ConsumerRecord]] = consumer.poll(timeout_ms=POLL_MS)
        if not batches:
            return
        for portion in self._portions(batches, world):
            under_way = [
                producer.send(one.topic, one.value, one.key, partition=one.partition) for one in portion.records
            ]
            for sent in under_way:
                sent.get(ACKNOWLEDGE_S)
            ends = {part: OffsetAndMetadata(offset) for part, offset in portion.ends.items()}
            consumer.commit(ends, timeout_ms=COMMIT_MS)

    def _portions(
        self, batches: Mapping[TopicPartition, Sequence[ConsumerRecord]], world: WorldRef
    ) -> Iterator["_Portion"]:
        """What is to be written between two commits."""
        portion = _Portion([], {})
        for part, records in batches.items():
            for record in records:
                written = self._outgoing(record, world)
                if portion.records and len(portion.records) + len(written) > COMMIT_RECORDS_MAX:
                    yield portion
                    portion = _Portion([], {})
                portion.records.extend(written)
                portion.ends[part] = record.offset + 1
        yield portion

    def _outgoing(self, record: ConsumerRecord, world: WorldRef) -> list[Outgoing]:
        """The events of a record, or its dead letter."""
        received_ms = self._clock()
        try:
            events = self._understand(record, world, received_ms)
            written = [one for event in events for one in self._records(event)]
        except SchemaError as error:
            self._meters.mapped.labels(error.reason.value).inc()
            return [_dead_letter(record, error, received_ms)]
        self._meters.mapped.labels("event").inc(len(events))
        # What is relayed was counted when it came in.
        for event in events if self._topic != RELAYS.name else ():
            if isinstance(event, Event):
                self._meters.mail.add(event.workspace, {mail_event(event.name, event.properties): 1})
        return written

    def _records(self, told: Event | Item) -> list[Outgoing]:
        if isinstance(told, Item):
            return [Outgoing(*item_record(told))]
        return [*self._listed(told), outgoing(told)]


class _Portion(NamedTuple):
    """Records to write, and the offsets to go on from once they are acknowledged."""

    records: list[Outgoing]
    ends: dict[TopicPartition, int]


def _record(record: ConsumerRecord) -> Record:
    if record.value is None:
        raise SchemaError(Reason.UNMAPPED, "expected a JSON object, got a tombstone")
    return json_record(record.value)


def _dead_letter(record: ConsumerRecord, error: SchemaError, received_ms: int) -> Outgoing:
    letter = DeadLetter(
        source=record.topic,
        partition=record.partition,
        offset=record.offset,
        received_ms=received_ms,
        reason=error.reason,
        message=str(error),
        key=record.key or b"",
        payload=record.value or b"",
        code_version=code_version(),
    )
    return Outgoing(DEAD_LETTERS.name, 0, *dead_letter_record(letter))
