"""One batch of the follower: its writings, and what the rows it touches will be; one may come several times."""

from typing import NamedTuple

from connectors.cache.entries import version_of
from connectors.cache.families import GRAVES, PERSON_BYTES, SENDS_KEPT_MS, Family
from connectors.cache.rocks import Batch
from connectors.cache.rows import Grave, OutboxRow, pack_record
from connectors.cache.store import CacheStore
from schemas.versions import Version, parts_of


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
        self._living: dict[tuple[Family, bytes], Version | None] = {}
        self._graves: dict[bytes, Grave | None] = {}
        self._erased: dict[bytes, Erased] = {}
        self.writes: Batch = store.batch()
        self.letters: list[OutboxRow] = []
        self.has_release = False

    def version(self, family: Family, name: bytes) -> Version | None:
        """The version that nothing lower may replace: of what stands there, or of the grave that guards the place."""
        living = self._version_of_living(family, name)
        if living is not None:
            return living
        grave = self._grave(name)
        return grave.version if grave and grave.is_guard else None

    def put(self, family: Family, name: bytes, key: bytes, value: bytes, version: Version) -> None:
        """Write a record over what is there. Of a grave, only when it was stays."""
        if self._version_of_living(family, name) is None:
            self._unguard(name)
        self._living[family, name] = version
        self.writes.put(family, name, pack_record(key, value))

    def bury(self, family: Family, name: bytes, version: Version, now_ms: int, *, live: bool) -> None:
        """Remove a row, let nothing older back, and have everything removed that was sent to the person."""
        erased = self._erasure(self._grave(name), version, now_ms, live=live)
        self._remove(family, name)
        self._set_grave(name, Grave(erased.until_ms, True, version))
        self._forget_sends(name[:PERSON_BYTES], erased)

    def drop(self, family: Family, name: bytes) -> bool:
        """Remove a row and the guard of its grave, as a tombstone says; return whether something living was there."""
        was_there = self._version_of_living(family, name) is not None
        self._remove(family, name)
        self._unguard(name)
        return was_there

    def miss(self, name: bytes, log_ms: int) -> None:
        """A person's tombstone came and no grave before it: what the grave would have done is done now."""
        self._forget_sends(name[:PERSON_BYTES], Erased(log_ms, is_new=False))

    def commit(self, now_ms: int) -> None:
        """Write everything at once."""
        if not self._erased:
            self._store.commit(self.writes, self.letters)
            return
        # No draw is under way meanwhile: it has either left the rows that are removed here, or finds the grave.
        # Mutant: no lock; then `test_a_draw_under_way_leaves_nothing_behind` fails.
        with self._store.drawing:
            for person, erased in self._erased.items():
                until_ms = max(erased.until_ms, self._store.last_drawn_ms) if erased.is_new else erased.until_ms
                self._store.erase_sends(self.writes, person, until_ms, now_ms)
            self._store.commit(self.writes, self.letters)
        self._store.purges_grew.set()

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
            self._living[family, name] = version_of(family, self._store.record(family, name))
        return self._living[family, name]

    def _remove(self, family: Family, name: bytes) -> None:
        self._living[family, name] = None
        self.writes.delete(family, name)

    def _grave(self, name: bytes) -> Grave | None:
        if name not in self._graves:
            self._graves[name] = self._store.grave(name)
        return self._graves[name]

    def _set_grave(self, name: bytes, grave: Grave) -> None:
        self._graves[name] = grave
        self.writes.put(GRAVES, name, grave.packed())

    def _unguard(self, name: bytes) -> None:
        grave = self._grave(name)
        if grave and grave.is_guard:
            self._set_grave(name, grave._replace(is_guard=False))
