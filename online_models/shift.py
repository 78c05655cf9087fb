"""Shift: has this user's distribution moved enough, since last emitted, to render again?"""

import math
from collections.abc import Sequence
from operator import sub

from schemas.library import ShiftSettings

_TWO_LN_2 = 2 * math.log(2)


def divergence(p: Sequence[float], q: Sequence[float]) -> float:
    """Return the Jensen–Shannon divergence of two distributions, in bits: 0 for equal ones, 1 for disjoint ones.

    p, q  n probabilities each, of the same variants in the same order

    Source: Lin, "Divergence measures based on the Shannon entropy", 1991, equation 3.4 with equal weights.

    Raises:
        ValueError: not the same length.

    >>> divergence((1.0, 0.0), (0.0, 1.0))
    1.0
    >>> round(divergence((0.5, 0.5), (0.6, 0.4)), 4)
    0.0073
    """
    log2 = math.log2
    total = 0.0
    for a, b in zip(p, q, strict=True):
        both = a + b
        # Both terms are added at once, so that divergence(p, q) and divergence(q, p) are the same float.
        total += (a * log2(2 * a / both) if a > 0 else 0.0) + (b * log2(2 * b / both) if b > 0 else 0.0)
    return min(max(total / 2, 0.0), 1.0)


def shifted(emitted: Sequence[float], now: Sequence[float], settings: ShiftSettings) -> bool:
    """Tell whether a slot's distribution moved since it was last emitted.

    It has if the divergence is above `settings.divergence`, or if the favourite changed and leads the old one
    by `settings.lead` or more: two variants that take turns by a hair do not render a message each time.
    A different number of variants is a shift.
    """
    if len(emitted) != len(now):
        return True
    if tuple(emitted) == tuple(now):
        return False
    favourite = max(range(len(emitted)), key=emitted.__getitem__)
    gap = max(now) - now[favourite]
    if gap > 0 and gap >= settings.lead:
        return True
    return _diverged(emitted, now, settings.divergence)


def _diverged(p: Sequence[float], q: Sequence[float], threshold: float) -> bool:
    """Tell whether `divergence(p, q) > threshold`, taking logarithms only where cheaper bounds leave it open.

    With V the total variation, V² / (2 ln 2) ≤ divergence ≤ V (Lin 1991, theorem 3; Pinsker's inequality
    against the mean of both).
    """
    variation = sum(map(abs, map(sub, p, q))) / 2
    if variation <= threshold:
        return False
    if variation * variation > threshold * _TWO_LN_2 * (1 + 1e-9):
        return True
    return divergence(p, q) > threshold
