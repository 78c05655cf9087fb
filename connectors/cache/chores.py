"""What the follower does beside following, a little at a time: unused releases go, and reads are kept count of."""

from connectors.cache.families import ENTRIES, RECORDS, RELEASES, SERVED
from connectors.cache.heads import head_of
from connectors.cache.meters import CacheMeters
from connectors.cache.releases import Releases
from connectors.cache.rows import Served, value_of
from connectors.cache.store import CacheStore
from schemas.codec import decode
from schemas.ids import ReleaseId, WorkspaceId
from schemas.keys import split_key
from schemas.sending import SendRecord

SWEEP_ROWS = 250
"""Rows looked at in one step of the follower: half a millisecond."""
ROUND_MS = 6 * 3_600_000
"""From one round of the sweep to the next. What the job still makes with a release arrives within it."""
KEEP_EVERY_MS = 600_000
_USERS = (ENTRIES, SERVED, RECORDS)
"""Families whose rows were made with a release, those first that others are made from."""


class Chores:
    """Called by the follower's thread alone.

    A round looks at every entry, draw and send for the release that it was made with; what is written meanwhile tells
    its own. At its end releases go that were of the past already when it began, and that nothing was made with.
    """

    def __init__(self, store: CacheStore, releases: Releases, meters: CacheMeters) -> None:
        self._store = store
        self._releases = releases
        self._meters = meters
        self._kept_ms = self._began_ms = 0
        self._hand = b""
        self._left = [*_USERS]
        self._used: set[ReleaseId] = set()
        self._past: set[tuple[WorkspaceId, ReleaseId]] = set()
        self._counted = (0, 0)

    def uses(self, release: ReleaseId) -> None:
        """An entry was written that was made with a release."""
        self._used.add(release)

    def do(self, now_ms: int) -> None:
        """Go on with everything."""
        self._count_reads()
        if not self._began_ms:
            self._kept_ms = now_ms
            self._begin(now_ms)
        if now_ms - self._kept_ms >= KEEP_EVERY_MS:
            self._kept_ms = now_ms
            self._store.keep_reads()
        if self._left:
            self._look()
        elif now_ms - self._began_ms >= ROUND_MS:
            self._drop()
            self._begin(now_ms)

    def _count_reads(self) -> None:
        hits, misses = self._store.hits, self._store.misses
        for outcome, added in (("hit", hits - self._counted[0]), ("miss", misses - self._counted[1])):
            if added:
                self._meters.reads.labels(outcome).inc(added)
        self._counted = (hits, misses)

    def _begin(self, now_ms: int) -> None:
        self._began_ms = now_ms
        self._used.clear()
        rows = [split_key(key, 2) for key, _ in self._store.scan_rows(RELEASES, b"", SWEEP_ROWS) if b"|" in key]
        found = {(WorkspaceId(workspace), ReleaseId(release)) for workspace, release in rows}
        self._past = {one for one in found if one[1] != self._releases.newest_id(one[0])}
        self._hand, self._left = b"", [*_USERS] if self._past else []

    def _look(self) -> None:
        family = self._left[0]
        rows = self._store.scan_rows(family, self._hand, SWEEP_ROWS)
        for _, row in rows:
            if family is SERVED:
                self._used.add(decode(Served, row).release)
                continue
            if family is RECORDS:
                # Mutant: do not look here; then `test_what_was_sent_is_made_again_after_many_releases` fails.
                self._used.add(decode(SendRecord, value_of(row)).release)
                continue
            decision = head_of(value_of(row)).decision
            if decision is not None:
                self._used.add(decision.release)
        self._hand = rows[-1][0] if rows else b""
        if len(rows) < SWEEP_ROWS:
            self._hand = b""
            # Entries first: a send drawn meanwhile was drawn from an entry that was looked at, or told its own.
            self._left.pop(0)

    def _drop(self) -> None:
        gone = [one for one in self._past if one[1] not in self._used and one[1] != self._releases.newest_id(one[0])]
        if gone:
            self._store.drop_releases(gone)
            self._releases.forget(gone)
            self._meters.releases_dropped.inc(len(gone))
