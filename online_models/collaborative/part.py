"""A trained collaborative part, checked: items with their neighbours and factors."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from schemas.errors import Reason, SchemaError
from schemas.models import Array, ModelPart

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

KNOTS = 12
"""Of each signal's piecewise linear curve, evenly over its range."""
EXPERIENCE = (1, 5, 20, 80, 250)
"""Choices of a person at which a curve of its own begins, on top of the one for all."""
SIGNALS = 12
"""That a catalogue is ranked by (`online_models.collaborative.signals`)."""
CURVES = (2 + len(EXPERIENCE), SIGNALS, KNOTS)
WEIGHT_MAX = 20.0
"""A signal that adds more to a score has run away: all begins anew."""
FACTORS_MAX = 128
NEIGHBOURS_MAX = 256
POSITIVE = ("alpha", "ridge")
"""Settings that every part states: how much a chosen item counts beside one that was not, and the ridge."""


READ_MAX = 4
"""Parts that are remembered as they were read."""


class CollaborativePart:
    """Arrays of n items; rows stand in the order of the items' hashes.

    items        uint32, shape (n,), ascending
    neighbours   int64, shape (n, k): rows of the items that people choose together with one
    weights      float32, shape (n, k): how often, from 0 (no neighbour) to 1
    factors      float32, shape (n, d)
    alpha, ridge of the weighted least squares that the factors solve (`user_factors`)
    base         share of liked ones among all that were shown
    counted      float32, shape (3, n): how often each item was chosen lately, chosen, and liked; None: not counted
    examples     that were counted
    curves       float32, of `ranks.RankWeights`; None: not learnt
    """

    def __init__(
        self, items: NDArray[np.uint32], neighbours: Rows, weights: Floats, factors: Floats, settings: dict[str, float]
    ) -> None:
        self.items, self.neighbours, self.weights, self.factors = items, neighbours, weights, factors
        self.counted: Floats | None = None
        self.curves: Floats | None = None
        self.examples = int(settings.get("examples", 0.0))
        self.alpha, self.ridge = settings["alpha"], settings["ridge"]
        self.base = min(max(settings.get("base", 0.5), 0.001), 0.999)

    @classmethod
    def of(cls, part: ModelPart) -> Self:
        """Read a part. See `read`. The last ones are remembered: every slot's term is bound to the same."""
        for known, read in _read:
            if known is part and isinstance(read, cls):
                return read
        read = cls.read(part.arrays, part.settings)
        _read.append((part, read))
        return read

    @classmethod
    def read(cls, arrays: Sequence[Array], settings: dict[str, float]) -> Self:
        """Read a part's arrays and settings.

        Raises:
            SchemaError: an array or setting is missing, has another shape, or holds a number that cannot be used.
        """
        found = {array.name: array for array in arrays}
        items = numbers_of(found, "items", "<u4", 1)
        neighbours = numbers_of(found, "neighbours", "<u4", 2)
        weights = numbers_of(found, "weights", "<f2", 2)
        factors = numbers_of(found, "factors", "<f4", 2)
        for name in POSITIVE:
            _expect(0.0 < settings.get(name, math.nan) < math.inf, f"expected a setting {name} above 0")
        count = len(items)
        _expect(bool(np.all(items[1:] > items[:-1])), "expected items in ascending order, each once")
        _expect(len(factors) == len(neighbours) == count, f"expected rows for {count} items in every array")
        _expect(weights.shape == neighbours.shape, "expected one weight for each neighbour")
        _expect(factors.shape[1] <= FACTORS_MAX, f"expected at most {FACTORS_MAX} factors")
        _expect(neighbours.shape[1] <= NEIGHBOURS_MAX, f"expected at most {NEIGHBOURS_MAX} neighbours")
        _expect(not neighbours.size or int(neighbours.max()) < count, f"expected neighbours among {count} items")
        _expect(bool(np.isfinite(factors).all() and np.isfinite(weights).all()), "expected finite numbers")
        _expect(not weights.size or float(weights.min()) >= 0.0, "expected weights of 0 or more")
        read = cls(items, neighbours.astype(np.int64), weights.astype(np.float32), factors, settings)
        read._rank_by(found)
        return read

    def _rank_by(self, found: Mapping[str, Array]) -> None:
        """Read what a catalogue is ranked by, where the part has it."""
        if "counted" in found:
            self.counted = numbers_of(found, "counted", "<f4", 2)
            _expect(self.counted.shape == (3, len(self.items)), f"expected 3 counts of {len(self.items)} items")
            _expect(bool((self.counted >= 0.0).all() and (self.counted < np.inf).all()), "expected counts of 0 or more")
        if "curves" in found:
            self.curves = numbers_of(found, "curves", "<f4", 3)
            _expect(self.curves.shape == CURVES, f"expected curves of shape {CURVES}, got {self.curves.shape}")
            _expect(bool((np.abs(self.curves) <= WEIGHT_MAX).all()), f"expected curves up to {WEIGHT_MAX}")

    def rows_of(self, items: Sequence[int] | NDArray[np.uint32]) -> Rows:
        """The row of each item, by its hash; -1 for one that the part does not know."""
        wanted = np.asarray(items, np.uint32)
        if not len(self.items):
            return np.full(len(wanted), -1, np.int64)
        places = np.minimum(np.searchsorted(self.items, wanted), len(self.items) - 1)
        return np.where(self.items[places] == wanted, places, -1)

    @cached_property
    def gram(self) -> NDArray[np.float64]:
        """Yᵀ Y + ridge · I over all items: what every person's normal equations begin with. Shape (d, d)."""
        factors = self.factors.astype(np.float64)
        return factors.T @ factors + self.ridge * np.eye(factors.shape[1])

    @cached_property
    def units(self) -> Floats:
        """The factors of each item at length 1; one row of zeros follows, which row -1 is. Shape (n + 1, d)."""
        lengths: Floats = np.linalg.norm(self.factors, axis=1, keepdims=True)
        units: Floats = self.factors / np.maximum(lengths, np.float32(1e-9))
        return np.concatenate([units, np.zeros((1, units.shape[1]), np.float32)])

    def user_factors(self, chosen: Floats, weights: Floats) -> Floats:
        """A person's factors x for the items chosen: the minimum of Σ c (p - x·y)² + ridge |x|² over all items.

        chosen   shape (m, d): factors y of the items
        weights  shape (m,), 0 or more: a chosen item has p = 1 and c = 1 + alpha · weight, all others p = 0 and c = 1

        Source: Hu, Koren, Volinsky, Collaborative Filtering for Implicit Feedback Datasets, 2008, equation 4.
        """
        weighted = chosen.astype(np.float64) * (self.alpha * weights.astype(np.float64))[:, None]
        left = self.gram + weighted.T @ chosen
        solved = np.linalg.solve(left, weighted.sum(axis=0) + chosen.sum(axis=0, dtype=np.float64))
        return solved.astype(np.float32)


_read: deque[tuple[ModelPart, CollaborativePart]] = deque(maxlen=READ_MAX)


def numbers_of(found: Mapping[str, Array], name: str, kind: str, dimensions: int) -> NDArray[Any]:
    """One array of a part; read-only.

    Raises:
        SchemaError: it is missing, or of another type or shape.
    """
    array = found.get(name)
    if array is None:
        raise SchemaError(Reason.WRONG_TYPE, f"collaborative part: expected an array {name}, got {sorted(found)}")
    _expect(
        array.type == kind and len(array.shape) == dimensions,
        f"array {name}: expected {dimensions} dimensions of {kind}, got {array.shape} of {array.type}",
    )
    return np.frombuffer(array.data, kind).reshape(array.shape)


def array_of(name: str, numbers: NDArray[Any], kind: str) -> Array:
    """An array as it travels."""
    packed = np.ascontiguousarray(numbers, kind)
    return Array(name, kind, packed.shape, packed.tobytes())


def _expect(is_so: bool, message: str) -> None:
    if not is_so:
        raise SchemaError(Reason.WRONG_TYPE, f"collaborative part: {message}")
