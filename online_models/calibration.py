"""Calibration: how far told probabilities are from what happens, and a slow line that brings them nearer."""

import math
import struct
from typing import Self

from schemas.errors import StateCorrupt

BINS = 10
"""Of scores in log-odds, one wide each: the lowest below −4, the highest from 4 on. Rates of clicks are small: bins of
equal width in probability would hold all of them in one."""
HALF_LIFE = 5_000
"""Examples after which what was seen counts half."""
VARIANCE = 0.01
"""Prior variance of slope − 1 and of the offset: it takes hundreds of examples to move them."""
DRIFT = 1e-4
"""Part of the way back to the prior variance that each example goes: what once was learnt is slowly doubted."""
SLOPE_RANGE = (0.2, 5.0)
OFFSET_MAX = 5.0
VARIANCE_SLACK = 1.5
"""No variance is wider than the one it began with, but for rounding."""
SCORE_MAX = 30.0
"""Log-odds beyond which a score is taken for this much."""
_KEEP = 0.5 ** (1.0 / HALF_LIFE)
_FORM = struct.Struct(f"<5dI{3 * BINS}d")


class Calibration:
    """A line from a score in log-odds to a better one, learnt online, and bins that say how good scores were.

    The line is a Gaussian over (offset, slope − 1), updated by one Newton step for each example; after each its
    variance goes back by `DRIFT`. Platt scaling (Platt 1999), made online.

    mean, variance  of the line: (offset, slope − 1); their variances with the covariance between them
    sums            for each bin its decayed examples, the probabilities told, and the rewards
    resets          how often the line ran away and started again

    >>> calibration = Calibration()
    >>> for n in range(2000):
    ...     calibration.learn(0.0, clicked=n % 5 == 0, told=-1.386)
    >>> calibration.line[1] < -0.9, round(calibration.error(), 2)
    (True, 0.0)
    """

    __slots__ = ("mean", "resets", "sums", "variance")

    def __init__(self) -> None:
        self.mean = (0.0, 0.0)
        self.variance = (VARIANCE, 0.0, VARIANCE)
        self.sums = [0.0] * (3 * BINS)
        self.resets = 0

    @property
    def line(self) -> tuple[float, float]:
        """The slope and the offset: the better score is slope × score + offset."""
        offset, excess = self.mean
        return (
            min(max(1.0 + excess, SLOPE_RANGE[0]), SLOPE_RANGE[1]),
            min(max(offset, -OFFSET_MAX), OFFSET_MAX),
        )

    def learn(self, score: float, *, clicked: bool, told: float) -> None:
        """Learn from one example: its uncorrected score in log-odds, and what came of it. Some 5 µs.

        told  the score that the decision told, which is counted

        A score that is not finite teaches nothing. A line that is not finite starts again, and is counted.
        """
        if not (math.isfinite(score) and math.isfinite(told)):
            return
        self.count(told, clicked=clicked)
        score = min(max(score, -SCORE_MAX), SCORE_MAX)
        offset, excess = self.mean
        chance = probability(offset + (1.0 + excess) * score)
        first, both, second = self.variance
        gain = (first + both * score, both + second * score)
        curvature = chance * (1.0 - chance)
        scale = 1.0 / (1.0 + curvature * (gain[0] + gain[1] * score))
        step = (clicked - chance) * scale
        self.mean = (offset + gain[0] * step, excess + gain[1] * step)
        shrink = curvature * scale
        self.variance = (
            (first - gain[0] * gain[0] * shrink) * (1.0 - DRIFT) + DRIFT * VARIANCE,
            (both - gain[0] * gain[1] * shrink) * (1.0 - DRIFT),
            (second - gain[1] * gain[1] * shrink) * (1.0 - DRIFT) + DRIFT * VARIANCE,
        )
        self._check()

    def restart(self) -> None:
        """Forget everything but how often that was so."""
        self.mean, self.variance, self.sums = (0.0, 0.0), (VARIANCE, 0.0, VARIANCE), [0.0] * (3 * BINS)

    def error(self) -> float:
        """The expected calibration error of what decisions told; 0 before the first example.

        Over the bins the mean distance of what was expected from what came, weighted by examples (Naeini 2015).
        """
        whole = sum(self.sums[::3])
        if not whole:
            return 0.0
        return sum([abs(self.sums[3 * n + 1] - self.sums[3 * n + 2]) for n in range(BINS)]) / whole

    def bins(self) -> list[tuple[float, float, float]]:
        """Of each bin the decayed examples, the mean probability told, and the share that was rewarded."""
        parts = [self.sums[3 * n : 3 * n + 3] for n in range(BINS)]
        return [(count, told / count, came / count) if count else (0.0, 0.0, 0.0) for count, told, came in parts]

    def merge(self, other: "Calibration") -> None:
        """Add what another saw: bins exactly. Of the lines the surer one stays, for both corrected the same scores."""
        self.sums = [mine + others for mine, others in zip(self.sums, other.sums, strict=True)]
        self.resets += other.resets
        if (sum(other.variance[::2]), other.mean) < (sum(self.variance[::2]), self.mean):
            self.mean, self.variance = other.mean, other.variance

    def packed(self) -> bytes:
        """What is to be stored."""
        return _FORM.pack(*self.mean, *self.variance, self.resets, *self.sums)

    @classmethod
    def of(cls, packed: bytes) -> Self:
        """Read what `packed` gave; nothing gives a new one.

        Raises:
            StateCorrupt: other bytes.
        """
        made = cls()
        if packed:
            if len(packed) != PACKED_BYTES:
                raise StateCorrupt(f"expected a calibration of {PACKED_BYTES} bytes, got {len(packed)}")
            found = _FORM.unpack(packed)
            made.mean, made.variance, made.resets, made.sums = found[:2], found[2:5], found[5], list(found[6:])
        return made

    def count(self, told: float, *, clicked: bool) -> None:
        """Take note of a score that was told, in log-odds, and of what came; the line stays as it is.

        One that is not finite tells nothing.
        """
        if not math.isfinite(told):
            return
        bins = self.sums = [value * _KEEP for value in self.sums]
        place = 3 * math.floor(min(max(told + BINS // 2, 0.0), BINS - 1.0))
        bins[place] += 1.0
        bins[place + 1] += probability(told)
        bins[place + 2] += clicked

    def _check(self) -> None:
        """Start the line again where it ran away."""
        first, _, second = self.variance
        if (
            all(map(math.isfinite, (*self.mean, *self.variance)))
            and abs(self.mean[0]) <= 4 * OFFSET_MAX
            and abs(self.mean[1]) <= 4 * SLOPE_RANGE[1]
            and min(first, second) > 0.0
            and max(first, second) <= VARIANCE_SLACK * VARIANCE
        ):
            return
        self.mean, self.variance = (0.0, 0.0), (VARIANCE, 0.0, VARIANCE)
        self.resets += 1


PACKED_BYTES = _FORM.size


def probability(logit: float) -> float:
    """The probability that log-odds mean, for any float but NaN, which stays what it is.

    >>> probability(0.0), probability(1e300), probability(-1e300)
    (0.5, 1.0, 0.0)
    """
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-logit))
    odds = math.exp(max(logit, -800.0))
    return odds / (1.0 + odds)
