"""The cache of one node on disk: one writing process, and every promise about what is written together."""

import fcntl
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from connectors.cache.families import (
    ENTRIES,
    GRAVES,
    LAYOUT,
    META,
    OFFSETS,
    OUTBOX,
    PERSON_BYTES,
    PROFILES,
    PURGES,
    RELEASES,
    SEND_TIMES,
    SENDS,
    SENDS_KEPT_MS,
    SERVED,
    Family,
)
from connectors.cache.names import SALT_BYTES, RowNames
from connectors.cache.rocks import Batch, Database
from connectors.cache.rows import (
    NUMBER_BYTES,
    Grave,
    OutboxRow,
    Sent,
    Served,
    pack_number,
    unpack_number,
    unpack_record,
)
from schemas.codec import decode, encode
from schemas.errors import CacheBusy, ConfigError
from schemas.ids import ReleaseId, SendId, UserId, WorkspaceId
from schemas.keys import join_key, split_key
from schemas.topics import PARTITIONS

SWEEP_ROWS = 1_000
_LAYOUT_KEY = b"layout"
_PARTITIONS_KEY = b"partitions"
_SALT_KEY = b"salt"
EVERYBODY = b"all"
"""Key of `purges` after a rebuild: what it dropped is still in the files. No name of a person is that short."""


class CacheStore:
    """The writer's side of a cache folder, locked by this process until `close`.

    Threads: what comes from topics is written by the follower alone, sends by the gateway's event loop alone, and
    outbox rows by both, which the lock in `commit` puts in order. The follower also removes sends, holding `drawing`.

    names         what rows of persons and sends are called
    drawing       held by a draw from its first look to its last row, and while an erasure is written
    last_drawn_ms time of the last draw since the start

    Raises:
        CacheBusy: another process has the folder.
        ConfigError: the folder was written for another number of partitions or by a newer version.
        StateCorrupt: the files are damaged.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = (folder / "cache.lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file.close()
            raise CacheBusy(
                f"cache {folder}: another process serves from it; stop that one, or give this one another folder"
            ) from None
        try:
            self._database = Database(database_path(folder))
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
        try:
            self._check_meta(folder)
            self.names = RowNames(self._salt())
            self._outbox_first, self._outbox_next = self._outbox_bounds()
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

    def commit(self, batch: Batch, outbox: Sequence[OutboxRow] = ()) -> None:
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

    def record(self, family: Family, name: bytes) -> bytes | None:
        """The value of the record that a row of `entries` or `profiles` keeps."""
        row = self._database.get(family, name)
        return None if row is None else unpack_record(row)[1]

    def entry(self, key: bytes) -> bytes | None:
        """The packed `Communication` of a key."""
        return self.record(ENTRIES, self.names.entry(key))

    def entries(self, keys: list[bytes]) -> list[bytes | None]:
        """The packed `Communication` of each key."""
        rows = self._database.get_many(ENTRIES, [self.names.entry(key) for key in keys])
        return [None if row is None else unpack_record(row)[1] for row in rows]

    def profile(self, key: bytes) -> bytes | None:
        """The packed `ToldProfile` of a key."""
        return self.record(PROFILES, self.names.person_of(key))

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
        self, workspace: WorkspaceId, send_id: SendId, served: Served, outbox: Sequence[OutboxRow]
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
        """Remove what a person was served until then, and have the files purged of it. Call it holding `drawing`.

        That there was such a send stays known, for as long as other sends are remembered: it is not drawn again.
        """
        end = person + pack_number(until_ms + 1)
        for key, _ in self._of_person(SERVED, person):
            if key >= end:
                break
            batch.delete(SERVED, key)
        self._ask_purge(batch, person, now_ms)

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
        return dict(_offsets(self._database))

    def fact(self, name: str) -> bytes | None:
        """A row of `meta`."""
        return self._database.get(META, name.encode())

    def forget_followed(self, facts: dict[str, bytes]) -> None:
        """Drop everything that comes from topics, to be read from their start again.

        Sends and the outbox stay: they are this node's own; and when whose graves were, without which a grave
        that is read again would remove sends from after it. `facts` become rows of `meta` in the same batch.
        """
        batch = self.batch()
        for family in (ENTRIES, PROFILES, RELEASES, OFFSETS):
            batch.delete_all(family)
        for name, value in facts.items():
            batch.put(META, name.encode(), value)
        for place, row in self._database.scan(GRAVES):
            batch.put(GRAVES, place, Grave.unpacked(row)._replace(is_guard=False).packed())
        if any(True for family in (ENTRIES, PROFILES) for _ in self._database.scan(family)):
            self._ask_purge(batch, EVERYBODY, 0)
        self.commit(batch)
        self.purges_grew.set()

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
        return [(unpack_number(key), decode(OutboxRow, value)) for key, value in rows]

    def outbox_done(self, numbers: Sequence[int]) -> None:
        """Remove rows that Kafka has acknowledged: the oldest ones, in order."""
        batch = self.batch()
        for number in numbers:
            batch.delete(OUTBOX, pack_number(number))
        self.commit(batch)
        self._outbox_first = numbers[-1] + 1

    def estimated_entries(self) -> int:
        """About how many entries there are."""
        return self._database.estimated_rows(ENTRIES)

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
        found = self._database.get(META, _SALT_KEY)
        if found is None:
            found = secrets.token_bytes(SALT_BYTES)
            batch = self.batch()
            batch.put(META, _SALT_KEY, found)
            self.commit(batch)
        return found

    def _of_person(self, family: Family, person: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key, row in self._database.scan(family, person):
            if not key.startswith(person):
                return
            yield key, row

    def _ask_purge(self, batch: Batch, person: bytes, now_ms: int) -> None:
        # A number, too, so that two of one moment differ.
        self._purges_written += 1
        batch.put(PURGES, person, pack_number(now_ms) + pack_number(self._purges_written))

    def _outbox_bounds(self) -> tuple[int, int]:
        """The first row's number and the one after the last; equal when there is none."""
        numbers = [unpack_number(key) for key, _ in self._database.scan(OUTBOX)]
        return (numbers[0], numbers[-1] + 1) if numbers else (0, 0)


