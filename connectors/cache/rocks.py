"""RocksDB by rocksdict in raw mode: bytes in, bytes out, and its errors by their own names."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    BottommostLevelCompaction,
    Cache,
    Checkpoint,
    ColumnFamily,
    CompactOptions,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from connectors.cache.families import ENTRIES, FAMILIES, LAYOUT, Family
from connectors.cache.sizes import (
    BLOCK_CACHE_BYTES,
    BLOOM_BITS,
    NOTES_BYTES,
    NOTES_KEPT,
    OPEN_TABLES_MAX,
    UNLIMITED,
    Sizes,
)
from schemas.errors import CacheBusy, ConfigError, StateCorrupt

UNCOMPRESSED = frozenset({ENTRIES})
"""Read for each send, and made of bytes that are small already: a read of a random entry takes 4 µs, not the 10 µs of
blocks in zstd, for a quarter more on the disk."""
BEYOND_ALL_KEYS = b"\xff" * 16
"""Sorts after every key: keys of text are UTF-8, which has no 0xff, and numbers stay far below."""


DAMAGE = ("Corruption", "No such file or directory")
"""What RocksDB says of bytes that do not match their checksum, and of files that it knows and are not there."""


class RocksErrors:
    """A `with` block that names RocksDB's errors: rocksdict raises them all as plain `Exception`.

    damaged  set once stored bytes did not match their checksums

    Raises:
        StateCorrupt: stored bytes do not match their checksums, or a file of them is gone.
        CacheBusy: anything else (disk full, a lock held elsewhere).
    """

    def __init__(self, folder: Path, damaged: threading.Event) -> None:
        self._folder = folder
        self._damaged = damaged

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.name(error)

    def name(self, error: BaseException) -> None:
        """Raise one of RocksDB's errors by its own name; of any other nothing comes."""
        if type(error) is not Exception:
            return
        if any(sign in str(error) for sign in DAMAGE):
            self._damaged.set()
            raise StateCorrupt(
                f"cache {self._folder}: {error}; `foresend serve` moves it aside and rebuilds it from Kafka"
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

    def put_all(self, family: Family, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Write rows of one family."""
        put, handle = self.raw.put, self._handles[family]
        for key, value in rows:
            put(key, value, handle)

    def delete(self, family: Family, key: bytes) -> None:
        """Remove a row; nothing happens where there is none."""
        self.raw.delete(key, self._handles[family])

    def delete_all(self, family: Family) -> None:
        """Remove every row of a family."""
        self.raw.delete_range(b"", BEYOND_ALL_KEYS, self._handles[family])


class Database:
    """One open RocksDB with the families of the table.

    second   where a second, reading instance keeps its own files; None: this is the one writer
    sizes    of its files
    damaged  set once stored bytes did not match their checksums
    """

    def __init__(self, path: Path, second: Path | None = None, sizes: Sizes = UNLIMITED) -> None:
        access = AccessType.read_write() if second is None else AccessType.secondary(str(second))
        self.damaged = threading.Event()
        self._errors = RocksErrors(path, self.damaged)
        self._refuse_other_families(path)
        block_cache = Cache(BLOCK_CACHE_BYTES)
        families = {family.name: _options(block_cache, sizes, family) for family in FAMILIES}
        with self._errors:
            self._rocks = Rdict(str(path), _options(block_cache, sizes), column_families=families, access_type=access)
        self._families = {family: self._rocks.get_column_family(family.name) for family in FAMILIES}
        self._handles = {
            family: self._rocks.get_column_family_handle(family.name) for family in FAMILIES if second is None
        }

    def get(self, family: Family, key: bytes) -> bytes | None:
        """The row's value, or None."""
        try:
            return self._families[family].get(key)
        except BaseException as error:
            # Without a `with` block, which costs as much as finding the row.
            self._errors.name(error)
            raise

    def get_many(self, family: Family, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of several rows, in the order of the keys."""
        if not keys:
            return []
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
        try:
            self._rocks.write(batch.raw)
        except BaseException as error:
            self._errors.name(error)
            raise

    def write_unlogged(self, batch: Batch) -> None:
        """Write a batch that the death of the process may undo, in part even, unless `flush` comes first."""
        options = WriteOptions()
        # Its type stub takes the property for a method.
        setattr(options, "disable_wal", True)  # noqa: B010
        with self._errors:
            self._rocks.write(batch.raw, options)

    def sync(self) -> int:
        """Have all that was logged on the disk, also for a loss of power; return the number of the last writing."""
        with self._errors:
            sequence = self._rocks.latest_sequence_number()
            self._rocks.flush_wal(True)
            return sequence

    def checkpoint(self, path: Path) -> None:
        """A copy of this moment in a folder that is not there yet: links to tables, which are never changed."""
        with self._errors:
            Checkpoint(self._rocks).create_checkpoint(str(path))

    @property
    def sequence(self) -> int:
        """The number of the last writing."""
        return self._rocks.latest_sequence_number()

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

    def bytes_of(self, family: Family) -> int:
        """How large the files of a family are."""
        return self._families[family].property_int_value("rocksdb.total-sst-files-size") or 0

    def close(self) -> None:
        """Let go of the files. Every handle must go, or RocksDB keeps its lock.

        It flushes first. Where that fails the files are damaged or gone: whoever reads on finds out, not who leaves.
        """
        self._handles.clear()
        for family in (*self._families.values(), self._rocks):
            with suppress(StateCorrupt, CacheBusy), self._errors:
                family.close()
        self._families.clear()
        del self._rocks

    def _refuse_other_families(self, path: Path) -> None:
        """RocksDB opens all families or none, and says so in words that help nobody."""
        if not (path / "CURRENT").exists():
            if any(path.glob("*.sst")) or any(path.glob("MANIFEST-*")):
                # It would begin anew in this folder, and remove what it does not know.
                raise StateCorrupt(f"cache {path}: expected a file CURRENT beside the others, there is none")
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


def _options(block_cache: Cache, sizes: Sizes, family: Family | None = None) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(block_cache)
    table.set_bloom_filter(BLOOM_BITS, block_based=False)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(sizes.buffer)
    options.set_db_write_buffer_size(sizes.buffers)
    # zstd is smaller than RocksDB's own choice, and its frames can be searched for who must not be in them.
    is_plain = family in UNCOMPRESSED
    options.set_compression_type(DBCompressionType.none() if is_plain else DBCompressionType.zstd())
    options.set_paranoid_checks(True)
    options.set_max_total_wal_size(sizes.log)
    options.set_keep_log_file_num(NOTES_KEPT)
    options.set_max_log_file_size(NOTES_BYTES)
    options.set_max_bytes_for_level_base(sizes.level)
    options.set_max_bytes_for_level_multiplier(sizes.multiplier)
    options.set_target_file_size_base(sizes.table)
    options.set_max_open_files(OPEN_TABLES_MAX)
    return options
