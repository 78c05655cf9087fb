"""Which entries make room under a limit of bytes, and which are removed because none of their messages is valid."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from connectors.cache.families import DUE, ENTRIES
from connectors.cache.heads import head_of
from connectors.cache.meters import CacheMeters
from connectors.cache.pending import Pending
from connectors.cache.rows import NUMBER_BYTES, unpack_number, value_of
from connectors.cache.store import CacheStore
from schemas.ids import ReleaseId, WorkspaceId

SPACE = "space"
OUTDATED = "release"
ENDED = "validity"
UNREAD = "unread"
"""Never let in: there was no room, and nobody had asked for it."""
SAMPLE_FACTOR = 5
"""Bytes looked at for each byte that must go: of so many entries the least valuable goes."""
SLACK = 256
"""With the bytes that must go, this part of the limit goes too, so that the next batch finds room."""
STEP_BYTES = 8 * 1024 * 1024
"""Under a limit that was lowered, so much goes with each batch beside what the batch brings: all at once, with its
sample, would not fit into memory."""
SCAN_ROWS = 256
DUE_ROWS = 500
DUE_EVERY_MS = 1_000

NewestRelease = Callable[[WorkspaceId], ReleaseId | None]


class _Candidate(NamedTuple):
    """An entry that could go, ordered by what it is worth: one of an older release less than another read as often."""

    worth: tuple[int, bool, int, bool]
    name: bytes
    why: str


class Evictor:
    """Keeps the entries within a limit, in the batches of the follower, by whose thread alone it is called.

    limit_bytes  of all entries; 0: none
    newest       the id of a workspace's newest release
    """

    def __init__(self, store: CacheStore, meters: CacheMeters, newest: NewestRelease, limit_bytes: int = 0) -> None:
        self._store = store
        self._meters = meters
        self._newest = newest
        self._limit = limit_bytes
        self._hand = b""
        self._ended_ms = 0

    def end(self, pending: Pending, now_ms: int) -> None:
        """Remove entries of which no message is valid any more, a bounded number at once."""
        if now_ms - self._ended_ms < DUE_EVERY_MS:
            return
        rows = self._store.scan_rows(DUE, b"", DUE_ROWS)
        due = [key[NUMBER_BYTES:] for key, _ in rows if unpack_number(key) <= now_ms]
        if len(due) < DUE_ROWS:
            self._ended_ms = now_ms
        for name in due:
            # What this batch brings instead may be valid.
            if not pending.touches(name):
                self._evict(pending, name, ENDED)

    def make_room(self, pending: Pending) -> None:
        """Have the batch leave no more bytes than the limit.

        What nobody asks for does not come in; for the rest the least valuable of a sample goes. A hand goes round all
        entries and takes its sample where it stands: names are hashes, so any row of neighbours is one of chance.
        """
        if not self._limit or pending.live.size <= self._limit:
            return
        fresh = pending.fresh()
        wanted: list[_Candidate] = []
        for name, worth in zip(fresh, self._store.access.worths(fresh), strict=True):
            if worth:
                wanted.append(self._candidate(name, pending.entry_row(name) or b"", worth, is_stored=False))
            elif pending.live.size > self._limit:
                self._evict(pending, name, UNREAD)
        if pending.live.size > self._limit:
            self._evict_least(pending, wanted)

    def _evict_least(self, pending: Pending, wanted: Sequence[_Candidate]) -> None:
        # Mutant: all of it at once; then `test_a_limit_that_was_lowered_is_reached_step_by_step` fails.
        limit = max(self._limit, self._store.live.size - STEP_BYTES)
        goal = max(self._limit - self._limit // SLACK, self._store.live.size - STEP_BYTES)
        pool = [*wanted, *self._sample(pending, SAMPLE_FACTOR * (pending.live.size - goal))]
        for one in sorted(pool):
            if pending.live.size <= goal:
                return
            self._evict(pending, one.name, one.why)
        # A sample that was not enough held all there was, but for what this batch changed.
        for name in pending.brought():
            if pending.live.size > limit:
                self._evict(pending, name, SPACE)

    def _sample(self, pending: Pending, size: int) -> list[_Candidate]:
        """Entries of so many bytes at least, from where the hand stands; all that there are where they are fewer."""
        rows: list[tuple[bytes, bytes]] = []
        found, turns = 0, 0
        while found < size and turns < 2:
            scanned = self._store.scan_rows(ENTRIES, self._hand, SCAN_ROWS)
            turns += len(scanned) < SCAN_ROWS
            self._hand = scanned[-1][0] if len(scanned) == SCAN_ROWS else b""
            kept = [row for row in scanned if not pending.touches(row[0])]
            rows += kept
            found += sum(len(name) + len(row) for name, row in kept)
        distinct = dict(rows)
        worths = self._store.access.worths([*distinct])
        return [
            self._candidate(name, row, worth, is_stored=True)
            for (name, row), worth in zip(distinct.items(), worths, strict=True)
        ]

    def _candidate(self, name: bytes, row: bytes, worth: int, *, is_stored: bool) -> _Candidate:
        decision = head_of(value_of(row)).decision
        is_newest = decision is None or decision.release == self._newest(decision.workspace)
        times, last = divmod(worth, 256)
        return _Candidate((times, is_newest, last, is_stored), name, SPACE if is_newest else OUTDATED)

    def _evict(self, pending: Pending, name: bytes, why: str) -> None:
        pending.evict(name, why)
        self._meters.evictions.labels(why).inc()
