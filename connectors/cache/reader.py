"""A cache folder as somebody else sees it who only reads."""

from collections.abc import Callable, Iterator
from pathlib import Path

from connectors.cache.families import ENTRIES, EVICTED, META, OUTBOX, PROFILES, Family
from connectors.cache.names import RowNames
from connectors.cache.places import SALT_KEY, database_path, offsets_of
from connectors.cache.rocks import Database
from connectors.cache.rows import unpack_record
from schemas.errors import ConfigError


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

    def evicted(self) -> Callable[[bytes], bool]:
        """Tells of a key whether an entry of it made room or ended, and so is not here."""
        names = RowNames(self._database.get(META, SALT_KEY) or b"")
        return lambda key: self._database.get(EVICTED, names.entry(key)) is not None

    def scan(self, family: Family) -> Iterator[tuple[bytes, bytes]]:
        """All rows of a family as they are stored."""
        return self._database.scan(family)

    def row(self, family: Family, key: bytes) -> bytes | None:
        """A row as it is stored."""
        return self._database.get(family, key)

    def offsets(self) -> dict[tuple[str, int], int]:
        """For each partition followed, the offset after the last record that is in this cache."""
        return dict(offsets_of(self._database))

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