class CacheReader:
    """A second, reading view of a cache folder, also while a process serves from it.

    scratch  an empty folder for files of its own, removed by the caller afterwards
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        path = database_path(folder)
        if not (path / "CURRENT").exists():
            raise ConfigError(f"cache {folder}: expected a cache written by `foresend serve`, found none")
        self._path, self._scratch = path, scratch
        self._database = Database(path, second=scratch)

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Each entry's key and packed `Communication`, in no order that means anything."""
        return (unpack_record(row) for _, row in self._database.scan(ENTRIES))

    def profiles(self) -> Iterator[tuple[bytes, bytes]]:
        """Each person's key and packed `ToldProfile`, in no order that means anything."""
        return (unpack_record(row) for _, row in self._database.scan(PROFILES))

    def offsets(self) -> dict[tuple[str, int], int]:
        """For each partition followed, the offset after the last record that is in this cache."""
        return dict(_offsets(self._database))

    def outbox_rows(self) -> int:
        """How many records Kafka has not acknowledged yet."""
        return sum(1 for _ in self._database.scan(OUTBOX))

    def catch_up(self) -> None:
        """See what was written since.

        RocksDB's own way keeps rows in memory whose removal stood in a log file that a purge has taken away.
        """
        self._database.close()
        self._database = Database(self._path, second=self._scratch)

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()


def database_path(folder: Path) -> Path:
    """Where RocksDB's own files are in a cache folder."""
    return folder / "rocks"


def _offsets(database: Database) -> Iterator[tuple[tuple[str, int], int]]:
    for key, value in database.scan(OFFSETS):
        topic, partition = split_key(key, 2)
        yield (topic, int(partition)), unpack_number(value)
