"""Forgets what is too old, a little at a time: sends after 90 days, what counts for caps, rests that are over."""

from collections.abc import Callable

from connectors.cache.families import CAPS, LEDGER, PERSON_BYTES, RECORDS, RESTS, Family
from connectors.cache.rows import newer_than, unpack_number
from connectors.cache.store import CacheStore
from connectors.delivery.caps import CAP_DAYS_MAX
from connectors.delivery.quiet import DAY_MS

RECORDS_KEPT_MS = 90 * DAY_MS
CAPS_KEPT_MS = (CAP_DAYS_MAX + 2) * DAY_MS
SWEEP_ROWS = 100
"""Rows looked at in one step: a fraction of a millisecond."""
_FAMILIES = (LEDGER, CAPS, RESTS)


class Sweeper:
    """Goes round and round, from where it was."""

    def __init__(self, store: CacheStore, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._family = 0
        self._after = b""

    def step(self) -> int:
        """Look at the next rows; return how many were too old."""
        family, now_ms = _FAMILIES[self._family], self._clock_ms()
        rows = self._store.scan_rows(family, self._after, SWEEP_ROWS)
        old = [key for key, row in rows if _is_old(family, row, now_ms)]
        if old:
            self._remove(family, old, now_ms)
        self._after = rows[-1][0] if len(rows) == SWEEP_ROWS else b""
        if not self._after:
            self._family = (self._family + 1) % len(_FAMILIES)
        return len(old)

    def _remove(self, family: Family, keys: list[bytes], now_ms: int) -> None:
        """Under the lock each is looked at once more: what was written meanwhile stays."""
        with self._store.drawing:
            batch = self._store.batch()
            for key, row in zip(keys, self._store.rows(family, keys), strict=True):
                if row is None or not _is_old(family, row, now_ms):
                    continue
                batch.delete(family, key)
                if family is LEDGER:
                    batch.delete(RECORDS, row + key)
            self._store.commit(batch)


def _is_old(family: Family, row: bytes, now_ms: int) -> bool:
    if family is LEDGER:
        return unpack_number(row[PERSON_BYTES:]) < now_ms - RECORDS_KEPT_MS
    if family is CAPS:
        return not newer_than(now_ms - CAPS_KEPT_MS, row)
    return unpack_number(row) < now_ms
