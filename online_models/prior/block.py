"""The dense part of the prior: one joint Gaussian over the weights of main effects, learnt online.

Source of the update: Spiegelhalter and Lauritzen 1990, sequential updating of logistic regression by a Gaussian around
its own mean (the extended Kalman filter's step); drift is a random walk of the weights (West and Harrison 1997, §2.3).
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DENSE_MAX = 160
"""Weights with a joint covariance: 25 600 numbers. What comes later is hashed."""
WALK_MAX = 4.0
"""Measured on bank: a bound of 1 costs 0.002 of the AUC within time blocks, for what came back had been learnt away."""


class DenseBlock:
    """Means, covariance and prior variances of at most `DENSE_MAX` weights, in the order in which they came.

    keys         place of each weight by its feature's key
    means        shape (k,)
    covariance   shape (k, k), symmetric to the bit
    variances    shape (k,): of the prior, whose means are 0 and whose weights are independent
    """

    __slots__ = ("covariance", "keys", "means", "variances")

    def __init__(self, keys: dict[int, int], means: Floats, covariance: Floats, variances: Floats) -> None:
        self.keys = keys
        self.means = means
        self.covariance = covariance
        self.variances = variances

    @classmethod
    def empty(cls) -> Self:
        """A block without weights."""
        return cls({}, np.zeros(0), np.zeros((0, 0)), np.zeros(0))

    @property
    def is_full(self) -> bool:
        """Whether further features have no place here."""
        return len(self.keys) >= DENSE_MAX

    def add(self, keys: Sequence[int], variances: Sequence[float]) -> None:
        """Give features their place, as long as there is any."""
        for key, variance in zip(keys, variances, strict=True):
            if key not in self.keys and not self.is_full:
                self._grow(key, variance)

    def drift(self, rate: float) -> None:
        """Let each weight walk at random by a part of its prior variance: what was learnt is believed a little less.

        A weight whose feature is not met walks on until `WALK_MAX` of its prior variance.
        """
        diagonal = self.covariance.reshape(-1)[:: len(self.keys) + 1]
        diagonal += np.where(diagonal < WALK_MAX * self.variances, rate * self.variances, 0.0)

    def doubt(self, part: float) -> None:
        """Let each variance go this part of the way back to its prior's."""
        diagonal = self.covariance.reshape(-1)[:: len(self.keys) + 1]
        diagonal += part * np.maximum(self.variances - diagonal, 0.0)

    def fade(self, place: int, kept: float) -> None:
        """Let one weight go back towards 0, by an autoregression whose own variance is the prior's."""
        covariance = self.covariance
        self.means[place] *= kept
        covariance[place, :] *= kept
        covariance[:, place] *= kept
        covariance[place, place] += (1.0 - kept * kept) * self.variances[place]

    def gain(self, places: NDArray[np.intp], values: Floats) -> tuple[Floats, float]:
        """Return covariance · x and x · covariance · x."""
        # Rows, not columns: they lie together, and the covariance is symmetric.
        against = values @ self.covariance[places]
        return against, float(against[places] @ values)

    def move(self, against: Floats, step: float, shrunk: float) -> None:
        """Move the means by step · against, and take shrunk · against · againstᵀ off the covariance."""
        self.means += against * step
        root = against * shrunk**0.5
        self.covariance -= root[:, None] * root

    def natural(self) -> tuple[Floats, Floats]:
        """Return precision less the prior's, and precision · mean: what adds up over workers."""
        precision = np.linalg.inv(self.covariance)
        precision = (precision + precision.T) / 2.0
        return precision - np.diag(1.0 / self.variances), precision @ self.means

    def merge(self, other: "DenseBlock") -> None:
        """Add what another block learnt from other examples: natural parameters, less the prior's, are summed."""
        if not other.keys:
            return
        precision, push = self.natural()
        more, push_more = other.natural()
        known = len(self.keys)
        self.add(list(other.keys), other.variances.tolist())
        size = len(self.keys)
        precision = np.pad(precision, (0, size - known))
        push = np.pad(push, (0, size - known))
        both = [key for key in other.keys if key in self.keys]
        mine = np.array([self.keys[key] for key in both], np.intp)
        theirs = np.array([other.keys[key] for key in both], np.intp)
        precision[np.ix_(mine, mine)] += more[np.ix_(theirs, theirs)]
        push[mine] += push_more[theirs]
        covariance = np.linalg.inv(_positive(precision, 1.0 / self.variances))
        self.covariance = (covariance + covariance.T) / 2.0
        self.means = self.covariance @ push

    def _grow(self, key: int, variance: float) -> None:
        place = len(self.keys)
        self.keys[key] = place
        self.means = np.append(self.means, 0.0)
        self.variances = np.append(self.variances, variance)
        self.covariance = np.pad(self.covariance, (0, 1))
        self.covariance[place, place] = variance


def _positive(learnt: Floats, prior: Floats) -> Floats:
    """The whole precision, made positive where drift made what was learnt a little less than nothing."""
    precision = learnt + np.diag(prior)
    lowest = float(np.linalg.eigvalsh(precision)[0])
    floor = 0.1 * float(prior.min())
    return precision if lowest >= floor else precision + np.diag(np.full(len(prior), floor - lowest))
