"""One batch of the follower: its writings, and what the rows it touches will be; one may come several times."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from connectors.cache.arriving import Arrival
from connectors.cache.derived import DerivedRow, derived_of, derived_rows
from connectors.cache.entries import version_of
from connectors.cache.families import ENTRIES, EVICTED, GRAVES, PERSON_BYTES, SENDS_KEPT_MS, Family
from connectors.cache.heads import head_of
from connectors.cache.rocks import Batch
from connectors.cache.rows import Evicted, Grave, Live, OutboxRow, pack_record, value_of
from connectors.cache.store import CacheStore
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.ids import Locale
from schemas.versions import Version, parts_of

_OF_ENTRIES = (ENTRIES, GRAVES, EVICTED)
"""Families whose keys are names of entries."""


class Erased(NamedTuple):
    """A person of whom a batch removes everything.

    until_ms  sends from then and before are removed
    is_new    this cache hears of it for the first time: all sends so far are from before
    """

    until_ms: int
    is_new: bool


class Pending:
    """Writings that are yet to be committed."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._rows: dict[tuple[Family, bytes], bytes | None] = {}
        self._blank: set[bytes] = set()
        self._added = [0, 0]
        self._living: dict[tuple[Family, bytes], Version | None] = {}
        self._changed: dict[bytes, bytes | None] = {}
        self._derived: dict[bytes, Sequence[DerivedRow]] = {}
        self._graves: dict[bytes, Grave | None] = {}
        self._markers: dict[bytes, Evicted | None] = {}
        self._erased: dict[bytes, Erased] = {}
        self._under_lock: list[Callable[[Batch], None]] = []
        self.writes: Batch = store.batch()
        self.letters: list[OutboxRow] = []
        self.has_release = False
        self.is_empty = True

    @property
    def live(self) -> Live:
        """How many entries there will be, and their bytes."""
        standing = self._store.live
        return Live(standing.entries + self._added[0], standing.size + self._added[1])

    def expect(self, names: Sequence[bytes]) -> None:
        """Read at once what stands where entries will be written: a third of the time that one by one takes.

        In a rebuild there are neither graves nor evicted entries, and they are not looked for.
        """
        found = {family: self._store.rows(family, names) for family in _OF_ENTRIES if self._store.has_rows(family)}
        self._blank.update(names)
        for rows in found.values():
            self._blank.difference_update([name for name, row in zip(names, rows, strict=True) if row is not None])
        for family in _OF_ENTRIES:
            rows = found.get(family, [None] * len(names))
            pairs = zip(names, rows, strict=True)
            self._rows.update({(family, name): row for name, row in pairs if name not in self._blank})

    def version(self, family: Family, name: bytes) -> Version | None:
        """The version that nothing lower may replace: of what stands there, or of what tells of what stood there."""
        if name in self._blank and name not in self._changed:
            return None
        living = self._version_of_living(family, name)
        if living is not None:
            return living
        marker = self._marker(name) if family is ENTRIES else None
        if marker is not None:
            return marker.version
        grave = self._grave(name)
        return grave.version if grave and grave.is_guard else None

    def put(self, family: Family, name: bytes, key: bytes, value: bytes, version: Version) -> None:
        """Write a record over what is there. Of a grave, only when it was stays."""
        if self._version_of_living(family, name) is None:
            self._unguard(name)
        self._set(family, name, pack_record(key, value))
        self._living[family, name] = version

    def put_entry(self, name: bytes, key: bytes, value: bytes, found: Arrival) -> None:
        """Write an entry, and at the commit what is derived of it."""
        if name in self._blank and name not in self._changed:
            # As nearly all are in a rebuild.
            row = self._changed[name] = pack_record(key, value)
            self._added[0] += 1
            self._added[1] += len(name) + len(row)
            self.is_empty = False
        else:
            self.put(ENTRIES, name, key, value, found.version)
        rows = derived_rows(self._store.names, name, found.items, found.ends_ms) if found.items or found.ends_ms else ()
        if rows or name in self._derived:
            self._derived[name] = rows

    def bury(self, family: Family, name: bytes, version: Version, now_ms: int, *, live: bool) -> None:
        """Remove a row, let nothing older back, and have everything removed that was sent to the person."""
        erased = self._erasure(self._grave(name), version, now_ms, live=live)
        self._set(family, name, None)
        self._set_grave(name, Grave(erased.until_ms, True, version))
        self._forget_sends(name[:PERSON_BYTES], erased)

    def drop(self, family: Family, name: bytes) -> bool:
        """Remove a row and the guard of its grave, as a tombstone says; return whether something living was there."""
        was_there = self._version_of_living(family, name) is not None
        self._set(family, name, None)
        self._unguard(name)
        return was_there

    def evict(self, name: bytes, why: str) -> None:
        """Remove an entry for a while: that there is one, and its version, stays known."""
        row = self.entry_row(name)
        if row is None:
            return
        head = head_of(value_of(row))
        self._set(ENTRIES, name, None)
        locale = head.decision.locale if head.decision else Locale("")
        self._markers[name] = marker = Evicted(head.version, locale, why)
        self.is_empty = False
        self.writes.put(EVICTED, name, encode(marker))

    def entry_row(self, name: bytes) -> bytes | None:
        """What stands in `entries` after this batch."""
        return self._changed[name] if name in self._changed else self._row(ENTRIES, name)

    def fresh(self) -> list[bytes]:
        """Names of entries that this batch brings and that were not there before."""
        return [name for name in self.brought() if self._row(ENTRIES, name) is None]

    def brought(self) -> list[bytes]:
        """Names of the entries that this batch writes."""
        return [name for name, row in self._changed.items() if row is not None]

    def touches(self, name: bytes) -> bool:
        """Whether this batch changes an entry."""
        return name in self._changed

    def under_lock(self, write: Callable[[Batch], None]) -> None:
        """Have something written that must not happen between a grant's look and its row."""
        self.is_empty = False
        self._under_lock.append(write)

    def miss(self, name: bytes, log_ms: int) -> None:
        """A person's tombstone came and no grave before it: what the grave would have done is done now."""
        self._forget_sends(name[:PERSON_BYTES], Erased(log_ms, is_new=False))

    def commit(self, now_ms: int, *, logged: bool = True) -> None:
        """Write everything at once. Not logged: `CacheStore.flush` must come before it counts."""
        self._write_entries()
        if not self._erased and not self._under_lock:
            self._store.commit_followed(self.writes, self.letters, self.live, logged=logged)
            return
        # No draw is under way meanwhile: it has either left the rows that are removed here, or finds the grave.
        # Mutant: no lock; then `test_a_draw_under_way_leaves_nothing_behind` fails.
        with self._store.drawing:
            for person, erased in self._erased.items():
                until_ms = max(erased.until_ms, self._store.last_drawn_ms) if erased.is_new else erased.until_ms
                self._store.erase_sends(self.writes, person, until_ms, now_ms)
            for write in self._under_lock:
                write(self.writes)
            self._store.commit_followed(self.writes, self.letters, self.live, logged=logged)
        if self._erased:
            self._store.purges_grew.set()

    def _write_entries(self) -> None:
        new = {name: row for name, row in self._changed.items() if row is not None and name in self._blank}
        self.writes.put_all(ENTRIES, new.items())
        for name, rows in self._derived.items():
            if name in new:
                for family, key in rows:
                    self.writes.put(family, key, b"")
        for name, row in self._changed.items():
            if name not in new:
                self._write_entry(name, row)

    def _write_entry(self, name: bytes, row: bytes | None) -> None:
        """Write or remove an entry, and what is derived of it."""
        before = self._row(ENTRIES, name)
        new = self._derived.get(name, ()) if row is not None else ()
        old = self._derived_before(name, before) if before is not None else ()
        for family, key in old:
            if (family, key) not in new:
                self.writes.delete(family, key)
        for family, key in new:
            self.writes.put(family, key, b"")
        if row is not None:
            self.writes.put(ENTRIES, name, row)
        elif before is not None:
            self.writes.delete(ENTRIES, name)

    def _derived_before(self, name: bytes, row: bytes) -> list[DerivedRow]:
        return derived_of(self._store.names, name, decode(Communication, value_of(row)))

    def _erasure(self, known: Grave | None, version: Version, now_ms: int, *, live: bool) -> Erased:
        if known and known.version >= version:
            # Read once more, after a rebuild: what was sent to the user's new life stays.
            return Erased(known.erased_ms, is_new=False)
        log_ms = parts_of(version)[0].log_ms
        if not live and now_ms - log_ms > SENDS_KEPT_MS:
            # Read while it catches up, and long known: what was sent since is of a new life.
            return Erased(log_ms, is_new=False)
        return Erased(max(log_ms, now_ms), is_new=True)

    def _forget_sends(self, person: bytes, erased: Erased) -> None:
        before = self._erased.get(person, erased)
        self._erased[person] = Erased(max(before.until_ms, erased.until_ms), before.is_new or erased.is_new)

    def _version_of_living(self, family: Family, name: bytes) -> Version | None:
        if (family, name) not in self._living:
            row = self.entry_row(name) if family is ENTRIES else self._row(family, name)
            self._living[family, name] = None if row is None else version_of(family, value_of(row))
        return self._living[family, name]

    def _set(self, family: Family, name: bytes, row: bytes | None) -> None:
        """Have a row stand there, or nothing. Entries are written at the commit: some of them will have made room."""
        self.is_empty = False
        self._living[family, name] = None
        if family is not ENTRIES:
            if row is None:
                self.writes.delete(family, name)
            else:
                self.writes.put(family, name, row)
            return
        before = self.entry_row(name)
        changed = Live(0, 0).changed(name, before, row)
        self._added[0] += changed.entries
        self._added[1] += changed.size
        self._changed[name] = row
        if self._marker(name) is not None:
            self._markers[name] = None
            self.writes.delete(EVICTED, name)

    def _row(self, family: Family, name: bytes) -> bytes | None:
        """What stood there before this batch."""
        if name in self._blank and family in _OF_ENTRIES:
            return None
        place = (family, name)
        if place not in self._rows:
            self._rows[place] = self._store.row(family, name)
        return self._rows[place]

    def _marker(self, name: bytes) -> Evicted | None:
        if name not in self._markers:
            row = self._row(EVICTED, name)
            self._markers[name] = None if row is None else decode(Evicted, row)
        return self._markers[name]

    def _grave(self, name: bytes) -> Grave | None:
        if name not in self._graves:
            row = self._row(GRAVES, name)
            self._graves[name] = None if row is None else Grave.unpacked(row)
        return self._graves[name]

    def _set_grave(self, name: bytes, grave: Grave) -> None:
        self._graves[name] = grave
        self.is_empty = False
        self.writes.put(GRAVES, name, grave.packed())

    def _unguard(self, name: bytes) -> None:
        grave = self._grave(name)
        if grave and grave.is_guard:
            self._set_grave(name, grave._replace(is_guard=False))
