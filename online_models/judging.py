"""How good what decisions told was: its log loss, and that of a slot's own rate of rewards. Nothing learns from it."""

import math
from typing import NamedTuple, Self

from online_models.calibration import HALF_LIFE, Calibration, probability
from online_models.drift import Drift
from schemas.ids import SlotName
from schemas.models import CLICK_LOGIT

FIRST_EXAMPLES = 20.0
"""What the rate that every slot begins with is worth, in examples."""
CHANCE_MIN = 1e-6
_KEPT = 0.5 ** (1.0 / HALF_LIFE)


class Judgement(NamedTuple):
    """What one example says of the models of its slot.

    told      the probability that the decision told
    rewarded  whether it was
    base      the slot's rate of rewards before this example: what a model would tell that knows nothing else
    drifts    what was seen to drift
    """

    slot: SlotName
    told: float
    rewarded: bool
    base: float
    drifts: tuple[Drift, ...]


class BaseRate:
    """The share of rewards among a slot's examples, of late.

    >>> rate = BaseRate()
    >>> for number in range(2000):
    ...     rate.see(rewarded=number % 4 == 0)
    >>> round(rate.chance, 2)
    0.25
    """

    __slots__ = ("_examples", "_rewarded")

    def __init__(self, examples: float = 0.0, rewarded: float = 0.0) -> None:
        self._examples = FIRST_EXAMPLES + examples
        self._rewarded = FIRST_EXAMPLES * probability(CLICK_LOGIT) + rewarded

    @classmethod
    def of(cls, calibration: Calibration) -> Self:
        """Go on from what was counted of a slot: it is not stored a second time."""
        bins = calibration.bins()
        return cls(sum(count for count, _, _ in bins), sum(count * share for count, _, share in bins))

    @property
    def chance(self) -> float:
        """The rate as of now."""
        return self._rewarded / self._examples

    def see(self, *, rewarded: bool) -> None:
        """Take in one example."""
        self._examples = self._examples * _KEPT + 1.0
        self._rewarded = self._rewarded * _KEPT + rewarded


def log_loss(chance: float, *, rewarded: bool) -> float:
    """The surprise of what came, in nats; a probability of 0 or 1 is taken for one in a million.

    >>> round(log_loss(0.5, rewarded=True), 3), round(log_loss(0.0, rewarded=True), 1)
    (0.693, 13.8)
    """
    bounded = min(max(chance, CHANCE_MIN), 1.0 - CHANCE_MIN)
    return -math.log(bounded if rewarded else 1.0 - bounded)
