"""What numbers say of a catalogue's item to a person's own model: how much people meet it, and how old it is.

An ordinary slot has few variants, and each becomes known by itself. Of a catalogue a person meets most items once: what
can be learnt of a person there is whether he takes to what all take to, to the old or to the new.
"""

import math
from collections.abc import Iterable

import numpy as np

from online_models.ages import NUMBER_REACH, age_of
from online_models.prior.features import VARIANT_VARIANCE
from online_models.prior.learnt import LearntPrior, unpack
from online_models.terms import hash_of_name
from schemas.ids import Tag, VariantId
from schemas.models import SlotPrior

POPULARITY, AGE = hash_of_name("popularity"), hash_of_name("age")
CURVATURE = 0.22
"""What one example adds to the precision of a weight: p (1 − p) where p is a third to two thirds."""


class ItemNumbers:
    """Numbers of a catalogue's items, as far as what was learnt of the population tells them."""

    __slots__ = ("_examples", "_known", "_learnt")

    def __init__(self, prior: SlotPrior) -> None:
        """Take what was learnt of a slot.

        Raises:
            StateError: it cannot be read.
        """
        self._learnt: LearntPrior = unpack(prior.learnt)
        self._examples = math.log1p(prior.examples / 1000.0)
        self._known: dict[VariantId, float] = {}

    def of(self, variant: VariantId, tags: Iterable[Tag], at_ms: int) -> tuple[tuple[int, float], ...]:
        """Popularity, and age where a tag `year:` tells the year in which the item came."""
        popular = self._known.get(variant)
        if popular is None:
            popular = self._known[variant] = self._popularity(variant)
        age = age_of(tags, at_ms)
        return ((POPULARITY, popular),) if age is None else ((POPULARITY, popular), (AGE, age))

    def _popularity(self, variant: VariantId) -> float:
        """How often it was learnt of, on a logarithmic scale, against a thousandth of all examples.

        The prior counts nothing: of how often it met an item its uncertainty of it tells enough.
        """
        key = np.array([hash_of_name(f"variant:{variant}")], np.uint32)
        variance = float(self._learnt.crossed(key, np.full(1, VARIANT_VARIANCE))[1][0])
        times = max(0.0, 1.0 / variance - 1.0 / VARIANT_VARIANCE) / CURVATURE
        return NUMBER_REACH * (math.log1p(times) - self._examples)
