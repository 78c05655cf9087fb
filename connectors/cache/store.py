"""The cache of one node on disk: one writing process, and every promise about what is written together."""

import fcntl
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from connectors.cache.access import AccessSketch
from connectors.cache.exposures import Drawn, opened_row
from connectors.cache.families import (
    ACCESS,
    CAPS,
    DUE,
    ENTRIES,
    EVICTED,
    GRAVES,
    LAYOUT,
    META,
    OFFSETS,
    OUTBOX,
    PERSON_BYTES,
    PROFILES,
    PURGES,
    RECORDS,
    RELEASES,
    SEND_TIMES,
    SENDS,
    SENDS_KEPT_MS,
    SERVED,
    SHOWN,
    SUPPRESSIONS,
    Family,
)
from connectors.cache.looks import Looks
from connectors.cache.names import SALT_BYTES, RowNames
from connectors.cache.places import LIVE_KEY, SALT_KEY, database_path, mark_path, marked, offsets_of
from connectors.cache.rocks import Batch, Database
from connectors.cache.rows import (
    NUMBER_BYTES,
    Grave,
    Live,
    OutboxRow,
    Sent,
    Served,
    newer_than,
    pack_number,
    unpack_number,
)
from connectors.cache.sizes import Sizes
from schemas.codec import decode, encode
from schemas.errors import CacheBusy, ConfigError, StateCorrupt
from schemas.ids import ReleaseId, SendId, UserId, WorkspaceId
from schemas.keys import join_key, split_key
from schemas.topics import PARTITIONS, TRIGGERS

SWEEP_ROWS = 1_000
_LAYOUT_KEY = b"layout"
_PARTITIONS_KEY = b"partitions"
_UNLOGGED_KEY = b"unlogged"
_READS_KEY = b"reads"
_TRIGGERS_START = TRIGGERS.name.encode() + b"|"
EVERYBODY = b"all"
"""Key of `purges` after a rebuild: what it dropped is still in the files. No name of a person is that short."""


