"""What is to be expected of each choice: a linear model of an outcome for each of them, shrunk towards its mean."""

import numpy as np
from numpy.typing import NDArray

from online_models.estimators.estimate import FloatArray

SHRINKAGE = 10.0
"""Rows' worth of doubt in each weight; the mean of a choice is not shrunk. What is expected need not be good for an
estimate to be right: it only makes it narrower."""


class OutcomeModel:
    """Expected outcome of each choice, given what is known of a person. Least squares, any finite outcome."""

    def __init__(self, weights: FloatArray) -> None:
        """weights: shape (choices, 1 + features), the mean first."""
        self._weights = weights

    @classmethod
    def fit(cls, features: FloatArray, choices: NDArray[np.int64], outcomes: FloatArray, count: int) -> "OutcomeModel":
        """Learn from rows.

        features  shape (n, m)   finite
        choices   shape (n,)     index of the choice made, 0 to count - 1
        outcomes  shape (n,)

        A choice that was never made is expected to come to the mean of all.
        """
        weights = np.zeros((count, features.shape[1] + 1))
        weights[:, 0] = outcomes.mean() if len(outcomes) else 0.0
        for choice in range(count):
            rows = choices == choice
            if rows.any():
                weights[choice] = _ridge(features[rows], outcomes[rows])
        return cls(weights)

    def expect(self, features: FloatArray) -> FloatArray:
        """Return for rows of features, shape (n, m), what each choice is expected to come to, shape (n, choices)."""
        return self._weights[:, 0] + features @ self._weights[:, 1:].T


def _ridge(features: FloatArray, outcomes: FloatArray) -> FloatArray:
    """Weights that minimise Σ (outcome − mean − weights · (features − their mean))² + `SHRINKAGE` · |weights|²."""
    centre, mean = features.mean(axis=0), outcomes.mean()
    moved = features - centre
    squares = moved.T @ moved + SHRINKAGE * np.eye(features.shape[1])
    weights = np.linalg.solve(squares, moved.T @ (outcomes - mean))
    return np.concatenate([[mean - centre @ weights], weights])
