"""An estimated mean with the uncertainty that comes from having seen only some rows."""

from dataclasses import dataclass
from math import sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Z_95 = 1.959963984540054
"""Standard deviations within which 95 % of a normal distribution lie."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A mean over n rows.

    influence  shape (n,): by how much each row moves the mean, times n; its own mean is 0
    ess        effective sample size: (Σ w)² / Σ w² of the rows' weights
    """

    mean: float
    influence: FloatArray
    ess: float

    @property
    def error(self) -> float:
        """Standard error: that of a mean of independent rows; 0 of a single one."""
        n = len(self.influence)
        return sqrt(float(self.influence @ self.influence) / (n * (n - 1))) if n > 1 else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Asymptotic normal interval that holds the truth 95 times of 100."""
        return self.mean - Z_95 * self.error, self.mean + Z_95 * self.error

    def minus(self, other: Self) -> "Estimate":
        """Return the difference to another estimate on the same rows: paired, so what both share is no uncertainty.

        Raises:
            ValueError: not as many rows.
        """
        if len(self.influence) != len(other.influence):
            raise ValueError(
                f"expected two estimates of the same rows, got {len(self.influence)}, {len(other.influence)}"
            )
        return Estimate(self.mean - other.mean, self.influence - other.influence, min(self.ess, other.ess))
