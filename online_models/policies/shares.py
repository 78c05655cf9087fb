"""Bounds on the probabilities of single variants: a distribution is moved as little as they ask for."""

from collections.abc import Sequence
from math import fsum
from typing import NamedTuple, Self

from online_models.policies.policy import floor_of
from schemas.library import Variant

LEAST = 1e-12
"""A probability of less counts as this much: what has none may still have to take what others must give up."""
STEPS_MAX = 8
EXACT = 1e-12
_Row = tuple[float, float, float]


class Shares(NamedTuple):
    """Least and largest probability of each variant of one slot: Σ lows ≤ 1 ≤ Σ highs, and 0 ≤ low ≤ high."""

    lows: tuple[float, ...]
    highs: tuple[float, ...]

    @classmethod
    def of(cls, variants: Sequence[Variant], floor: float) -> Self | None:
        """The bounds of the variants that a person may be shown; None where no variant has any.

        floor  the policy's; no bound takes it away

        Where bounds leave no way, because the variants that went with them are not there, they give way in
        proportion: what all need at least is cut to 1, what all may have at most is raised to 1.
        """
        if not any(one.share_min > 0.0 or one.share_max < 1.0 for one in variants):
            return None
        least = floor_of(floor, len(variants))
        lows = [max(one.share_min, least) for one in variants]
        highs = [max(one.share_max, low, LEAST) for one, low in zip(variants, lows, strict=True)]
        needed, room = fsum(lows), fsum(highs)
        if needed > 1.0:
            # Floors hold all the same: only what is above them is cut.
            above = (1.0 - least * len(variants)) / (needed - least * len(variants))
            lows = [least + above * (low - least) for low in lows]
        if room < 1.0:
            highs = [high / room for high in highs]
        return cls(tuple(lows), tuple(max(pair) for pair in zip(lows, highs, strict=True)))


def projected(probabilities: Sequence[float], shares: Shares | None) -> tuple[float, ...]:
    """The distribution within the bounds that is nearest to the given one; the very same where it keeps them.

    Nearest in Kullback–Leibler divergence D(q ‖ p): q_i = min(high_i, max(low_i, c · p_i)) with the one c for which
    they sum to 1, so those that meet no bound keep their proportions. Source: the conditions of Karush, Kuhn and Tucker
    for D(q ‖ p) over a box and the simplex; with upper bounds alone it is Warmuth and Kuzmin, "Randomized online PCA
    algorithms", 2008, algorithm 4.

    >>> [round(q, 9) for q in projected((0.9, 0.06, 0.04), Shares((0.0, 0.0, 0.0), (0.5, 1.0, 1.0)))]
    [0.5, 0.3, 0.2]
    """
    if shares is None or not probabilities:
        return tuple(probabilities)
    lows, highs = shares
    if all(low <= p <= high for p, low, high in zip(probabilities, lows, highs, strict=True)):
        return tuple(probabilities)
    parts = [max(p, LEAST) for p in probabilities]
    rows = list(zip(parts, lows, highs, strict=True))
    return _by_steps(rows) or tuple(_within(rows, _scale(rows)))


def _within(rows: Sequence[_Row], scale: float) -> list[float]:
    return [low if (one := scale * part) <= low else min(high, one) for part, low, high in rows]


def _by_steps(rows: Sequence[_Row]) -> tuple[float, ...] | None:
    """The answer by Newton's steps: two or three, as the sum is a line between turns; None where they go astray."""
    scale = 1.0
    for _ in range(STEPS_MAX):
        found = _within(rows, scale)
        missing = 1.0 - sum(found)
        if abs(missing) < EXACT:
            return tuple(found)
        slope = sum([part for one, (part, low, high) in zip(found, rows, strict=True) if low < one < high])
        scale += missing / slope if slope > 0.0 else -scale
        if scale <= 0.0:
            return None
    return None


def _scale(rows: Sequence[_Row]) -> float:
    """The c of `projected` by halving: Σ min(high, max(low, c · part)) grows with c."""
    turns = sorted([bound / part for part, low, high in rows for bound in (low, high)])
    below, above = 0, len(turns) - 1
    while below < above:
        middle = (below + above) // 2
        scale = turns[middle]
        if sum(_within(rows, scale)) < 1.0:
            below = middle + 1
        else:
            above = middle
    end = turns[below]
    start = turns[below - 1] if below else 0.0
    between = (start + end) / 2
    free = [part for part, low, high in rows if low < between * part < high]
    held = fsum([low if between * part <= low else high for part, low, high in rows if not low < between * part < high])
    return min(max((1.0 - held) / fsum(free), start), end) if free else end
