"""Thompson sampling without the sampling: each variant as often as it would be the best of one draw of each score."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from online_models.policies.policy import (
    DEVIATION_MAX,
    above_floor,
    best_of,
    check_lengths,
    finite_deviations,
    finite_scores,
)

_REACH = 4.1
"""Standard deviations beyond which a score does not come: 2e-5 of all draws are left out on a side."""
_HOPE = 5.0
"""Standard deviations that nobody is lucky by: 3e-7 of all draws."""
_PANEL = 4.2
"""Width of a panel of the quadrature in standard deviations: with 8 nodes on each the error is below 5e-5."""
_BEHIND_MAX = 1e9
"""Log-odds behind the best score that count as no more: their squares are still finite."""
_DEVIATION_RATIO = 1e-9
"""Least deviation, as a part of the largest: what is known exactly is only known this well."""
_ROOT_HALF = math.sqrt(0.5)
_GAUSS = np.polynomial.legendre.leggauss(8)
_NODES = (_GAUSS[0] + 1) / 2
"""Gauss–Legendre nodes on the panel from 0 to 1."""
_WEIGHTS = _GAUSS[1] / 2
_LOWEST, _HIGHEST = -4.25, 8.0
"""No node is lower, in anybody's standard deviations, than `_REACH`; above eight a double knows nothing more."""
_FINE = 512
"""Places in the table of Φ for one standard deviation: between two of them Φ is straight to 1e-5 of itself."""
_BELOW = np.array([
    math.erfc(-(_LOWEST + n / _FINE) * _ROOT_HALF) for n in range(int((_HIGHEST - _LOWEST) * _FINE) + 2)
])  # fmt: skip
_RISE = np.diff(_BELOW)


@dataclass(frozen=True, slots=True)
class Thompson:
    """Each variant's probability of being best, of independent normal scores, mixed with a floor.

    temperature  by which each standard deviation is multiplied, 0 or more; 1 is Thompson's own rule, 0 gives all to
                 the best score, shared between equals
    floor        least probability of each variant, 0 to `FLOOR_MASS_MAX`

    Correct to 1e-4, and the same for the same scores: nothing is drawn.
    Source: Thompson, "On the likelihood that one unknown probability exceeds another", 1933.

    >>> [round(p, 4) for p in Thompson(temperature=1.0, floor=0.0).probabilities((0.0, 0.5), (0.3, 0.4))]
    [0.1587, 0.8413]
    """

    temperature: float
    floor: float

    def probabilities(self, scores: Sequence[float], uncertainties: Sequence[float]) -> tuple[float, ...]:
        """Return the probabilities."""
        check_lengths(scores, uncertainties)
        if not scores:
            return ()
        finite = finite_scores(scores)
        deviations = finite_deviations([self.temperature * one for one in finite_deviations(uncertainties)])
        largest = max(deviations)
        # A deviation this small would make of every difference of scores an infinite number of deviations.
        if largest < 1 / _BEHIND_MAX / DEVIATION_MAX:
            return above_floor(best_of(finite), self.floor)
        best, least = max(finite), largest * _DEVIATION_RATIO
        behind = [max(score - best, -_BEHIND_MAX) for score in finite]
        return above_floor(chances_of_best(behind, [max(one, least) for one in deviations]), self.floor)


def chances_of_best(means: Sequence[float], deviations: Sequence[float]) -> list[float]:
    """Return in proportion, of independent normal variables, how often each is the largest.

    means       n, the largest of them 0
    deviations  n, above 0, the smallest not below `_DEVIATION_RATIO` of the largest

    Of each variable i, ∫ φᵢ(x) ∏ⱼ≠ᵢ Φⱼ(x) dx, by Gauss–Legendre on panels that are as narrow as the narrowest density
    on them asks. Φ is above 0 at every node, so that the product over all may be divided by one's own; constant factors
    are the same for all and left out. Who would have to be `_HOPE` deviations better than expected only to come where
    the largest is has no chance: few variants are near the best, and the others cost nothing.
    """
    # Below the reach of any one variable the largest cannot be.
    lowest = max([mean - _REACH * one for mean, one in zip(means, deviations, strict=True)])
    near = [i for i, mean in enumerate(means) if mean + _HOPE * deviations[i] > lowest]
    found = _near_chances([means[i] for i in near], [deviations[i] for i in near], lowest)
    chances = [0.0] * len(means)
    for i, chance in zip(near, found, strict=True):
        chances[i] = chance
    return chances


def _near_chances(means: Sequence[float], deviations: Sequence[float], lowest: float) -> list[float]:
    if len(means) == 1:
        return [1.0]
    if len(means) == 2:
        # Their difference is normal too: no quadrature.
        second = math.erfc((means[0] - means[1]) / math.hypot(*deviations) * _ROOT_HALF) / 2
        return [1.0 - second, second]
    panels = np.array([*_panels(means, deviations, lowest)])
    widths = panels[:, 1:]
    nodes, weights = (panels[:, :1] + widths * _NODES).ravel(), (widths * _WEIGHTS).ravel()
    scale = np.array(deviations)
    z = np.subtract.outer(means, nodes)
    z /= -scale[:, None]
    below = _below(z)
    z *= z
    z *= -0.5
    np.exp(z, out=z)
    z /= below
    found: list[float] = (z @ (below.prod(axis=0) * weights) / scale).tolist()
    return found


def _below(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice Φ of each, from a table: a third of what erfc takes, one by one."""
    places = np.minimum(z, _HIGHEST)
    places -= _LOWEST
    places *= _FINE
    rows = places.astype(np.intp)
    places -= rows
    places *= _RISE[rows]
    places += _BELOW[rows]
    return places


def _panels(means: Sequence[float], deviations: Sequence[float], lowest: float) -> Iterator[tuple[float, float]]:
    """Start and width of each panel, from where the largest may be up to where nothing is."""
    spans = [(m - _REACH * s, m + _REACH * s, _PANEL * s) for m, s in zip(means, deviations, strict=True)]
    at, end = lowest, max([highest for _, highest, _ in spans])
    while at < end:
        width = end - at
        for begin, highest, panel in spans:
            if begin <= at < highest:
                width = min(width, panel)
        yield at, width
        at += width
