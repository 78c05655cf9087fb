"""Weights of the signals that a catalogue is ranked by: an additive model, learnt as choices come."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models.collaborative.part import CURVES, EXPERIENCE, KNOTS, WEIGHT_MAX, Floats

RATE = 0.1
RATE_OWN = 0.05


def stage_of(count: int) -> int:
    """Which of the curves a person of so many choices has.

    >>> stage_of(0), stage_of(5), stage_of(1000)
    (0, 2, 5)
    """
    return sum(count >= least for least in EXPERIENCE)


class RankWeights:
    """A curve for each of s signals: the score of an item is the sum of the curves at its signals.

    curves  shape (1 + stages, s, KNOTS): for all, then what is added for each stage of experience
    resets  how often they ran away and began anew

    Learnt by the softmax of the chosen item among others it was chosen before, with steps of AdaGrad
    (Duchi, Hazan, Singer, 2011) for each knot.
    """

    def __init__(self) -> None:
        self.resets = 0
        self._begin()

    def _begin(self) -> None:
        self.curves = np.zeros(CURVES)
        self._squares = np.full(CURVES, 0.01)

    def contributions(self, places: Floats, stage: int) -> Floats:
        """What each signal adds to each item's score. Shape (n, s).

        places  shape (n, s): where each signal stands among the knots, from 0 to KNOTS - 1
        """
        curve = (self.curves[0] + self.curves[1 + stage]).astype(np.float32).ravel()
        below, above = _knots(places)
        part = places - np.floor(np.minimum(places, KNOTS - 2))
        added: Floats = curve[below] * (1.0 - part) + curve[above] * part
        return added

    def learn(self, places: Floats, stage: int) -> None:
        """Learn from one choice: the first item was chosen, the others could have been."""
        scores = self.contributions(places, stage).sum(axis=1)
        parts = np.exp(scores - scores.max())
        error = parts / parts.sum()
        error[0] -= 1.0
        below, above = _knots(places)
        part = places - np.floor(np.minimum(places, KNOTS - 2))
        slope = _summed(below, error[:, None] * (1.0 - part)) + _summed(above, error[:, None] * part)
        for which, rate in ((0, RATE), (1 + stage, RATE_OWN)):
            self._squares[which] += slope * slope
            self.curves[which] -= rate * slope / np.sqrt(self._squares[which])
        changed = self.curves[[0, 1 + stage]]
        if not (np.abs(changed).max() <= WEIGHT_MAX):
            self._begin()
            self.resets += 1

    def restore(self, curves: NDArray[Any]) -> None:
        """Go on with curves that were learnt elsewhere."""
        self.curves = curves.astype(np.float64).reshape(CURVES)


def _knots(places: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first = np.minimum(places.astype(np.int64), KNOTS - 2) + KNOTS * np.arange(places.shape[1])
    return first, first + 1


def _summed(knots: NDArray[np.int64], amounts: NDArray[Any]) -> NDArray[np.float64]:
    sums = np.bincount(knots.ravel(), amounts.ravel(), minlength=CURVES[1] * CURVES[2])
    return sums.astype(np.float64).reshape(CURVES[1:])
