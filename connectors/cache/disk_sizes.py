"""How much of the disk a cache takes, and how much is left."""

import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

LOOK_EVERY_S = 5.0
"""A cache has thousands of files: they are not counted three times for one scrape."""


class DiskSizes:
    """Sizes of a folder and of its disk, looked at when they are asked for, now and then.

    used_bytes  of the folder's files, with copies and what was moved aside
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._looked_s = -LOOK_EVERY_S
        self._sizes = (0, 0, 0)

    @property
    def used_bytes(self) -> int:
        """Of the folder's files."""
        return self._looked()[0]

    @property
    def free_bytes(self) -> int:
        """Of the disk, for whoever is not its administrator."""
        return self._looked()[1]

    @property
    def size_bytes(self) -> int:
        """Of the disk."""
        return self._looked()[2]

    def _looked(self) -> tuple[int, int, int]:
        with self._lock:
            if time.monotonic() - self._looked_s >= LOOK_EVERY_S:
                disk = shutil.disk_usage(self._folder)
                self._sizes = (_bytes_in(self._folder), disk.free, disk.total)
                self._looked_s = time.monotonic()
            return self._sizes


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            # RocksDB removes files while we look.
            with suppress(FileNotFoundError):
                total += Path(place, name).stat().st_size
    return total
