"""The population's weights as a snapshot carries them: what scoring needs of `PriorStatistics`, and nothing else."""

import struct
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from online_models.prior.block import DENSE_MAX, DenseBlock
from online_models.prior.features import Floats, Hashes
from online_models.prior.table import BUCKETS, HashedTable, buckets_of
from schemas.errors import StateCorrupt, StateVersionError

FORMAT = 1
_HEAD = struct.Struct("<BHH")
"""Version, dense weights, hashed weights."""
_DENSE, _HASHED = 8, 6
"""Bytes of a dense weight (key uint32, mean float32) and of a hashed one (bucket uint16, mean and variance float16)."""
HASHED_MAX = 0xFFFF
VARIANCE_MIN = 6e-8
"""The smallest float16: a variance is never 0, which would say that nothing was learnt."""


class LearntPrior(NamedTuple):
    """Weights to score with.

    dense    mean of each main effect, by its key
    is_full  whether main effects without a place in `dense` are among the hashed
    buckets  intp, sorted, shape (n,); then means and variances of their weights, float64
    """

    dense: dict[int, float]
    is_full: bool
    buckets: "np.ndarray[tuple[int, ...], np.dtype[np.intp]]"
    means: Floats
    variances: Floats

    def main(self, key: int) -> float:
        """The weight of a main effect; 0 for one never seen."""
        weight = self.dense.get(key)
        if weight is None:
            weight = float(self.crossed(np.array([key], np.uint32), np.zeros(1))[0][0]) if self.is_full else 0.0
        return weight

    def crossed(self, keys: Hashes, variances: Floats) -> tuple[Floats, Floats]:
        """Means and variances of hashed weights; of those never seen 0 and their prior's variance.

        variances  of the prior, in a shape that goes with the keys'
        """
        if not len(self.buckets):
            return np.zeros(keys.shape), np.broadcast_to(variances, keys.shape)
        wanted = buckets_of(keys)
        places = np.minimum(np.searchsorted(self.buckets, wanted), len(self.buckets) - 1)
        known = self.buckets[places] == wanted
        return np.where(known, self.means[places], 0.0), np.where(known, self.variances[places], variances)


NOTHING = LearntPrior({}, False, np.zeros(0, np.intp), np.zeros(0), np.zeros(0))


def pack(block: DenseBlock, table: HashedTable, bytes_max: int) -> bytes:
    """Pack weights into at most so many bytes: all dense ones, and those hashed ones that matter most.

    What matters is how far a weight and its uncertainty are from the prior's.
    """
    buckets = table.touched
    count = min(HASHED_MAX, max(0, bytes_max - _HEAD.size - _DENSE * len(block.keys)) // _HASHED)
    if len(buckets) > count:
        means = table.means[buckets].astype(np.float64)
        matters = means * means + (table.priors[buckets] - table.variances[buckets])
        buckets = np.sort(buckets[np.argsort(-matters, kind="stable")[:count]])
    variances = np.maximum(table.variances[buckets], VARIANCE_MIN)
    return b"".join(
        (
            _HEAD.pack(FORMAT, len(block.keys), len(buckets)),
            np.array(list(block.keys), "<u4").tobytes(),
            block.means.astype("<f4").tobytes(),
            buckets.astype("<u2").tobytes(),
            table.means[buckets].astype("<f2").tobytes(),
            variances.astype("<f2").tobytes(),
        )
    )


@lru_cache(maxsize=64)
def unpack(packed: bytes) -> LearntPrior:
    """Read what `pack` made; nothing of no bytes.

    Raises:
        StateVersionError: packed by a newer version than this code knows.
        StateCorrupt: not such bytes, or numbers that are not finite.
    """
    if not packed:
        return NOTHING
    if packed[0] > FORMAT:
        raise StateVersionError(
            f"expected a prior of version {FORMAT} or older, got {packed[0]}: deploy the newer code"
        )
    if len(packed) < _HEAD.size or packed[0] != FORMAT:
        raise StateCorrupt(f"expected a packed prior of version {FORMAT}, got {len(packed)} bytes")
    _, dense, hashed = _HEAD.unpack_from(packed)
    expected = _HEAD.size + _DENSE * dense + _HASHED * hashed
    if len(packed) != expected or dense > DENSE_MAX:
        raise StateCorrupt(f"expected {expected} bytes of {dense} dense and {hashed} hashed weights, got {len(packed)}")
    places = np.cumsum([_HEAD.size, 4 * dense, 4 * dense, 2 * hashed, 2 * hashed]).tolist()
    keys, weights = (np.frombuffer(packed, kind, dense, at) for kind, at in zip(("<u4", "<f4"), places, strict=False))
    buckets = np.frombuffer(packed, "<u2", hashed, places[2]).astype(np.intp)
    means, variances = (np.frombuffer(packed, "<f2", hashed, at).astype(np.float64) for at in places[3:])
    if not (np.isfinite(weights).all() and np.isfinite(means).all() and (variances > 0.0).all()):
        raise StateCorrupt("expected finite weights of a prior, got others")
    if hashed and (buckets[-1] >= BUCKETS or (np.diff(buckets) <= 0).any()):
        raise StateCorrupt("expected the buckets of a prior in their order, got others")
    found = dict(zip(keys.tolist(), weights.astype(np.float64).tolist(), strict=True))
    return LearntPrior(found, dense == DENSE_MAX, buckets, means, variances)
