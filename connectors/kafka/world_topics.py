"""Read the numbered states of `library` and `models`: what stood below an offset, for ever the same."""

import logging
from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from connectors.kafka.clients import broker_errors, make_consumer
from connectors.kafka.settings import KafkaSettings
from schemas.codec import decode
from schemas.errors import Reason, SchemaError, StateError, UnknownWorld, WorldUnavailable
from schemas.ids import WorkspaceId
from schemas.keys import split_key
from schemas.library import Release
from schemas.models import ModelPart, ModelSnapshot, Standing
from schemas.topics import LIBRARY, MODELS, Topic

KEPT_MAX = 16
"""Decoded records kept of each topic; an older one is read again when an event names it."""
ARRIVAL_S = 30.0
"""How long an event may wait for a record that it names: its collector had read it, so it is there."""
POLL_MS = 500
PART_KEY_PARTS = 4
"""Parts of the key of a trained part: workspace, `part`, its kind, and a number of its own."""

S = TypeVar("S", Release, ModelSnapshot, ModelPart)
Read = Release | ModelSnapshot | ModelPart
Check = Callable[[ModelSnapshot | ModelPart], None]
"""Raises `SchemaError` for what no score can be made of; who scores knows (`online_models.published`)."""
_log = logging.getLogger(__name__)


class WorldTopic:
    """One of the two topics, indexed by workspace and by what a record is, as far as it was read.

    Records that cannot be used are passed over, by every reader alike, so that a bad one stops nobody.

    check    of what was learnt
    refused  how many were passed over, by reason
    """

    def __init__(self, settings: KafkaSettings, topic: Topic, kind: type[Read], check: Check) -> None:
        self._part = TopicPartition(topic.name, 0)
        self._kind = kind
        self._check = check
        self._consumer = make_consumer(settings)
        self._consumer.assign([self._part])
        self._consumer.seek_to_beginning(self._part)
        self._offsets: dict[tuple[WorkspaceId, str], list[int]] = {}
        self._kept: OrderedDict[int, Read] = OrderedDict()
        self._next = 0
        self.refused: Counter[str] = Counter()

    @property
    def end(self) -> int:
        """The end offset up to which the topic was read."""
        return self._next

    def offset_below(self, workspace: WorkspaceId, end: int, name: str = "") -> int | None:
        """The offset of a workspace's newest record below `end`; reads on until `end` if need be.

        name  the kind of a trained part, of which the newest champion counts; empty: a release, or a snapshot

        Raises:
            UnknownWorld: the topic does not reach that far.
            WorldUnavailable: it does, but could not be read in time.
        """
        if end > self._next:
            self._read_until(end)
        offsets = self._offsets.get((workspace, name), [])
        at = bisect_left(offsets, end)
        return offsets[at - 1] if at else None

    def record(self, offset: int, kind: type[S]) -> S:
        """The record at an offset that `offset_below` returned.

        Raises:
            WorldUnavailable: the topic no longer holds it.
        """
        found = self._kept.get(offset)
        if not isinstance(found, kind):
            found = self._read_again(offset, kind)
        return found

    def close(self) -> None:
        """Leave the topic."""
        self._consumer.close()

    def _read_until(self, end: int) -> None:
        with broker_errors(f"{self._part.topic} is read"):
            there = self._consumer.end_offsets([self._part])[self._part]
        if end > there:
            # Who stamped the event had read what he named: nothing is on its way.
            raise UnknownWorld(f"expected a world below offset {there} of topic {self._part.topic}, got {end}")
        deadline = monotonic() + ARRIVAL_S
        while self._next < end:
            for record in self._poll():
                self._index(record)
            self._next = max(self._next, self._consumer.position(self._part))
            if self._next < end and monotonic() > deadline:
                raise WorldUnavailable(
                    f"expected topic {self._part.topic} to hold {end} records within {ARRIVAL_S:.0f} s, "
                    f"got {self._next}: was the topic deleted, or is this another broker than the events'?"
                )

    def _read_again(self, offset: int, kind: type[S]) -> S:
        self._consumer.seek(self._part, offset)
        try:
            deadline = monotonic() + ARRIVAL_S
            while monotonic() < deadline:
                for record in self._poll():
                    if record.offset == offset:
                        found = decode(kind, record.value)
                        self._keep(offset, found)
                        return found
                    break
        finally:
            self._consumer.seek(self._part, self._next)
        raise WorldUnavailable(f"expected topic {self._part.topic} to hold offset {offset}, but it is gone")

    def _poll(self) -> list[ConsumerRecord]:
        with broker_errors(f"{self._part.topic} is read"):
            batches = self._consumer.poll(timeout_ms=POLL_MS)
        return [record for batch in batches.values() for record in batch]

    def _index(self, record: ConsumerRecord) -> None:
        offset: int = record.offset
        try:
            value, name = read_world_record(record.key or b"", record.value or b"", self._kind, self._check)
        except (StateError, SchemaError) as error:
            self.refused[error.reason if isinstance(error, SchemaError) else Reason.WRONG_TYPE] += 1
            _log.warning("passed over %s at offset %d: %s", self._part.topic, offset, error)
            return
        if isinstance(value, ModelPart) and value.standing is not Standing.CHAMPION:
            return
        self._offsets.setdefault((value.workspace, name), []).append(offset)
        self._keep(offset, value)

    def _keep(self, offset: int, value: Read) -> None:
        self._kept[offset] = value
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)


def read_world_record(key: bytes, packed: bytes, kind: type[Read], check: Check) -> tuple[Read, str]:
    """What a record is, and the name it is indexed by.

    Raises:
        StateError: it cannot be decoded.
        SchemaError: it is another's than its key tells, or numbers that no score may be made of.
    """
    is_part = key.count(b"|") == PART_KEY_PARTS - 1
    workspace, *names = split_key(key, PART_KEY_PARTS if is_part else 2)
    value: Read = decode(ModelPart, packed) if is_part else decode(kind, packed)
    if workspace != value.workspace:
        raise SchemaError(Reason.KEY_MISMATCH, "expected the record of the key's workspace, got another one's")
    if isinstance(value, Release):
        return value, ""
    check(value)
    if isinstance(value, ModelPart) and names[1] != value.kind:
        raise SchemaError(Reason.KEY_MISMATCH, f"expected a part of the kind of its key, got {value.kind}")
    return value, value.kind if isinstance(value, ModelPart) else ""


def library_topic(settings: KafkaSettings) -> WorldTopic:
    """The reader of library releases."""
    return WorldTopic(settings, LIBRARY, Release, lambda learnt: learnt.check())


def models_topic(settings: KafkaSettings, check: Check) -> WorldTopic:
    """The reader of model snapshots and trained parts."""
    return WorldTopic(settings, MODELS, ModelSnapshot, check)
