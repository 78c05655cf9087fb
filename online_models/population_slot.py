"""The living statistics of one slot: its prior, the weights of its terms, and a watch on both."""

from typing import NamedTuple

import msgspec

from online_models.calibration import probability
from online_models.drift import Drift, DriftWatch
from online_models.judging import BaseRate, Judgement
from online_models.prior.statistics import PriorStatistics
from online_models.stacking import StackStatistics
from schemas.examples import Example
from schemas.ids import SlotName

DOUBT = 0.2
"""On drift, how far the variances of all weights go back to what they began with."""


class Assessed(NamedTuple):
    """How the decision saw one variant that was shown: `schemas.decisions.ASSESSED`."""

    terms: tuple[float, float, float, float]
    score: float
    deviation: float
    experience: int
    top: float


class PackedSlot(msgspec.Struct, array_like=True, frozen=True):
    """What is stored of one slot."""

    prior: bytes
    stack: bytes
    examples: int
    watch: bytes = b""
    drifts: int = 0
    drifted_ms: int = 0


NEW_SLOT = PackedSlot(b"", b"", 0)


class Slot:
    """The living statistics of one slot."""

    def __init__(self, packed: PackedSlot = NEW_SLOT) -> None:
        """Unpack what was stored.

        Raises:
            StateCorrupt: it is not what `packed` gives.
        """
        self.prior = PriorStatistics.of(packed.prior)
        self.stack = StackStatistics.of(packed.stack)
        self.examples = packed.examples
        self.watch = DriftWatch.of(packed.watch)
        self.drifts = packed.drifts
        self.drifted_ms = packed.drifted_ms
        self.base = BaseRate.of(self.stack.calibration)

    def packed(self) -> PackedSlot:
        """What is to be stored."""
        watch = self.watch.packed()
        return PackedSlot(self.prior.packed(), self.stack.packed(), self.examples, watch, self.drifts, self.drifted_ms)

    def weigh(self, name: SlotName, assessed: Assessed, own: float, example: Example) -> Judgement:
        """Learn how much each term counts; how good was what the decision told, before it is learnt.

        own  log-odds of the prior, less what a person's own model explains: that is no drift
        """
        rewarded, base = example.reward > 0.5, self.base.chance
        # Of grades, only weighed terms tell a label.
        now = (own, *assessed.terms[1:])
        drifts = self.look(self.stack.expected(now, assessed.experience), example)
        times = (example.at_ms, example.ended_ms)
        self.stack.learn(assessed.terms, assessed.score, assessed.experience, rewarded, times)
        self.base.see(rewarded=rewarded)
        return Judgement(name, probability(assessed.score), rewarded, base, tuple(drifts))

    def look(self, score: float, example: Example) -> list[Drift]:
        """Hold what was expected against what came. On drift all is doubted, so that it is learnt anew, and faster.

        What was decided before the last drift was seen is no news: much of it ends together.
        """
        if example.at_ms <= self.drifted_ms:
            return []
        found = self.watch.see(score, clicked=example.reward > 0.5)
        if found:
            self.drifts += 1
            self.drifted_ms = example.ended_ms
            self.prior.doubt(DOUBT)
            self.stack.doubt(DOUBT)
        return found
