"""Percentiles of a stream of durations, of all of it and of its last minute, in memory that does not grow."""

import math
from collections import Counter, deque
from collections.abc import Sequence

WINDOW_S = 60.0
WINDOW_MAX = 10_000
"""Durations kept of the last minute; more of them push out the oldest."""
STEP = 1.02
"""Of all that was ever seen only buckets are kept, each 2 % wider than the one before: so exact are percentiles."""
SHORTEST_S = 1e-6


class Latencies:
    """Durations in seconds, each with the moment when it was measured."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._newest: deque[tuple[float, float]] = deque(maxlen=WINDOW_MAX)
        self._buckets: Counter[int] = Counter()
        self.count = 0

    def add(self, duration_s: float, now_s: float) -> None:
        """Note one duration."""
        self.count += 1
        self._newest.append((now_s, duration_s))
        # A bucket for each 2 %, from microseconds to hours, is about a thousand numbers.
        self._buckets[round(math.log(max(duration_s, SHORTEST_S), STEP))] += 1

    def lately(self, share: float, now_s: float) -> float | None:
        """The duration that this share of those in the window did not exceed; None where there are none."""
        while self._newest and self._newest[0][0] < now_s - self._window_s:
            self._newest.popleft()
        return percentile(sorted(duration for _, duration in self._newest), share)

    def overall(self, share: float) -> float | None:
        """The same of all that was ever seen, to 1 %."""
        wanted = max(1, math.ceil(share * self.count))
        for bucket in sorted(self._buckets):
            wanted -= self._buckets[bucket]
            if wanted <= 0:
                return float(STEP**bucket)
        return None


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest of the ordered values that this share does not exceed; None of nothing.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5), percentile([1.0, 2.0], 0.99), percentile([], 0.5)
    (2.0, 2.0, None)
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
