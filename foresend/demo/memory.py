"""The memory of this process and all that it started, and whether it grows."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression

SAMPLES_MAX = 720
SLOPE_SPAN_MIN_S = 60.0
"""Over a shorter time nothing can be said: programs fill what they reserve, and collect garbage when they like."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PARENT = 1
"""Place of the parent's pid behind a program's name in /proc/PID/stat."""


def resident_mb(root: int) -> float:
    """Resident memory of a process and everything below it, in MB; pages that two of them share count twice."""
    children = defaultdict(list)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            children[_parent_of(int(folder.name))].append(int(folder.name))
    pages, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        pages += _resident_pages(pid)
        waiting += children[pid]
    return pages * _PAGE / 1e6


class MemoryTrack:
    """Samples of memory over time, evenly thinned out as they grow many."""

    def __init__(self, samples_max: int = SAMPLES_MAX) -> None:
        self._samples_max = samples_max
        self._samples: list[tuple[float, float]] = []
        self._every = 1
        self._seen = 0
        self.last_mb: float | None = None

    def add(self, at_s: float, mb: float) -> None:
        """Note one sample."""
        self.last_mb = mb
        if self._seen % self._every == 0:
            self._samples.append((at_s, mb))
        self._seen += 1
        if len(self._samples) > self._samples_max:
            self._samples = self._samples[::2]
            self._every *= 2

    def slope_mb_per_min(self) -> float | None:
        """How fast it grows, over the newer half of the time: in the older, programs still fill what they reserve."""
        if not self._samples:
            return None
        begun_s, now_s = self._samples[0][0], self._samples[-1][0]
        newer = [sample for sample in self._samples if sample[0] >= (begun_s + now_s) / 2]
        return slope_mb_per_min(newer)


def slope_mb_per_min(samples: Sequence[tuple[float, float]]) -> float | None:
    """The slope of the line through samples `(seconds, MB)`, by least squares; None over too short a time.

    >>> slope_mb_per_min([(0.0, 100.0), (30.0, 101.0), (60.0, 102.0), (90.0, 103.0)])
    2.0
    """
    if not samples or samples[-1][0] - samples[0][0] < SLOPE_SPAN_MIN_S:
        return None
    return linear_regression([at_s for at_s, _ in samples], [mb for _, mb in samples]).slope * 60


def _parent_of(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    # The program's name, in brackets, may itself hold spaces and brackets.
    return int(stat.rpartition(")")[2].split()[_PARENT])


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
