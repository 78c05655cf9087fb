"""What every policy promises, and what all of them do with scores before and with the floor after."""

import math
import sys
from collections.abc import Sequence
from typing import Protocol

FLOOR_MASS_MAX = 0.2
"""All floors of a slot together: no more of the draw than this is given away for the sake of learning."""
DEVIATION_MAX = 1e6
"""Log-odds: what is known worse than that is not known at all."""
_HUGE = sys.float_info.max


class Policy(Protocol):
    """Turns one slot's scores into the probabilities of its variants."""

    def probabilities(self, scores: Sequence[float], uncertainties: Sequence[float]) -> tuple[float, ...]:
        """Return n probabilities that sum to 1 ± 1e-9, each at least `floor_of(floor, n)`.

        scores         n log-odds; any float: an infinite one counts as the largest of its sign,
                       NaN as the lowest finite score given
        uncertainties  n standard deviations of the scores; a policy may ignore them. NaN and what is below 0
                       count as 0, and none as more than `DEVIATION_MAX`

        Equals get the same, in whatever order variants stand. No variants give no probabilities.

        Raises:
            ValueError: not as many uncertainties as scores.
        """
        ...


def floor_of(floor: float, variants: int) -> float:
    """Return the least probability that each of so many variants has: `floor`, less where many share it.

    >>> floor_of(0.01, 5), floor_of(0.01, 40)
    (0.01, 0.005)
    """
    return min(floor, FLOOR_MASS_MAX / variants)


def check_lengths(scores: Sequence[float], uncertainties: Sequence[float]) -> None:
    """Refuse scores without uncertainties.

    Raises:
        ValueError: not as many uncertainties as scores.
    """
    if len(uncertainties) != len(scores):
        raise ValueError(f"expected {len(scores)} uncertainties, got {len(uncertainties)}")


def finite_scores(scores: Sequence[float]) -> Sequence[float]:
    """Return scores that can be compared and subtracted: clamped, and NaN as the lowest finite one."""
    if all(map(math.isfinite, scores)):
        return scores
    lowest = min(filter(math.isfinite, scores), default=0.0)
    return [lowest if math.isnan(score) else min(max(score, -_HUGE), _HUGE) for score in scores]


def finite_deviations(uncertainties: Sequence[float]) -> list[float]:
    """Return deviations from 0 to `DEVIATION_MAX`; NaN, which compares with nothing, is 0."""
    return [min(one, DEVIATION_MAX) if one > 0.0 else 0.0 for one in uncertainties]


def best_of(scores: Sequence[float]) -> list[float]:
    """Return 1 for the best score and 0 for the others; equals share it.

    >>> best_of((0.3, 0.7, 0.7))
    [0.0, 0.5, 0.5]
    """
    best = max(scores)
    part = 1.0 / sum([score == best for score in scores])
    return [part if score == best else 0.0 for score in scores]


def above_floor(parts: Sequence[float], floor: float) -> tuple[float, ...]:
    """Return probabilities in proportion to parts (0 or more, not all 0), mixed with a floor.

    With floor f over n variants they are f + (1 − n f) part / Σ parts.
    """
    least = floor_of(floor, len(parts))
    share = (1 - len(parts) * least) / sum(parts)
    return tuple([least + share * part for part in parts])
