"""What the population's prior sees of an example: features by their hashes, main effects apart from crosses.

Every feature is a 32-bit key made of names, so that any worker makes the same key, and a variant or a group nobody has
seen yet needs no place to be kept for it.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.terms import Situation, hash_of_name
from schemas.ids import Tag, VariantId

BIAS_VARIANCE = 4.0
AFFINITY_VARIANCE = 1.0
TOP_VARIANCE = 1.0
FACT_VARIANCE = 0.15
LINEAR_VARIANCE = 0.1
GRID_VARIANCE = 0.03
VARIANT_VARIANCE = 0.8
TAG_VARIANCE = 0.1
FACT_VARIANT_VARIANCE = 0.03
FACT_TAG_VARIANCE = 0.06
"""Prior variances of weights in log-odds: how far a feature is believed to reach before anything is learnt. Chosen for
bank, cdnow and vehicle-coupon together: on bank, facts at half or three times theirs cost less than 0.001 AUC."""
NEWCOMERS_AGE_VARIANCE = 4.0
"""Of `online_models.ages.newcomers_age`. On MovieLens it is worth 0.006 (± 0.0035) of a person's first five decisions'
AUC, 0.003 to 0.008 in halves of people, and nothing later."""
FACTS_WIDE = 9
"""Facts up to which each has the whole of these variances."""
GRID_STEP = 0.5
"""Between the knots of a number's grid, on its logarithmic scale: a factor of 1.65."""
SCALE_MAX = 20.0
"""Logarithmic scale of a number: beyond some 5e8 all are alike."""

BIAS, RECENT, AFFINITY, NEWCOMERS_AGE, TOP = (
    hash_of_name(f"prior:{name}") for name in ("bias", "recent", "affinity", "newcomers-age", "top")
)
_UNKNOWN = 1 << 20

Hashes = NDArray[np.uint32]
Floats = NDArray[np.float64]


class Main(NamedTuple):
    """Effects that are the same for every variant: key, value, and the weight's prior variance."""

    keys: list[int]
    values: list[float]
    variances: list[float]


class Crossed(NamedTuple):
    """Effects that tell variants apart: key, value, and the weight's prior variance; shape (m,) each."""

    keys: Hashes
    values: Floats
    variances: Floats


def mixed(first: int, second: int) -> int:
    """One key made of two, in this order.

    >>> mixed(1, 2) == int(crossed_keys(np.array([1], np.uint32), np.array([2], np.uint32))[0])
    True
    """
    key = (first * 0x9E3779B1 ^ second * 0x85EBCA6B) & 0xFFFFFFFF
    key ^= key >> 16
    key = key * 0x7FEB352D & 0xFFFFFFFF
    return key ^ key >> 15


def crossed_keys(facts: Hashes, bases: Hashes) -> Hashes:
    """`mixed` of facts and bases, whose shapes are broadcast; neither may be a scalar."""
    keys = facts * np.uint32(0x9E3779B1) ^ bases * np.uint32(0x85EBCA6B)
    keys ^= keys >> np.uint32(16)
    keys *= np.uint32(0x7FEB352D)
    keys ^= keys >> np.uint32(15)
    return keys


def main_of(situation: Situation, names: Sequence[str]) -> Main:
    """The facts and numbers of a situation; a fact that is not known has no effect.

    names  of the numbers, in the situation's order
    """
    keys = [fact for fact in situation.facts if fact]
    values, variances = [1.0] * len(keys), [FACT_VARIANCE * share_of(len(keys))] * len(keys)
    for name, number in zip(names, situation.numbers, strict=False):
        for key, value, variance in number_effects(hash_of_number(name), number):
            keys.append(key)
            values.append(value)
            variances.append(variance)
    return Main(keys, values, variances)


def share_of(facts: int) -> float:
    """How much of its variance each of so many facts keeps: with many, each says less.

    Measured on vehicle-coupon, whose 21 facts gain 0.01 of AUC by it.

    >>> share_of(3), share_of(9), share_of(36)
    (1.0, 1.0, 0.125)
    """
    return 1.0 if facts <= FACTS_WIDE else (FACTS_WIDE / facts) ** 1.5


def number_effects(key: int, number: float) -> Iterable[tuple[int, float, float]]:
    """A number as a line and as soft bins, both on the scale u = sign(x) · log(1 + |x|).

    Bins are hat functions around knots that are fixed, `GRID_STEP` apart: a piecewise linear function of u, which asks
    for no quantiles to be learnt, and reads a number never seen yet by the line and the nearest knots.

    >>> [value for _, value, _ in number_effects(1, 0.0)]
    [0.0, 1.0]
    """
    if math.isnan(number):
        return ((mixed(key, _UNKNOWN), 1.0, FACT_VARIANCE),)
    scale = min(SCALE_MAX, math.log1p(min(abs(number), 1e30)))
    if number < 0.0:
        scale = -scale
    place = scale / GRID_STEP
    knot = math.floor(place)
    share = place - knot
    line = (key, scale, LINEAR_VARIANCE)
    below = (mixed(key, knot & 0xFFFF), 1.0 - share, GRID_VARIANCE)
    if not share:
        return line, below
    return line, below, (mixed(key, knot + 1 & 0xFFFF), share, GRID_VARIANCE)


@lru_cache(maxsize=1024)
def hash_of_number(name: str) -> int:
    """The key of a number's line."""
    return hash_of_name(f"number:{name}")


@lru_cache(maxsize=65_536)
def bases_of(variant: VariantId, tags: tuple[Tag, ...]) -> tuple[Hashes, Floats]:
    """Keys of a variant and its tags, and their values: the tags together have length 1, whatever their number."""
    names = [f"variant:{variant}", *[f"tag:{tag}" for tag in dict.fromkeys(tags)]]
    values = [1.0, *[(len(names) - 1) ** -0.5 for _ in names[1:]]]
    return np.array([hash_of_name(name) for name in names], np.uint32), np.array(values)


def crossed_of(situation: Situation, variant: VariantId, tags: tuple[Tag, ...]) -> Crossed:
    """A variant, its tags, and each of them in the company of each known fact."""
    bases, values = bases_of(variant, tags)
    known = [fact for fact in situation.facts if fact]
    keys = crossed_keys(np.array(known, np.uint32)[:, None], bases[None, :])
    rows = len(known) + 1
    return Crossed(np.concatenate((bases, keys.ravel())), np.tile(values, rows), _crossed_variances(rows, len(bases)))


@lru_cache(maxsize=1024)
def _crossed_variances(rows: int, width: int) -> Floats:
    """Of `crossed_of`: the first row is of the variant and its tags alone. Read-only."""
    share = share_of(rows - 1)
    variances = np.full((rows, width), FACT_TAG_VARIANCE * share)
    variances[:, 0] = FACT_VARIANT_VARIANCE * share
    variances[0] = TAG_VARIANCE
    variances[0, 0] = VARIANT_VARIANCE
    flat = variances.ravel()
    flat.flags.writeable = False
    return flat


def features_of(variant: VariantId, tags: Sequence[Tag], near: float) -> dict[str, float]:
    """What a variant is to weights that are published by name: itself, its tags, and the user's affinity to them.

    The tags together have length 1, whatever their number.
    """
    x = {"affinity": near, f"variant:{variant}": 1.0}
    if tags:
        value = len(tags) ** -0.5
        for tag in tags:
            x[f"tag:{tag}"] = value
    return x
