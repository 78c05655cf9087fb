"""The cache of one node on disk: one writing process, and every promise about what is written together."""

import fcntl
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from connectors.cache.families import (
    ENTRIES,
    ERASURES,
    LAYOUT,
    META,
    OFFSETS,
    OUTBOX,
    PROFILES,
    RELEASES,
    SEND_TIMES,
    SENDS,
    SENDS_KEPT_MS,
)
from connectors.cache.rocks import Batch, Database
from connectors.cache.rows import NUMBER_BYTES, OutboxRow, Served, pack_number, unpack_number
from schemas.codec import decode, encode
from schemas.errors import CacheBusy, ConfigError
from schemas.ids import ReleaseId, SendId, WorkspaceId
from schemas.keys import join_key, split_key
from schemas.topics import PARTITIONS

SWEEP_ROWS = 1_000
_LAYOUT_KEY = b"layout"
_PARTITIONS_KEY = b"partitions"


class CacheStore:
    """The writer's side of a cache folder, locked by this process until `close`.

    Threads: entries, releases and offsets are written by the follower alone, sends by the gateway's
    event loop alone, and outbox rows by both, which the lock in `commit` puts in order.

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
        self._database = Database(database_path(folder))
        self.outbox_grew = threading.Event()
        self._outbox_lock = threading.Lock()
        self._is_closed = False
        try:
            self._check_meta(folder)
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

    def entry(self, key: bytes) -> bytes | None:
        """The packed `Communication` of a key."""
        return self._database.get(ENTRIES, key)

    def entries(self, keys: list[bytes]) -> list[bytes | None]:
        """The packed `Communication` of each key."""
        return self._database.get_many(ENTRIES, keys)

    def profile(self, key: bytes) -> bytes | None:
        """The packed `ToldProfile` of a key."""
        return self._database.get(PROFILES, key)

    def release(self, workspace: WorkspaceId, release: ReleaseId) -> bytes | None:
        """A packed release."""
        return self._database.get(RELEASES, join_key(workspace, release))

    def newest_releases(self) -> Iterator[tuple[WorkspaceId, ReleaseId]]:
        """The id of each workspace's newest release."""
        for key, value in self._database.scan(RELEASES):
            if b"|" not in key:
                yield WorkspaceId(split_key(key, 1)[0]), ReleaseId(value.decode())

    def sent(self, workspace: WorkspaceId, send_id: SendId) -> Served | None:
        """What was served for a send, if it is remembered."""
        row = self._database.get(SENDS, join_key(workspace, send_id))
        return None if row is None else decode(Served, row)

    def erased_ms(self, key: bytes) -> int:
        """When the user of an entry's key was erased last, within the time that sends are remembered; else 0."""
        row = self._database.get(ERASURES, key)
        return 0 if row is None else unpack_number(row)

    def remember_send(
        self, workspace: WorkspaceId, send_id: SendId, served: Served, outbox: Sequence[OutboxRow]
    ) -> None:
        """Keep what was served for a send, together with the records that tell of it.

        One batch: a crash leaves both or neither, so no send is answered without its exposure.
        """
        key = join_key(workspace, send_id)
        batch = self.batch()
        batch.put(SENDS, key, encode(served))
        batch.put(SEND_TIMES, pack_number(served.at_ms) + key, b"")
        self.commit(batch, outbox)

    def sweep_sends(self, now_ms: int) -> int:
        """Forget sends older than 48 hours, a bounded number at once; return how many."""
        oldest_kept = pack_number(max(0, now_ms - SENDS_KEPT_MS))
        batch = self.batch()
        swept = 0
        for key, _ in islice(self._database.scan(SEND_TIMES), SWEEP_ROWS):
            if key[:NUMBER_BYTES] >= oldest_kept:
                break
            batch.delete(SENDS, key[NUMBER_BYTES:])
            batch.delete(SEND_TIMES, key)
            swept += 1
        # Few people are erased in 48 hours, so all rows are looked at.
        old_erasures = [key for key, at_ms in self._database.scan(ERASURES) if at_ms < oldest_kept]
        for key in old_erasures:
            batch.delete(ERASURES, key)
        if swept or old_erasures:
            self.commit(batch)
        return swept

    def offsets(self) -> dict[tuple[str, int], int]:
        """For each partition followed, the offset after the last record that is in this cache."""
        return dict(_offsets(self._database))

    def fact(self, name: str) -> bytes | None:
        """A row of `meta`."""
        return self._database.get(META, name.encode())

    def forget_followed(self, facts: dict[str, bytes]) -> None:
        """Drop everything that comes from topics, to be read from their start again.

        Sends and the outbox stay: they are this node's own. `facts` become rows of `meta` in the same batch.
        """
        batch = self.batch()
        for family in (ENTRIES, PROFILES, RELEASES, OFFSETS):
            batch.delete_all(family)
        for name, value in facts.items():
            batch.put(META, name.encode(), value)
        self.commit(batch)

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
        self._database = Database(path, second=scratch)
        self._database.catch_up()

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Each entry's key and packed `Communication`, graves too, in the order of the keys."""
        return self._database.scan(ENTRIES)

    def profiles(self) -> Iterator[tuple[bytes, bytes]]:
        """Each person's key and packed `ToldProfile`, graves too, in the order of the keys."""
        return self._database.scan(PROFILES)

    def offsets(self) -> dict[tuple[str, int], int]:
        """For each partition followed, the offset after the last record that is in this cache."""
        return dict(_offsets(self._database))

    def outbox_rows(self) -> int:
        """How many records Kafka has not acknowledged yet."""
        return sum(1 for _ in self._database.scan(OUTBOX))

    def catch_up(self) -> None:
        """See what was written since."""
        self._database.catch_up()

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
