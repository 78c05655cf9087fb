"""The hashed part of the prior: one independent Gaussian for each bucket of crossed features."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from online_models.prior.features import Crossed, Floats, Hashes

BUCKETS = 1 << 16
"""Features that fall into the same bucket share a weight: with 10 000 of them every seventh does."""

Singles = NDArray[np.float32]
Buckets = NDArray[np.intp]


def buckets_of(keys: Hashes) -> Buckets:
    """Where features lie."""
    return ((keys ^ (keys >> np.uint32(16))) & np.uint32(BUCKETS - 1)).astype(np.intp)


class HashedTable:
    """Means and variances of `BUCKETS` weights, float32.

    priors   the prior's variance of each; 0 where nothing was learnt: there the feature itself says what it is
    touched  buckets that something was learnt in, from the lowest
    """

    __slots__ = ("means", "priors", "touched", "variances")

    def __init__(self) -> None:
        self.means: Singles = np.zeros(BUCKETS, np.float32)
        self.variances: Singles = np.zeros(BUCKETS, np.float32)
        self.priors: Singles = np.zeros(BUCKETS, np.float32)
        self.touched: Buckets = np.zeros(0, np.intp)

    def seen(self, buckets: Buckets, crossed: Crossed, drift: float) -> Floats:
        """Give buckets that are new their prior, let the others drift towards theirs, and return all variances."""
        priors = self.priors[buckets]
        fresh = priors == 0.0
        if fresh.any():
            own = np.where(fresh, crossed.variances, priors).astype(np.float32)
            self.priors[buckets] = own
            self.variances[buckets] = np.where(fresh, own, self.variances[buckets])
            priors = self.priors[buckets]
            self.touched = np.union1d(self.touched, buckets[fresh])
        variances = self.variances[buckets].astype(np.float64)
        return np.minimum(variances + drift * priors, priors) if drift else variances

    def move(self, buckets: Buckets, variances: Floats, x: Floats, step: float, shrunk: float) -> None:
        """Move means and variances by one example: `variances` are as `seen` gave them."""
        pulled = variances * x
        self.means[buckets] += pulled * step
        self.variances[buckets] = variances - pulled * pulled * shrunk

    def doubt(self, part: float) -> None:
        """Let the variances of all buckets go this part of the way back to their prior's."""
        self.variances += np.float32(part) * (self.priors - self.variances)

    def restore(self, buckets: Buckets, rows: Singles) -> None:
        """Take what was stored of an empty table: means, variances and prior variances of these buckets."""
        self.means[buckets], self.variances[buckets], self.priors[buckets] = rows
        self.touched = buckets

    def natural(self, buckets: Buckets) -> tuple[Floats, Floats]:
        """Return precision less the prior's, and precision · mean, of touched buckets: what adds up over workers."""
        precision = 1.0 / self.variances[buckets].astype(np.float64)
        return precision - 1.0 / self.priors[buckets], precision * self.means[buckets]

    def merge(self, other: Self) -> None:
        """Add what another table learnt from other examples; of two priors of a bucket the wider one holds."""
        buckets = np.union1d(self.touched, other.touched)
        precision, push = np.zeros(len(buckets)), np.zeros(len(buckets))
        for table in (self, other):
            own = table.touched
            places = np.searchsorted(buckets, own)
            more, push_more = table.natural(own)
            precision[places] += more
            push[places] += push_more
        priors = np.maximum(self.priors[buckets], other.priors[buckets])
        variances = 1.0 / (precision + 1.0 / priors)
        self.priors[buckets] = priors
        self.variances[buckets] = variances
        self.means[buckets] = variances * push
        self.touched = buckets