class CacheStore(Looks):
    """The writer's side of a cache folder, locked by this process until `close`.

    Threads: what comes from topics is written by the follower alone, sends by the gateway's event loop alone, and
    outbox rows by both, which the lock in `commit` puts in order. The follower also removes sends, holding `drawing`.

    folder        of the cache
    limit_bytes   that entries will be held to (`Evictor`): files are made small where it is small; 0: none
    names         what rows of persons and sends are called
    access        how often entries are read
    live          how many entries there are, and their bytes
    hits, misses  reads of entries since the start
    damaged       set once stored bytes did not match their checksums
    drawing       held by a draw from its first look to its last row, and while an erasure is written
    last_drawn_ms time of the last draw since the start

    Raises:
        CacheBusy: another process has the folder.
        ConfigError: the folder was written for another number of partitions or by a newer version.
        StateCorrupt: the files are damaged.
    """

    def __init__(self, folder: Path, limit_bytes: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = (folder / "cache.lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file.close()
            raise CacheBusy(
                f"cache {folder}: another process serves from it; stop that one, or give this one another folder"
            ) from None
        self.folder = folder
        try:
            self._marked = marked(folder)
            self._database = Database(database_path(folder), sizes=Sizes.under(limit_bytes))
        except BaseException:
            self._lock_file.close()
            raise
        self.outbox_grew = threading.Event()
        self.purges_grew = threading.Event()
        self.drawing = threading.Lock()
        self.last_drawn_ms = 0
        self._outbox_lock = threading.Lock()
        self._purges_written = 0
        self._is_closed = False
        self.damaged = self._database.damaged
        self.hits = self.misses = 0
        self.access = AccessSketch()
        try:
            self._check_meta(folder)
            self.names = RowNames(self._salt())
            self._outbox_first, self._outbox_next = self._outbox_bounds()
            self._is_unlogged = self._database.get(META, _UNLOGGED_KEY) is not None
            if self._is_unlogged:
                # Killed while it was rebuilt, when nothing is logged: what is there may be any part of it.
                self.forget_followed({})
            else:
                self._require_marked()
            self._files = database_path(folder).stat().st_ino
            self.mark()
            self.live = self._counted_live()
            self._restore_reads()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the files and let another process have the folder. A second call does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._database.close()
            self._lock_file.close()

    def batch(self) -> Batch:
        """An empty batch, to be given to `commit`."""
        return self._database.batch()

    def commit(self, batch: Batch, outbox: Sequence[OutboxRow | Drawn] = ()) -> None:
        """Write a batch, and with it records for Kafka, at the end of the outbox.

        The lock makes the outbox grow at its end only: were row 6 on disk before row 5, the drain
        could pass by row 5.
        """
        if not outbox:
            self._database.write(batch)
            return
        with self._outbox_lock:
            for number, row in enumerate(outbox, self._outbox_next):
                batch.put(OUTBOX, pack_number(number), encode(row))
            self._database.write(batch)
            self._outbox_next += len(outbox)
        self.outbox_grew.set()

    def sync(self) -> None:
        """Have all that was committed so far on the disk, also for a loss of power. Safe in any thread."""
        self._database.sync()

    def commit_followed(self, batch: Batch, outbox: Sequence[OutboxRow], live: Live, *, logged: bool) -> None:
        """Write a batch of the follower, and with it how many entries there are then.

        logged  a kill of the process undoes nothing of it; otherwise only after `finish_unlogged`
        """
        if live != self.live:
            batch.put(META, LIVE_KEY, live.packed())
        if logged or outbox:
            self.commit(batch, outbox)
        else:
            self._database.write_unlogged(batch)
        self.live = live

    def finish_unlogged(self) -> None:
        """Have what was written without a log survive a kill from now on."""
        self._database.flush()
        batch = self.batch()
        batch.delete(META, _UNLOGGED_KEY)
        self.commit(batch)
        self._is_unlogged = False

    def mark(self) -> None:
        """Have all that was written on the disk, and note beside it how much that is.

        RocksDB takes a log that ends too early for one that was not written further. With the mark it is told apart.
        """
        if self._is_unlogged:
            return
        fresh = mark_path(self.folder).with_suffix(".new")
        fresh.write_text(str(self._database.sync()))
        fresh.replace(mark_path(self.folder))

    def require_whole(self) -> None:
        """Refuse to go on with files that were found damaged, or were taken away.

        Raises:
            StateCorrupt: they are.
        """
        path = database_path(self.folder)
        if self.damaged.is_set():
            raise StateCorrupt(f"cache {self.folder}: stored bytes do not match their checksums")
        if not (path / "CURRENT").exists() or path.stat().st_ino != self._files:
            raise StateCorrupt(f"cache {self.folder}: expected the files that were opened, they were taken away")

    def checkpoint(self, path: Path) -> None:
        """A copy of this moment, as RocksDB's files in a folder that is not there yet."""
        self._database.checkpoint(path)

    def keep_reads(self) -> None:
        """Have the estimate of reads survive a restart."""
        batch = self.batch()
        batch.put(ACCESS, _READS_KEY, self.access.packed())
        self.commit(batch)

    def grave(self, name: bytes) -> Grave | None:
        """What is left where an entry or a profile was erased."""
        row = self._database.get(GRAVES, name)
        return None if row is None else Grave.unpacked(row)

    def is_erased(self, workspace: WorkspaceId, user: UserId) -> bool:
        """Whether a grave guards any message of a person."""
        person = self.names.person(workspace, user)
        graves = self._of_person(GRAVES, person)
        return any(Grave.unpacked(row).is_guard for name, row in graves if len(name) > PERSON_BYTES)

    def is_profile_erased(self, workspace: WorkspaceId, user: UserId) -> bool:
        """Whether a grave guards what is told of a person."""
        grave = self.grave(self.names.person(workspace, user))
        return grave is not None and grave.is_guard

    def release(self, workspace: WorkspaceId, release: ReleaseId) -> bytes | None:
        """A packed release."""
        return self._database.get(RELEASES, join_key(workspace, release))

    def drop_releases(self, gone: Iterable[tuple[WorkspaceId, ReleaseId]]) -> None:
        """Remove releases."""
        batch = self.batch()
        for workspace, release in gone:
            batch.delete(RELEASES, join_key(workspace, release))
        self.commit(batch)

    def newest_releases(self) -> Iterator[tuple[WorkspaceId, ReleaseId]]:
        """The id of each workspace's newest release."""
        for key, value in self._database.scan(RELEASES):
            if b"|" not in key:
                yield WorkspaceId(split_key(key, 1)[0]), ReleaseId(value.decode())

    def sent(self, workspace: WorkspaceId, send_id: SendId) -> Sent | None:
        """A send, if it is remembered."""
        send = self.names.send(workspace, send_id)
        found = self._database.get(SENDS, send)
        if found is None:
            return None
        row = self._database.get(SERVED, found + send)
        return Sent(found[:PERSON_BYTES], None if row is None else decode(Served, row))

    def remember_send(
        self, workspace: WorkspaceId, send_id: SendId, served: Served, outbox: Sequence[OutboxRow | Drawn]
    ) -> None:
        """Keep what was served for a send, together with the records that tell of it.

        One batch: a crash leaves both or neither, so no send is answered without its exposure.
        """
        person, send = self.names.person(workspace, served.user), self.names.send(workspace, send_id)
        at = pack_number(served.at_ms)
        batch = self.batch()
        batch.put(SENDS, send, person + at)
        batch.put(SERVED, person + at + send, encode(served))
        batch.put(SEND_TIMES, at + send, person)
        self.commit(batch, outbox)
        self.last_drawn_ms = max(self.last_drawn_ms, served.at_ms)

    def erase_sends(self, batch: Batch, person: bytes, until_ms: int, now_ms: int) -> None:
        """Remove what a person was served and sent until then, and have the files purged. Call it holding `drawing`.

        That there was such a send stays known, for as long as other sends are remembered: it is not drawn again, and
        one that is queued finds nothing when it is due.
        """
        end = person + pack_number(until_ms + 1)
        for family in (SERVED, RECORDS):
            for key, _ in self._of_person(family, person):
                if key >= end:
                    break
                batch.delete(family, key)
        counted = self._database.get(CAPS, person)
        if counted is not None:
            batch.put(CAPS, person, newer_than(until_ms, counted))
        self.ask_purge(batch, person, now_ms)

    def sweep_sends(self, now_ms: int) -> int:
        """Forget sends older than 48 hours, a bounded number at once; return how many."""
        oldest_kept = pack_number(max(0, now_ms - SENDS_KEPT_MS))
        batch = self.batch()
        swept = 0
        for key, person in islice(self._database.scan(SEND_TIMES), SWEEP_ROWS):
            at, send = key[:NUMBER_BYTES], key[NUMBER_BYTES:]
            if at >= oldest_kept:
                break
            batch.delete(SENDS, send)
            batch.delete(SERVED, person + at + send)
            batch.delete(SEND_TIMES, key)
            swept += 1
        if swept:
            self.commit(batch)
        return swept

    def sweep_graves(self, now_ms: int) -> int:
        """Forget erasures older than 48 hours whose graves guard nothing any more; return how many.

        Few people are erased in 48 hours, so all rows are looked at. The lock keeps the follower from making
        one of them a guard again meanwhile.
        """
        oldest_kept_ms = now_ms - SENDS_KEPT_MS
        with self.drawing:
            batch = self.batch()
            graves = ((name, Grave.unpacked(row)) for name, row in self._database.scan(GRAVES))
            old = [name for name, grave in graves if not grave.is_guard and grave.erased_ms < oldest_kept_ms]
            for name in old:
                batch.delete(GRAVES, name)
            if old:
                self.commit(batch)
        return len(old)

    def offsets(self) -> dict[tuple[str, int], int]:
        """For each partition followed, the offset after the last record that is in this cache."""
        return dict(offsets_of(self._database))

    def fact(self, name: str) -> bytes | None:
        """A row of `meta`."""
        return self._database.get(META, name.encode())

    def forget_followed(self, facts: dict[str, bytes], *, unlogged: bool = False) -> None:
        """Drop everything that comes from topics, to be read from their start again.

        unlogged  what is read then will not be logged until `finish_unlogged`: killed before, it begins anew

        Sends and the outbox stay: they are this node's own; and when whose graves were, without which a grave
        that is read again would remove sends from after it. `facts` become rows of `meta` in the same batch.
        """
        batch = self.batch()
        for family in (ENTRIES, PROFILES, RELEASES, OFFSETS, EVICTED, SHOWN, DUE, SUPPRESSIONS):
            batch.delete_all(family)
        for key, row in self._database.scan(OFFSETS, _TRIGGERS_START):
            # How far triggers were read is the ledger's own, and stays with it: read again, they would be known again.
            if key.startswith(_TRIGGERS_START):
                batch.put(OFFSETS, key, row)
        self._is_unlogged = unlogged
        batch.delete(META, _UNLOGGED_KEY)
        batch.put(META, LIVE_KEY, Live(0, 0).packed())
        if unlogged:
            batch.put(META, _UNLOGGED_KEY, b"1")
        for name, value in facts.items():
            batch.put(META, name.encode(), value)
        for place, row in self._database.scan(GRAVES):
            batch.put(GRAVES, place, Grave.unpacked(row)._replace(is_guard=False).packed())
        if any(True for family in (ENTRIES, PROFILES) for _ in self._database.scan(family)):
            self.ask_purge(batch, EVERYBODY, 0)
        self.commit(batch)
        self.live = Live(0, 0)
        self.purges_grew.set()

    def ask_purge(self, batch: Batch, person: bytes, now_ms: int) -> None:
        """Have the files purged of what is removed of somebody. Call it holding `drawing`."""
        # A number, too, so that two of one moment differ.
        self._purges_written += 1
        batch.put(PURGES, person, pack_number(now_ms) + pack_number(self._purges_written))

    def purges(self) -> dict[bytes, bytes]:
        """Whose removed rows may still be in files: person or `EVERYBODY`; what to give back when they are not."""
        return dict(self._database.scan(PURGES))

    def purged(self, done: Iterable[tuple[bytes, bytes]]) -> None:
        """Forget purges, unless they were asked for again meanwhile."""
        with self.drawing:
            batch, standing = self.batch(), self.purges()
            for person, asked in done:
                if standing.get(person) == asked:
                    batch.delete(PURGES, person)
            self.commit(batch)

    def flush(self) -> None:
        """Move all rows from memory into files, and so be rid of the log files."""
        self._database.flush()

    def compact(self, family: Family, start: bytes, end: bytes) -> None:
        """Write the files anew that hold keys of a range, without what was removed from them."""
        self._database.compact(family, start, end)

    def bytes_of(self, family: Family) -> int:
        """How large the files of a family are."""
        return self._database.bytes_of(family)

    @property
    def outbox_bounds(self) -> tuple[int, int]:
        """Number of the oldest record that Kafka has not acknowledged yet, and of the next one to come."""
        return self._outbox_first, self._outbox_next

    @property
    def outbox_rows(self) -> int:
        """How many records Kafka has not acknowledged yet."""
        return self._outbox_next - self._outbox_first

    def outbox_head(self, limit: int) -> list[tuple[int, OutboxRow]]:
        """The oldest rows of the outbox with their numbers.

        Read from where the last ones were removed: from the very start, RocksDB would walk over
        the markers of all rows removed so far.
        """
        rows = islice(self._database.scan(OUTBOX, pack_number(self._outbox_first)), limit)
        return [(unpack_number(key), opened_row(value)) for key, value in rows]

    def outbox_done(self, numbers: Sequence[int]) -> None:
        """Remove rows that Kafka has acknowledged: the oldest ones, in order."""
        batch = self.batch()
        for number in numbers:
            batch.delete(OUTBOX, pack_number(number))
        self.commit(batch)
        self._outbox_first = numbers[-1] + 1

    def _check_meta(self, folder: Path) -> None:
        for name, key, expected in (
            ("layout", _LAYOUT_KEY, LAYOUT),
            ("partitions", _PARTITIONS_KEY, PARTITIONS),
        ):
            found = self._database.get(META, key)
            if found is None:
                batch = self.batch()
                batch.put(META, key, b"%d" % expected)
                self.commit(batch)
            elif found != b"%d" % expected:
                raise ConfigError(
                    f"cache {folder}: expected {name} {expected}, got {found.decode()}; "
                    "use the version of Foresend that wrote it, or an empty folder"
                )

    def _salt(self) -> bytes:
        found = self._database.get(META, SALT_KEY)
        if found is None:
            found = secrets.token_bytes(SALT_BYTES)
            batch = self.batch()
            batch.put(META, SALT_KEY, found)
            self.commit(batch)
        return found

    def _require_marked(self) -> None:
        if self._database.sequence < self._marked:
            raise StateCorrupt(
                f"cache {self.folder}: expected writings up to number {self._marked}, "
                f"they end at {self._database.sequence}: its log was cut"
            )

    def _counted_live(self) -> Live:
        """How many entries there are, from `meta`; a cache from before it was counted there is counted once."""
        row = self._database.get(META, LIVE_KEY)
        if row is not None:
            return Live.unpacked(row)
        live = Live(0, 0)
        for name, entry in self._database.scan(ENTRIES):
            live = live.changed(name, None, entry)
        batch = self.batch()
        batch.put(META, LIVE_KEY, live.packed())
        self.commit(batch)
        return live

    def _restore_reads(self) -> None:
        packed = self._database.get(ACCESS, _READS_KEY)
        if packed is not None:
            with suppress(StateCorrupt):
                # Of another size: what was read before this start is then not known.
                self.access.restore(packed)

    def rows_of_person(self, family: Family, person: bytes) -> list[tuple[bytes, bytes]]:
        """All rows of a family whose keys begin with a person's name."""
        return list(self._of_person(family, person))

    def _of_person(self, family: Family, person: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key, row in self._database.scan(family, person):
            if not key.startswith(person):
                return
            yield key, row

    def _outbox_bounds(self) -> tuple[int, int]:
        """The first row's number and the one after the last; equal when there is none."""
        numbers = [unpack_number(key) for key, _ in self._database.scan(OUTBOX)]
        return (numbers[0], numbers[-1] + 1) if numbers else (0, 0)
