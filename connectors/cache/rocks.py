"""RocksDB by rocksdict in raw mode: bytes in, bytes out, and its errors by their own names."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    BottommostLevelCompaction,
    Cache,
    ColumnFamily,
    CompactOptions,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
)

from connectors.cache.families import FAMILIES, LAYOUT, Family
from schemas.errors import CacheBusy, ConfigError, StateCorrupt

BLOCK_CACHE_BYTES = 64 * 1024 * 1024
WRITE_BUFFER_BYTES = 32 * 1024 * 1024
WRITE_BUFFERS_BYTES = 64 * 1024 * 1024
"""Of all families together: each would otherwise fill its own, over hours."""
WAL_BYTES_MAX = 256 * 1024 * 1024
"""Families that are seldom written would otherwise keep every old log file alive."""
BLOOM_BITS = 10
LOG_FILES_KEPT = 4
LEVEL_BYTES = 64 * 1024 * 1024
TABLE_BYTES = 16 * 1024 * 1024
"""For each person purged the first level is written anew, and of each further one about eleven tables. Of 150 000
entries of 5 KB (800 MB) that takes 1 to 2.5 s; with RocksDB's own sizes, four times these, 5 to 6 s."""
OPEN_TABLES_MAX = 768
"""Below the usual limit of 1024 open files; RocksDB itself would keep all open."""
BEYOND_ALL_KEYS = b"\xff" * 16
"""Sorts after every key: keys of text are UTF-8, which has no 0xff, and numbers stay far below."""


class RocksErrors:
    """A `with` block that names RocksDB's errors: rocksdict raises them all as plain `Exception`.

    Raises:
        StateCorrupt: stored bytes do not match their checksums.
        CacheBusy: anything else (disk full, a lock held elsewhere).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not Exception:
            return
        if "Corruption" in str(error):
            raise StateCorrupt(
                f"cache {self._folder}: {error}; stop, move the folder away and start again: entries are rebuilt "
                "from Kafka (what its outbox still held is lost)"
            ) from error
        raise CacheBusy(f"cache {self._folder}: {error}") from error


class Batch:
    """Writings that happen together or not at all, also when the process is killed."""

    def __init__(self, handles: dict[Family, ColumnFamily]) -> None:
        self._handles = handles
        self.raw = WriteBatch(raw_mode=True)

    def put(self, family: Family, key: bytes, value: bytes) -> None:
        """Write a row."""
        self.raw.put(key, value, self._handles[family])

    def delete(self, family: Family, key: bytes) -> None:
        """Remove a row; nothing happens where there is none."""
        self.raw.delete(key, self._handles[family])

    def delete_all(self, family: Family) -> None:
        """Remove every row of a family."""
        self.raw.delete_range(b"", BEYOND_ALL_KEYS, self._handles[family])


class Database:
    """One open RocksDB with the families of the table.

    second   where a second, reading instance keeps its own files; None: this is the one writer
    """

    def __init__(self, path: Path, second: Path | None = None) -> None:
        access = AccessType.read_write() if second is None else AccessType.secondary(str(second))
        self._errors = RocksErrors(path)
        self._refuse_other_families(path)
        block_cache = Cache(BLOCK_CACHE_BYTES)
        families = {family.name: _options(block_cache) for family in FAMILIES}
        with self._errors:
            self._rocks = Rdict(str(path), _options(block_cache), column_families=families, access_type=access)
        self._families = {family: self._rocks.get_column_family(family.name) for family in FAMILIES}
        self._handles = {
            family: self._rocks.get_column_family_handle(family.name) for family in FAMILIES if second is None
        }

    def get(self, family: Family, key: bytes) -> bytes | None:
        """The row's value, or None."""
        with self._errors:
            return self._families[family].get(key)

    def get_many(self, family: Family, keys: list[bytes]) -> list[bytes | None]:
        """The values of several rows, in the order of the keys."""
        with self._errors:
            return self._families[family].get([*keys]) or []

    def scan(self, family: Family, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Rows in the order of their keys, from `start` on.

        rocksdict's own `items()` ends silently at a corrupt block; asking for the status does not.
        """
        rows = self._families[family].iter()
        with self._errors:
            rows.seek(start)
            while rows.valid():
                yield rows.key(), rows.value()
                rows.next()
            rows.status()

    def batch(self) -> Batch:
        """An empty batch."""
        return Batch(self._handles)

    def write(self, batch: Batch) -> None:
        """Write a batch. It survives the death of the process; a loss of power may take the last moments."""
        with self._errors:
            self._rocks.write(batch.raw)

    def flush(self) -> None:
        """Move all rows from memory into files, so that no log file is needed, and all are removed.

        A log file stays as long as any one family needs it.
        """
        with self._errors:
            for family in self._families.values():
                family.flush()

    def compact(self, family: Family, start: bytes, end: bytes) -> None:
        """Write the files anew that hold keys from `start` to `end`, without what was removed or overwritten.

        Without `force`, files of the last level that hold no removal marker of their own would stay as they are.
        """
        options = CompactOptions()
        options.set_bottommost_level_compaction(BottommostLevelCompaction.force())
        # An exclusive one would hold up all others, and with them the writes that wait for them.
        options.set_exclusive_manual_compaction(False)
        with self._errors:
            self._families[family].compact_range(start, end, options)

    def estimated_rows(self, family: Family) -> int:
        """About how many rows a family has."""
        return self._families[family].property_int_value("rocksdb.estimate-num-keys") or 0

    def bytes_of(self, family: Family) -> int:
        """How large the files of a family are."""
        return self._families[family].property_int_value("rocksdb.total-sst-files-size") or 0

    def close(self) -> None:
        """Let go of the files. Every handle must go, or RocksDB keeps its lock."""
        self._handles.clear()
        for family in self._families.values():
            family.close()
        self._families.clear()
        self._rocks.close()

    def _refuse_other_families(self, path: Path) -> None:
        """RocksDB opens all families or none, and says so in words that help nobody."""
        if not (path / "CURRENT").exists():
            return
        with self._errors:
            found = set(Rdict.list_cf(str(path)))
        others = found - {family.name for family in FAMILIES} - {"default"}
        if others:
            raise ConfigError(
                f"cache {path.parent}: expected layout {LAYOUT}, got another one, with {', '.join(sorted(others))}; "
                "stop the version of Foresend that wrote it once its outbox is empty, then give this one an empty "
                "folder: entries are read anew from Kafka"
            )


def _options(block_cache: Cache) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(block_cache)
    table.set_bloom_filter(BLOOM_BITS, block_based=False)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_db_write_buffer_size(WRITE_BUFFERS_BYTES)
    # Smaller than RocksDB's own choice, and its frames can be searched for who must not be in them.
    options.set_compression_type(DBCompressionType.zstd())
    options.set_max_total_wal_size(WAL_BYTES_MAX)
    options.set_keep_log_file_num(LOG_FILES_KEPT)
    options.set_max_bytes_for_level_base(LEVEL_BYTES)
    options.set_target_file_size_base(TABLE_BYTES)
    options.set_max_open_files(OPEN_TABLES_MAX)
    return options
