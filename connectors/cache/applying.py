"""What one batch of records does to the cache. No Kafka here: records come in, one batch is committed."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from connectors.cache.arriving import Arrival, arrivals
from connectors.cache.chores import Chores
from connectors.cache.entries import read_profile
from connectors.cache.evicting import Evictor
from connectors.cache.families import ENTRIES, LINKS, META, OFFSETS, PROFILES, RELEASES
from connectors.cache.items import Items
from connectors.cache.meters import CacheMeters
from connectors.cache.pending import Pending
from connectors.cache.releases import Releases
from connectors.cache.rocks import Batch
from connectors.cache.rows import OutboxRow, pack_number
from connectors.cache.store import CacheStore
from connectors.cache.suppressing import suppress
from connectors.kafka.dead_letters import code_version, dead_letter_record
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.errors import DataError, Reason, SchemaError, StateCorrupt, StateVersionError
from schemas.ids import WorkspaceId
from schemas.keys import join_key, split_key
from schemas.library import Release
from schemas.profiles import ToldProfile
from schemas.sending import Trigger
from schemas.topics import COMMUNICATIONS, DEAD_LETTERS, LIBRARY, RECORD_BYTES_MAX, TRIGGERS
from schemas.topics import PROFILES as PROFILES_TOPIC
from schemas.topics import SUPPRESSIONS as SUPPRESSIONS_TOPIC
from schemas.versions import parts_of
from templates.release_check import faults_of_release

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


class Triggers(Protocol):
    """Takes what asks for sends (`connectors.delivery.triggers`)."""

    def begin(self) -> None:
        """A batch begins."""

    def read(self, key: bytes, value: bytes | None) -> tuple[WorkspaceId, Trigger]:
        """What a record asks for."""

    def ask(self, batch: Batch, workspace: WorkspaceId, trigger: Trigger) -> bool:
        """Ask for it in a batch, holding the lock."""


class Applier:
    """Applies records to the store, from one thread.

    limit_bytes  of all entries; 0: none
    items        of catalogues: told of entries that show some; None: nobody is
    triggers     takes what asks for sends; None: nothing does
    told_of_suppressed  is given key and profile of who may not be written to, whenever that is told; it may not wait
    """

    told_of_suppressed: Callable[[bytes, ToldProfile], None] | None = None
    triggers: Triggers | None = None

    def __init__(
        self,
        store: CacheStore,
        releases: Releases,
        meters: CacheMeters,
        limit_bytes: int = 0,
        items: Items | None = None,
    ) -> None:
        self._store = store
        self._releases = releases
        self._meters = meters
        self._evictor = Evictor(store, meters, releases.newest_id, limit_bytes)
        self._chores = Chores(store, releases, meters)
        self._items = items
        self._showing: list[tuple[bytes, Arrival]] = []
        self._stamped_ms = 0
        self._names: dict[bytes, bytes] = {}
        self._arrivals: Iterator[Arrival | SchemaError] = iter(())
        self._causes: Counter[str] = Counter()
        self._renders: Counter[str] = Counter()
        self._outcomes: Counter[tuple[str, str]] = Counter()

    def apply(
        self,
        records: Iterable[LogRecord],
        positions: Mapping[tuple[str, int], int],
        now_ms: int,
        *,
        live: bool = True,
        logged: bool = True,
    ) -> None:
        """Apply records and move to new positions, in one batch.

        positions  the next offset to read, for each partition where it moved
        live       the node keeps up with the log, so what is read tells how fresh the cache is
        logged     see `CacheStore.commit_followed`

        One batch is what makes a crash neither lose nor repeat. Mutant: offsets in a batch of their own;
        then `test_one_poll_is_one_write` fails.
        """
        batch = Pending(self._store)
        found = [*records]
        self._names = self._names_of(found)
        batch.expect([*self._names.values()])
        self._arrivals = arrivals(
            (record.key or b"", record.value)
            for record in found
            if record.topic == COMMUNICATIONS.name and record.value is not None
        )
        if self.triggers is not None:
            self.triggers.begin()
        for record in found:
            try:
                self._one(batch, record, now_ms, live=live)
            except DataError as error:
                batch.letters.append(self._dead_letter(record, error))
        for (topic, partition), offset in positions.items():
            batch.writes.put(OFFSETS, join_key(topic, str(partition)), pack_number(offset))
        is_stamped = now_ms - self._stamped_ms >= KEPT_UP_EVERY_MS
        if is_stamped:
            batch.writes.put(META, KEPT_UP.encode(), pack_number(now_ms))
            self._stamped_ms = now_ms
        self._store.access.count_noted(self._store.live.entries)
        self._evictor.make_room(batch)
        self._evictor.end(batch, now_ms)
        if positions or is_stamped or not batch.is_empty:
            batch.commit(now_ms, logged=logged)
        self._tell_items(is_rebuild=not logged)
        self._tell()
        if batch.has_release:
            self._releases.reload()
        if live:
            self._chores.do(now_ms)

    def _names_of(self, records: Iterable[LogRecord]) -> dict[bytes, bytes]:
        """By key the names of the entries that records are of; without keys that are none."""
        keys = {record.key for record in records if record.topic == COMMUNICATIONS.name and record.key}
        return {key: self._store.names.entry(key) for key in keys if key.count(b"|") == 2}

    def _one(self, batch: Pending, record: LogRecord, now_ms: int, *, live: bool) -> None:
        if record.topic == COMMUNICATIONS.name:
            outcome = self._communication(batch, record, now_ms, live=live)
        elif record.topic == PROFILES_TOPIC.name:
            outcome = self._profile(batch, record, now_ms, live=live)
        elif record.topic == LIBRARY.name:
            outcome = self._release(batch, record)
        elif record.topic == SUPPRESSIONS_TOPIC.name:
            outcome = suppress(batch, record.key or b"", record.value)
        elif record.topic == TRIGGERS.name and self.triggers is not None:
            outcome = self._trigger(batch, record, self.triggers)
        else:
            return
        self._outcomes[record.topic, outcome] += 1

    def _communication(self, batch: Pending, record: LogRecord, now_ms: int, *, live: bool) -> str:
        key, value = record.key or b"", record.value
        if value is None:
            split_key(key, 3)
            batch.drop(ENTRIES, self._store.names.entry(key))
            return "removed"
        # Read some records ahead, in the same order.
        found = next(self._arrivals)
        if isinstance(found, SchemaError):
            raise found
        name = self._names[key]
        stored = batch.version(ENTRIES, name)
        # The version guard: a repeated or late record is harmless. An equal version overwrites.
        # Mutant: never overtaken; then `test_a_lower_version_is_ignored_and_its_offset_still_moves` fails.
        if stored is not None and stored > found.version:
            return "overtaken"
        if found.grave:
            batch.bury(ENTRIES, name, found.version, now_ms, live=live)
        else:
            batch.put_entry(name, key, value, found)
        self._causes[found.cause or "grave"] += 1
        if found.cause and live:
            self._renders[found.cause] += 1
        if found.release:
            self._chores.uses(found.release)
        if found.items:
            self._showing.append((name, found))
        newest_ms = parts_of(found.version)[0].log_ms
        # What a deadline changed came from no event: the person's newest one may be long ago, and was shown in time.
        # Mutant: count it; then `test_a_message_that_a_deadline_changed_is_not_stale` fails.
        if live and found.at_ms <= newest_ms:
            lag_ms = max(0, now_ms - newest_ms)
            self._meters.freshness.labels(split_key(key, 3)[0]).observe(lag_ms / 1000)
        return "grave" if found.grave else "written"

    def _tell_items(self, *, is_rebuild: bool) -> None:
        """Tell of entries that show items, once they are stored: before, a change could pass between.

        Mutant: tell nothing; then `test_an_entry_that_comes_when_its_items_change_was_passed_already_is_asked_for`
        fails. In a rebuild all entries come, and nearly all were asked for when they had to be.
        """
        for name, found in self._showing:
            if self._items is not None and not is_rebuild:
                self._items.arrived(name, found.items, found.catalogue)
        self._showing.clear()

    def _tell(self) -> None:
        """Count what became of a batch's records: a counter's lock for each would take longer than the record."""
        for place, times in self._outcomes.items():
            self._meters.records.labels(*place).inc(times)
        for cause, times in self._causes.items():
            self._meters.written.labels(cause).inc(times)
        for reason, times in self._renders.items():
            self._meters.renders.labels(reason).inc(times)
        self._outcomes.clear()
        self._causes.clear()
        self._renders.clear()

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
        if found.contact.suppressed and self.told_of_suppressed is not None:
            self.told_of_suppressed(key, found)
        return "written"

    def _trigger(self, batch: Pending, record: LogRecord, triggers: Triggers) -> str:
        workspace, trigger = triggers.read(record.key or b"", record.value)

        def ask(writes: Batch) -> None:
            try:
                triggers.ask(writes, workspace, trigger)
            except DataError as error:
                batch.letters.append(self._dead_letter(record, error))

        batch.under_lock(ask)
        return "taken"

    def _release(self, batch: Pending, record: LogRecord) -> str:
        try:
            release = decode(Release, record.value or b"")
        except (StateCorrupt, StateVersionError) as error:
            # Passed over by every reader alike, so that all agree on what a world is.
            raise SchemaError(Reason.WRONG_TYPE, str(error)) from None
        if split_key(record.key or b"", 2)[0] != release.workspace:
            raise SchemaError(Reason.KEY_MISMATCH, "expected the release of the key's workspace")
        faults = faults_of_release(release)
        if faults:
            # The job passes over it too: what it takes back still holds. Mutant: take it; then
            # `test_a_bad_release_takes_nothing_back` fails.
            raise SchemaError(Reason.WRONG_TYPE, f"expected a release that can be rendered: {faults[0]}")
        batch.writes.put(RELEASES, join_key(release.workspace, release.id), record.value or b"")
        batch.writes.put(RELEASES, join_key(release.workspace), release.id.encode())
        for link, address in release.links.items():
            # They outlive the release: mails that were sent with it lead by them.
            batch.writes.put(LINKS, join_key(release.workspace, link), address.encode())
        batch.has_release = True
        # One that is gone back to for a while: sends of its fallback are made with it.
        self._chores.uses(release.id)
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
