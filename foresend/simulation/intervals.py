"""Lift of one arm's click rate over another's, with an interval that holds however often one looks.

The terminal shows the figures all the time, and people stop when they like what they see. An interval for one fixed
number of sends would then be wrong far more often than it says; a confidence sequence covers at all times at once.
"""

import math
from typing import NamedTuple

ERROR = 0.05
"""Chance that the interval ever leaves out what is true."""
TIGHTEST_AT = 1_000.0
"""Clicks in both arms together at which the interval is to be at its tightest against their noise: some two minutes."""
CLICKS_MIN = 20
"""Clicks of each arm before an interval is told: the sequence rests on sums being nearly normal."""


class Lift(NamedTuple):
    """Ratio of two rates, less one: 0.25 is a quarter more. None while there is too little to tell."""

    value: float | None
    lo: float | None
    hi: float | None


class ClickSums:
    """Clicks of two arms with the same number of sends, summed by person: what a lift is made of.

    Clicks of one person resemble each other, so people are what varies, not sends. Memory: two numbers a person.
    """

    def __init__(self, people: int) -> None:
        self._own = [0] * people
        self._other = [0] * people
        self._sums = (0, 0)
        self._squares = (0, 0, 0)

    def add(self, person: int, own: bool, other: bool) -> None:
        """Take in what became of one send in each arm."""
        p, b = self._own[person], self._other[person]
        self._own[person], self._other[person] = p1, b1 = p + own, b + other
        self._sums = (self._sums[0] + own, self._sums[1] + other)
        pp, pb, bb = self._squares
        self._squares = (pp + p1 * p1 - p * p, pb + p1 * b1 - p * b, bb + b1 * b1 - b * b)

    def lift(self) -> Lift:
        """Return the first arm's lift over the second, with its interval at this moment.

        With p and b the clicks of one person in the arms and R = Σp / Σb, the linearised error of R is
        Σ(p − R b) / Σb, whose variance is estimated by V = Σ(p − R b)² over people, and that of log R by V / (Σp)².
        Σ(p − R b) stays within `boundary(V)` at all times at once, with chance 1 − `ERROR`.
        """
        own, other = self._sums
        if not other:
            return Lift(None, None, None)
        ratio = own / other
        if min(own, other) < CLICKS_MIN:
            return Lift(ratio - 1, None, None)
        pp, pb, bb = self._squares
        variance = max(0.0, pp - 2 * ratio * pb + ratio * ratio * bb)
        width = boundary(variance) / own
        return Lift(ratio - 1, ratio * math.exp(-width) - 1, ratio * math.exp(width) - 1)


def boundary(variance: float) -> float:
    """Return how far from 0 a sum of that (estimated) variance may be, at any time, but with chance `ERROR`.

    √((V + r) · log((V + r) / (r · error²))): Robbins' normal mixture, as the asymptotic confidence sequence of
    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
    sequences", 2021, theorem 2.2, with r = 1/ρ² in units of the variance. It is narrowest, against √V, where V is
    some 7.9 r for an error of 5 %; r follows from `TIGHTEST_AT` by their equation for ρ.
    """
    r = TIGHTEST_AT / (2 * math.log(1 / ERROR) + math.log(2 * math.log(1 / ERROR) + 1))
    return math.sqrt((variance + r) * math.log((variance + r) / (r * ERROR * ERROR)))
