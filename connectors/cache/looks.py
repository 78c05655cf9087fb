"""Looks into a cache that this process has open: one row, several, and scans that are gone on with later."""

from collections.abc import Sequence
from itertools import islice

from connectors.cache.access import AccessSketch
from connectors.cache.families import ENTRIES, EVICTED, PROFILES, SHOWN, Family
from connectors.cache.heads import EntryHead, scanned
from connectors.cache.names import RowNames
from connectors.cache.rocks import Database
from connectors.cache.rows import Evicted, unpack_record, value_of
from schemas.codec import decode


class Looks:
    """The part of a `CacheStore` that changes nothing but the count of reads. Safe in any thread.

    names         what rows of persons and sends are called
    access        how often entries are read
    hits, misses  reads of entries since the start
    """

    names: RowNames
    access: AccessSketch
    hits: int
    misses: int
    _database: Database

    def row(self, family: Family, name: bytes) -> bytes | None:
        """A row as it is stored."""
        return self._database.get(family, name)

    def rows(self, family: Family, names: Sequence[bytes]) -> list[bytes | None]:
        """Rows as they are stored, in the order of the names."""
        return self._database.get_many(family, names)

    def has_rows(self, family: Family) -> bool:
        """Whether there is any row of a family."""
        return any(True for _ in self._database.scan(family))

    def scan_rows(self, family: Family, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """So many rows that come after a key, in the order of keys; fewer where the family ends."""
        start = after + b"\0" if after else b""
        return list(islice(self._database.scan(family, start), limit))

    def scan_entries(self, after: bytes, limit: int) -> list[EntryHead]:
        """What entries say of themselves, in the order of their names; go on after the last one's."""
        return [scanned(name, *unpack_record(row)) for name, row in self.scan_rows(ENTRIES, after, limit)]

    def entry_named(self, name: bytes) -> tuple[bytes, bytes] | None:
        """Key and packed `Communication` of an entry."""
        row = self._database.get(ENTRIES, name)
        return None if row is None else unpack_record(row)

    def shown(self, item: bytes, after: bytes, limit: int) -> list[bytes]:
        """Names of entries that show an item, in their order; go on after the last one.

        item  key `workspace|catalogue|item`
        """
        start = self.names.item(item)
        rows = islice(self._database.scan(SHOWN, start + after + b"\0" if after else start), limit)
        return [key[len(start) :] for key, _ in rows if key.startswith(start)]

    def frequency(self, names: Sequence[bytes]) -> list[int]:
        """About how often entries were read, by their names, 0 to 15; older reads count less."""
        return self.access.frequencies(names)

    def evicted(self, keys: Sequence[bytes]) -> list[Evicted | None]:
        """Of each key what is known of an entry that was evicted."""
        rows = self._database.get_many(EVICTED, [self.names.entry(key) for key in keys])
        return [None if row is None else decode(Evicted, row) for row in rows]

    def record(self, family: Family, name: bytes) -> bytes | None:
        """The value of the record that a row of `entries` or `profiles` keeps."""
        row = self._database.get(family, name)
        return None if row is None else value_of(row)

    def entry(self, key: bytes) -> bytes | None:
        """The packed `Communication` of a key. It counts as a read, also where there is none."""
        name = self.names.entry(key)
        self.access.note(name)
        row = self._database.get(ENTRIES, name)
        if row is None:
            self.misses += 1
            return None
        self.hits += 1
        return value_of(row)

    def entries(self, keys: list[bytes]) -> list[bytes | None]:
        """The packed `Communication` of each key."""
        rows = self._database.get_many(ENTRIES, [self.names.entry(key) for key in keys])
        return [None if row is None else value_of(row) for row in rows]

    def profile(self, key: bytes) -> bytes | None:
        """The packed `ToldProfile` of a key."""
        return self.record(PROFILES, self.names.person_of(key))
