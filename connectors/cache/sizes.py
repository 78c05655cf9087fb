"""How large RocksDB's buffers and files may be: under a limit of bytes they are parts of it, or they would exceed it.

Beside live entries the disk holds what is overwritten or removed and not compacted yet: log, files of the first level,
one tenth of the last level in the one above it, and whatever one compaction reads and writes anew. All are made small.
"""

from typing import NamedTuple, Self

MIB = 1024 * 1024
BLOCK_CACHE_BYTES = 64 * MIB
BLOOM_BITS = 10
NOTES_KEPT = 2
NOTES_BYTES = MIB // 2
"""Of each file that RocksDB notes its own doings in: by default it grows without end."""
OPEN_TABLES_MAX = 768
"""Below the usual limit of 1024 open files; RocksDB itself would keep all open."""


class Sizes(NamedTuple):
    """Sizes of files in bytes.

    buffer      rows of a family in memory, before they become a file
    buffers     of all families together: each would otherwise fill its own, over hours
    log         all log files: families that are seldom written would otherwise keep every old one alive
    table       For each person purged the first level is written anew, and of each further one about eleven tables.
                Of 150 000 entries of 5 KB (800 MB) that takes 1 to 2.5 s with 16 MB; with RocksDB's own 64 MB 5 to 6 s.
    level       of the first level that has tables, at most
    multiplier  how much larger each level is than the one above it
    """

    buffer: int = 32 * MIB
    buffers: int = 64 * MIB
    log: int = 32 * MIB
    table: int = 16 * MIB
    level: int = 64 * MIB
    multiplier: int = 10

    @classmethod
    def under(cls, limit_bytes: int) -> Self:
        """Sizes for entries of so many bytes; 0: there is no limit.

        Mutant: the sizes of no limit; then `test_under_a_limit_the_folder_stays_small` fails.
        """
        if not limit_bytes:
            return cls()
        return cls(
            buffer=_between(limit_bytes // 256, 32 * MIB),
            buffers=_between(limit_bytes // 128, 64 * MIB),
            log=_between(limit_bytes // 128, 32 * MIB),
            table=_between(limit_bytes // 256, 16 * MIB),
            level=_between(limit_bytes // 16, 64 * MIB),
            multiplier=20,
        )


UNLIMITED = Sizes()


def _between(size: int, most: int) -> int:
    return max(64 * 1024, min(size, most))
