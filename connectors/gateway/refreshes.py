"""Asks the job to render again what should be in the cache and is not: once a minute at most for each key."""

REFRESH_EVERY_MS = 60_000
KEYS_MAX = 100_000
"""Keys remembered in each of two generations; beyond it no refresh is asked for until the next minute."""


class RefreshLimit:
    """Remembers when a refresh was asked for, in bounded memory."""

    def __init__(self) -> None:
        self._newer: dict[bytes, int] = {}
        self._older: dict[bytes, int] = {}
        self._turned_ms = 0

    def allows(self, key: bytes, now_ms: int) -> bool:
        """Whether a refresh may be asked for now; if so, it counts as asked for."""
        if now_ms - self._turned_ms >= REFRESH_EVERY_MS:
            self._older, self._newer, self._turned_ms = self._newer, {}, now_ms
        last_ms = self._newer.get(key, self._older.get(key))
        if last_ms is not None and now_ms - last_ms < REFRESH_EVERY_MS:
            return False
        if len(self._newer) >= KEYS_MAX:
            return False
        self._newer[key] = now_ms
        return True
