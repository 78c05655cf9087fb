"""Looks after a cache that is served from: whether its files are there and whole, and who wants a copy of them."""

import threading
from collections.abc import Callable
from pathlib import Path

from connectors.cache.backups import answer_request, remove_left
from connectors.cache.quarantine import remove_old
from connectors.cache.store import CacheStore

EVERY_S = 1.0
MARK_EVERY_MS = 60_000


class Watch:
    """Watches in a thread of its own. What it raises ends the node's run."""

    def __init__(self, store: CacheStore, folder: Path, *, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._folder = folder
        self._clock_ms = clock_ms
        self._marked_ms = 0

    def run(self, stopping: threading.Event) -> None:
        """Watch until told to stop.

        Raises:
            StateCorrupt: files are damaged or gone.
        """
        while not stopping.wait(EVERY_S):
            self.look()

    def look(self) -> None:
        """Look once.

        Raises:
            StateCorrupt: files are damaged or gone.
        """
        self._store.require_whole()
        now_ms = self._clock_ms()
        if now_ms - self._marked_ms >= MARK_EVERY_MS:
            self._marked_ms = now_ms
            self._store.mark()
            remove_old(self._folder, now_ms)
            remove_left(self._folder)
        answer_request(self._store, self._folder, now_ms)
