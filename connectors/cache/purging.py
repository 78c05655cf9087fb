"""The purge: what was removed of erased users leaves RocksDB's files, too, within seconds of their graves."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from connectors.cache.families import CAPS, ENTRIES, OUTBOX, PROFILES, RECORDS, SERVED, Family
from connectors.cache.meters import CacheMeters
from connectors.cache.quarantine import remove_all
from connectors.cache.rows import unpack_number
from connectors.cache.store import EVERYBODY, CacheStore

GATHER_S = 0.2
"""Graves of one person, and of several, come together; and the outbox drains meanwhile what was drawn before."""
EVERY_S = 1.0
"""At most one purge in this time: each begins with a flush of all families, and makes small files."""
RANGES_MAX = 32
"""For more persons at once, writing whole families anew takes less than a range for each."""
STEP_BYTES = 512 * 1024 * 1024
"""About how much is written anew before the next look whether to stop."""
_LAST = b"\xff" * 64
"""Sorts after all that follows a person's name, and after all keys."""

_Asked = tuple[bytes, bytes]
"""A row of `purges`: whose, and which asking for it."""


class Purger:
    """Purges in a thread of its own.

    A removed row is gone for readers at once, and in the files only once they were written anew: from memory into a
    table, so that the log file goes; then the tables that held it. What is still to be purged is a row itself
    (`purges`), so that a killed node goes on after its next start.

    may_rest  whether everything may be written anew, which takes long where the cache is large
    """

    def __init__(
        self, store: CacheStore, meters: CacheMeters, *, may_rest: Callable[[], bool], clock_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._meters = meters
        self._may_rest = may_rest
        self._clock_ms = clock_ms
        self._marks: dict[_Asked, int] = {}
        self._rows_gone: set[_Asked] = set()

    @property
    def open_since_ms(self) -> dict[bytes, int]:
        """By person whose erasure is not done here, when it was asked for first."""
        asked = sorted(((unpack_number(row), person) for person, row in tuple(self._marks)), reverse=True)
        return {person: at_ms for at_ms, person in asked if person != EVERYBODY}

    @property
    def oldest_s(self) -> float:
        """For how long the oldest of them has been waiting; 0: none is."""
        now_ms = self._clock_ms()
        return max(0, now_ms - min(self.open_since_ms.values(), default=now_ms)) / 1000

    def run(self, stopping: threading.Event) -> None:
        """Purge until told to stop; a purge that is under way then is done again after the next start."""
        while not stopping.is_set():
            self._store.purges_grew.wait(EVERY_S)
            self._store.purges_grew.clear()
            self.note()
            if self._marks:
                stopping.wait(GATHER_S)
                started = time.monotonic()
                self.purge(stopping)
                stopping.wait(max(0.0, EVERY_S - (time.monotonic() - started)))

    def note(self) -> None:
        """See what was asked for; of each, what the outbox held by then."""
        end = self._store.outbox_bounds[1]
        for asked in self._store.purges().items():
            self._marks.setdefault(asked, end)

    def purge(self, stopping: threading.Event) -> int:
        """Purge what was noted; return how many persons no byte is left of.

        Of those whose records the outbox still holds, the rest is purged, and they are looked at again.
        """
        noted = [asked for asked in self._marks if asked[0] != EVERYBODY or self._may_rest()]
        fresh = [asked for asked in noted if asked not in self._rows_gone]
        drained = [asked for asked in noted if self._marks[asked] <= self._store.outbox_bounds[0]]
        if not fresh and not drained:
            return 0
        # Mutant: no flush; then `test_no_byte_of_an_erased_person_stays_in_the_files` finds the log file.
        self._store.flush()
        for family, start, end in self._ranges([person for person, _ in fresh]):
            if stopping.is_set():
                return 0
            self._store.compact(family, start, end)
        self._rows_gone.update(fresh)
        if not drained:
            return 0
        if any(person != EVERYBODY for person, _ in drained):
            remove_all(self._store.folder)
        # It holds little, once it is drained.
        self._store.compact(OUTBOX, b"", _LAST)
        return self._finish(drained)

    def _ranges(self, persons: Sequence[bytes]) -> Iterator[tuple[Family, bytes, bytes]]:
        for family in (ENTRIES, PROFILES, SERVED, RECORDS, CAPS):
            if EVERYBODY in persons or len(persons) > RANGES_MAX:
                steps = min(256, 1 + self._store.bytes_of(family) // STEP_BYTES)
                edges = [bytes((256 * step // steps,)) for step in range(steps)]
                yield from ((family, start, end) for start, end in zip(edges, [*edges[1:], _LAST], strict=True))
            else:
                yield from ((family, person, person + _LAST) for person in sorted(set(persons)))

    def _finish(self, drained: Sequence[_Asked]) -> int:
        self._store.purged(drained)
        for asked in drained:
            del self._marks[asked]
            self._rows_gone.discard(asked)
        asked_ms = [unpack_number(row) for person, row in drained if person != EVERYBODY]
        if asked_ms:
            self._meters.erasures.inc(len({person for person, _ in drained if person != EVERYBODY}))
            self._meters.erasure_s.set((self._clock_ms() - min(asked_ms)) / 1000)
        return len(asked_ms)
