"""Read the numbered states of `library` and `models`: what stood below an offset, for ever the same."""

import logging
from bisect import bisect_left
from collections import OrderedDict
from time import monotonic
from typing import Generic, TypeVar

from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from connectors.kafka.clients import broker_errors, make_consumer
from connectors.kafka.settings import KafkaSettings
from schemas.codec import decode
from schemas.errors import Reason, SchemaError, StateError, UnknownWorld, WorldUnavailable
from schemas.ids import WorkspaceId
from schemas.keys import split_key
from schemas.library import Release
from schemas.models import ModelSnapshot
from schemas.topics import LIBRARY, MODELS, Topic

KEPT_MAX = 16
"""Decoded records kept of each topic; an older one is read again when an event names it."""
ARRIVAL_S = 30.0
"""How long an event may wait for a record that it names: its collector had read it, so it is there."""
POLL_MS = 500

S = TypeVar("S", Release, ModelSnapshot)
_log = logging.getLogger(__name__)


class WorldTopic(Generic[S]):
    """One of the two topics, indexed by workspace as far as it was read.

    Records that cannot be decoded are passed over, by every reader alike, so that a bad release stops nobody.
    """

    def __init__(self, settings: KafkaSettings, topic: Topic, kind: type[S]) -> None:
        self._part = TopicPartition(topic.name, 0)
        self._kind: type[S] = kind
        self._consumer = make_consumer(settings)
        self._consumer.assign([self._part])
        self._consumer.seek_to_beginning(self._part)
        self._offsets: dict[WorkspaceId, list[int]] = {}
        self._kept: OrderedDict[int, S] = OrderedDict()
        self._next = 0

    @property
    def end(self) -> int:
        """The end offset up to which the topic was read."""
        return self._next

    def offset_below(self, workspace: WorkspaceId, end: int) -> int | None:
        """The offset of a workspace's newest record below `end`; reads on until `end` if need be.

        Raises:
            UnknownWorld: the topic does not reach that far.
            WorldUnavailable: it does, but could not be read in time.
        """
        if end > self._next:
            self._read_until(end)
        offsets = self._offsets.get(workspace, [])
        at = bisect_left(offsets, end)
        return offsets[at - 1] if at else None

    def record(self, offset: int) -> S:
        """The record at an offset that `offset_below` returned.

        Raises:
            WorldUnavailable: the topic no longer holds it.
        """
        found = self._kept.get(offset)
        return found if found is not None else self._read_again(offset)

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

    def _read_again(self, offset: int) -> S:
        self._consumer.seek(self._part, offset)
        try:
            deadline = monotonic() + ARRIVAL_S
            while monotonic() < deadline:
                for record in self._poll():
                    if record.offset == offset:
                        return self._keep(offset, decode(self._kind, record.value))
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
            value = decode(self._kind, record.value or b"")
            workspace = _workspace_of(record.key or b"", value)
        except (StateError, SchemaError) as error:
            _log.warning("passed over %s at offset %d: %s", self._part.topic, offset, error)
            return
        self._offsets.setdefault(workspace, []).append(offset)
        self._keep(offset, value)

    def _keep(self, offset: int, value: S) -> S:
        self._kept[offset] = value
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return value


def _workspace_of(key: bytes, value: Release | ModelSnapshot) -> WorkspaceId:
    if split_key(key, 2)[0] != value.workspace:
        raise SchemaError(Reason.KEY_MISMATCH, "expected the record of the key's workspace, got another one's")
    return value.workspace


def library_topic(settings: KafkaSettings) -> WorldTopic[Release]:
    """The reader of library releases."""
    return WorldTopic(settings, LIBRARY, Release)


def models_topic(settings: KafkaSettings) -> WorldTopic[ModelSnapshot]:
    """The reader of model snapshots."""
    return WorldTopic(settings, MODELS, ModelSnapshot)
