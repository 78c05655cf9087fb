"""Where things are in a cache folder, and rows that more than one reader looks for."""

from collections.abc import Iterator
from pathlib import Path

from connectors.cache.families import OFFSETS
from connectors.cache.rocks import Database
from connectors.cache.rows import unpack_number
from schemas.errors import StateCorrupt
from schemas.keys import split_key

SALT_KEY = b"salt"
LIVE_KEY = b"live"


def database_path(folder: Path) -> Path:
    """Where RocksDB's own files are in a cache folder."""
    return folder / "rocks"


def mark_path(folder: Path) -> Path:
    """Where it is noted how much was written to a cache."""
    return folder / "written"


def marked(folder: Path) -> int:
    """The number of a writing that is in the cache for sure; 0: none is known.

    Raises:
        StateCorrupt: there was a cache here, and its files are gone.
    """
    try:
        noted = mark_path(folder).read_text()
    except FileNotFoundError:
        return 0
    if not (database_path(folder) / "CURRENT").exists():
        raise StateCorrupt(f"cache {folder}: expected the files of a cache, they were taken away")
    return int(noted) if noted.isdigit() else 0


def offsets_of(database: Database) -> Iterator[tuple[tuple[str, int], int]]:
    """For each partition followed, the offset after the last record."""
    for key, value in database.scan(OFFSETS):
        topic, partition = split_key(key, 2)
        yield (topic, int(partition)), unpack_number(value)
