"""Drift: a model got worse than it says it is, or rates moved away from it. Not shift, which is one person's change.

Two detectors of River watch each slot (Page–Hinkley tests, Page 1954): one whether log loss is above what the told
probabilities themselves expect, one whether rewards come more or less often than told. Both see numbers of mean 0 and
deviation 1 for as long as what was told holds, so one threshold serves every rate of clicks.
"""

import math
import struct
from enum import StrEnum
from typing import Self

from river import drift

from schemas.errors import StateCorrupt

SLACK = 0.1
"""In deviations: what is worse by no more than that is borne."""
THRESHOLD = 60.0
"""Summed deviations beyond the slack: of calibrated probabilities, no alarm in a million examples (measured)."""
_SURE = 1e30
"""Examples that the mean of 0 is worth: it is known, not estimated."""
LOGIT_MAX = 10.0
NUMBER_MAX = 10.0
"""A single example counts for no more deviations."""
_FORM = struct.Struct("<4d")


class Drift(StrEnum):
    """What has drifted."""

    WORSE = "worse"
    """The order or the sureness of what was told: surprises exceed what was said of them."""
    RATE = "rate"
    """How often rewards come."""


class DriftWatch:
    """Watches one slot's told probabilities. Packed, it goes on as the living one.

    >>> watch = DriftWatch()
    >>> any(watch.see(-3.0, clicked=number % 21 == 0) for number in range(5000))
    False
    >>> next(number for number in range(5000) if watch.see(-3.0, clicked=number % 4 == 0)) < 200
    True
    """

    __slots__ = ("_detectors",)

    def __init__(self) -> None:
        self._detectors = {Drift.WORSE: _Known("up"), Drift.RATE: _Known("both")}

    def see(self, score: float, *, clicked: bool) -> list[Drift]:
        """Take in one told score (log-odds) and its reward; returns what has drifted. After that it begins anew."""
        if not math.isfinite(score):
            return []
        logit = min(max(score, -LOGIT_MAX), LOGIT_MAX)
        chance = 1.0 / (1.0 + math.exp(-logit))
        miss = (clicked - chance) / math.sqrt(chance * (1.0 - chance))
        # Log loss less its expectation is −logit · (reward − chance): its deviation is that of the miss times |logit|.
        surprise = -math.copysign(miss, miss * logit) if logit else 0.0
        numbers = {Drift.WORSE: surprise, Drift.RATE: miss}
        found = []
        for name, detector in self._detectors.items():
            detector.take(min(max(numbers[name], -NUMBER_MAX), NUMBER_MAX))
            if detector.drift_detected:
                found.append(name)
        return found

    def packed(self) -> bytes:
        """For each detector its sums and their extremes, as float64."""
        return b"".join([_FORM.pack(*detector.numbers()) for detector in self._detectors.values()])

    @classmethod
    def of(cls, packed: bytes) -> Self:
        """Read what `packed` gave; nothing gives a new one.

        Raises:
            StateCorrupt: other bytes.
        """
        watch = cls()
        if not packed:
            return watch
        expected = _FORM.size * len(watch._detectors)
        if len(packed) != expected:
            raise StateCorrupt(f"expected {expected} bytes of a drift watch, got {len(packed)}")
        for detector, numbers in zip(watch._detectors.values(), _FORM.iter_unpack(packed), strict=True):
            detector.restore(*numbers)
        return watch


class _Known(drift.PageHinkley):
    """A Page–Hinkley test of a mean that is known to be 0: estimated from few examples it would alarm by itself."""

    def __init__(self, mode: str) -> None:
        super().__init__(min_instances=1, delta=SLACK, threshold=THRESHOLD, alpha=1.0, mode=mode)

    def _reset(self) -> None:
        super()._reset()  # type: ignore[no-untyped-call]
        self._x_mean.update(0.0, _SURE)  # type: ignore[no-untyped-call]
        self._min_increase = self._max_decrease = 0

    def take(self, number: float) -> None:
        """Take in one number."""
        self.update(number)  # type: ignore[no-untyped-call]

    def numbers(self) -> tuple[float, float, float, float]:
        """What tells this test from a new one; of one that has just alarmed, a new one's."""
        if self.drift_detected:
            return (0.0, 0.0, 0.0, 0.0)
        return (self._sum_increase, self._sum_decrease, self._min_increase, self._max_decrease)

    def restore(self, *numbers: float) -> None:
        """Go on from what `numbers` told."""
        self._sum_increase, self._sum_decrease, self._min_increase, self._max_decrease = numbers  # type: ignore[assignment]
