"""What one batch of records does to the cache. No Kafka here: records come in, one batch is committed."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from connectors.cache.entries import read_communication, read_profile
from connectors.cache.families import ENTRIES, META, OFFSETS, PROFILES, RELEASES
from connectors.cache.meters import CacheMeters
from connectors.cache.pending import Pending
from connectors.cache.releases import Releases
from connectors.cache.rows import OutboxRow, pack_number
from connectors.cache.store import CacheStore
from connectors.kafka.dead_letters import code_version, dead_letter_record
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.errors import DataError, Reason, SchemaError, StateCorrupt, StateVersionError
from schemas.keys import join_key, split_key
from schemas.library import Release
from schemas.topics import COMMUNICATIONS, DEAD_LETTERS, LIBRARY, RECORD_BYTES_MAX
from schemas.topics import PROFILES as PROFILES_TOPIC
from schemas.versions import parts_of

KEPT_UP = "kept_up_ms"
"""Row of `meta`: when this node was last known to read its topics."""
KEPT_UP_EVERY_MS = 60_000
LETTER_BYTES_MAX = RECORD_BYTES_MAX - 64 * 1024
"""Longer input is cut, or its dead letter would never fit into a record and would block the outbox."""


class LogRecord(NamedTuple):
    """What is used of a consumer's record, which has more. `timestamp` is the log time in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Applier:
    """Applies records to the store, from one thread."""

    def __init__(self, store: CacheStore, releases: Releases, meters: CacheMeters) -> None:
        self._store = store
        self._releases = releases
        self._meters = meters
        self._stamped_ms = 0

    def apply(
        self,
        records: Iterable[LogRecord],
        positions: Mapping[tuple[str, int], int],
        now_ms: int,
        *,
        live: bool = True,
    ) -> None:
        """Apply records and move to new positions, in one batch.

        positions  the next offset to read, for each partition where it moved
        live       the node keeps up with the log, so what is read tells how fresh the cache is

        One batch is what makes a crash neither lose nor repeat. Mutant: offsets in a batch of their own;
        then `test_one_poll_is_one_write` fails.
        """
        batch = Pending(self._store)
        for record in records:
            try:
                self._one(batch, record, now_ms, live=live)
            except DataError as error:
                batch.letters.append(self._dead_letter(record, error))
        for (topic, partition), offset in positions.items():
            batch.writes.put(OFFSETS, join_key(topic, str(partition)), pack_number(offset))
        if now_ms - self._stamped_ms >= KEPT_UP_EVERY_MS:
            batch.writes.put(META, KEPT_UP.encode(), pack_number(now_ms))
            self._stamped_ms = now_ms
        elif not positions:
            return
        batch.commit(now_ms)
        if batch.has_release:
            self._releases.reload()

    def _one(self, batch: Pending, record: LogRecord, now_ms: int, *, live: bool) -> None:
        if record.topic == COMMUNICATIONS.name:
            outcome = self._communication(batch, record, now_ms, live=live)
        elif record.topic == PROFILES_TOPIC.name:
            outcome = self._profile(batch, record, now_ms, live=live)
        elif record.topic == LIBRARY.name:
            outcome = self._release(batch, record)
        else:
            return
        self._meters.records.labels(record.topic, outcome).inc()

    def _communication(self, batch: Pending, record: LogRecord, now_ms: int, *, live: bool) -> str:
        key, value = record.key or b"", record.value
        if value is None:
            split_key(key, 3)
            batch.drop(ENTRIES, self._store.names.entry(key))
            return "removed"
        found = read_communication(key, value)
        name = self._store.names.entry(key)
        stored = batch.version(ENTRIES, name)
        # The version guard: a repeated or late record is harmless. An equal version overwrites.
        # Mutant: never overtaken; then `test_a_lower_version_is_ignored_and_its_offset_still_moves` fails.
        if stored is not None and stored > found.version:
            return "overtaken"
        if found.grave:
            batch.bury(ENTRIES, name, found.version, now_ms, live=live)
        else:
            batch.put(ENTRIES, name, key, value, found.version)
        self._meters.written.labels(found.decision.cause if found.decision else "grave").inc()
        if live:
            lag_ms = max(0, now_ms - parts_of(found.version)[0].log_ms)
            self._meters.freshness.labels(split_key(key, 3)[0]).observe(lag_ms / 1000)
        return "grave" if found.grave else "written"

    def _profile(self, batch: Pending, record: LogRecord, now_ms: int, *, live: bool) -> str:
        key, value = record.key or b"", record.value
        if value is None:
            split_key(key, 2)
            name = self._store.names.person_of(key)
            if batch.drop(PROFILES, name):
                batch.miss(name, record.timestamp)
            return "removed"
        found = read_profile(key, value)
        name = self._store.names.person_of(key)
        stored = batch.version(PROFILES, name)
        if stored is not None and stored > found.version:
            return "overtaken"
        if found.grave:
            batch.bury(PROFILES, name, found.version, now_ms, live=live)
            return "grave"
        batch.put(PROFILES, name, key, value, found.version)
        return "written"

    @staticmethod
    def _release(batch: Pending, record: LogRecord) -> str:
        try:
            release = decode(Release, record.value or b"")
        except (StateCorrupt, StateVersionError) as error:
            # Passed over by every reader alike, so that all agree on what a world is.
            raise SchemaError(Reason.WRONG_TYPE, str(error)) from None
        if split_key(record.key or b"", 2)[0] != release.workspace:
            raise SchemaError(Reason.KEY_MISMATCH, "expected the release of the key's workspace")
        batch.writes.put(RELEASES, join_key(release.workspace, release.id), record.value or b"")
        batch.writes.put(RELEASES, join_key(release.workspace), release.id.encode())
        batch.has_release = True
        return "written"

    def _dead_letter(self, record: LogRecord, error: DataError) -> OutboxRow:
        """The record's dead letter, on its way through the outbox: not lost, and the same when it is repeated."""
        self._meters.dead_letters.labels(record.topic, error.reason).inc()
        payload, message = record.value or b"", str(error)
        if len(payload) > LETTER_BYTES_MAX:
            message += f" (payload cut from {len(payload)} bytes)"
            payload = payload[:LETTER_BYTES_MAX]
        letter = DeadLetter(
            source=record.topic,
            partition=record.partition,
            offset=record.offset,
            received_ms=record.timestamp,
            reason=error.reason,
            message=message,
            key=record.key or b"",
            payload=payload,
            code_version=code_version(),
        )
        return OutboxRow.to_first_partition(DEAD_LETTERS, *dead_letter_record(letter))
