"""What a population teaches about one slot: a Bayesian logistic regression that is learnt online, and can be added up.

The model of a label y of an exposure, on top of what was published by hand:
    log-odds = named + Σ main effects (dense block) + Σ effects that tell variants apart (hashed table)
One example moves all weights by their share of the common uncertainty. With e the log-odds, p = σ(e), w = p (1 − p),
S = x·Px + Σ v x² and g = 1 / (1 + w S):
    means += P x · g (y − p)      P −= (P x)(P x)ᵀ · w g      and in a bucket, with P = v, the same
"""

import math
from typing import Self

import numpy as np

from online_models.prior import learnt
from online_models.prior.block import DenseBlock
from online_models.prior.features import (
    AFFINITY,
    AFFINITY_VARIANCE,
    BIAS,
    BIAS_VARIANCE,
    NEWCOMERS_AGE,
    NEWCOMERS_AGE_VARIANCE,
    RECENT,
    TOP,
    TOP_VARIANCE,
    Crossed,
    Main,
    crossed_of,
    main_of,
)
from online_models.prior.table import HashedTable, buckets_of
from online_models.terms import Situation, hash_of_name
from schemas.codec import Cell, decode, encode
from schemas.errors import StateCorrupt
from schemas.ids import Tag, VariantId
from schemas.library import LearningSettings
from schemas.models import AFFINITY_WEIGHT, CLICK_LOGIT

LOGIT_MAX = 50.0
"""Log-odds that no honest weights reach: past it they have run away, and the slot starts again from the prior."""
OFFSET_MAX = 10.0
INFORMATION_MIN = 1e-4
"""Of one example: else one that was foreseen with all certainty could never be wrong."""
RECENT_KEPT = 0.5 ** (1 / 70)
"""The second bias forgets half in 70 examples: it follows what holds just now. Measured on bank's drift: 50 to 100 are
alike."""
RECENT_VARIANCE_MAX = 0.6
RECENT_OF_DRIFT = 6000.0
"""Prior variance of the second bias for one unit of drift: where little drifts, nothing holds just now only."""

NONE_SHOWN, SEVERAL_SHOWN = 0, -1
"""While a slot has shown one variant only, nothing tells variants apart, and crosses with it would say twice what facts
say. On bank, which has one, leaving them out is worth 0.001 of the AUC."""
NO_CROSSES = Crossed(np.zeros(0, np.uint32), np.zeros(0), np.zeros(0))


class _Stored(Cell):
    """`PriorStatistics` as they are stored; exact to the bit.

    keys, means, variances, covariance  of the dense block: uint32, then float64; of the covariance the lower triangle
    buckets, table                      uint16, and float32 of shape (3, n): means, variances, prior variances
    shown                               hash of the only variant that was learnt of, `NONE_SHOWN` or `SEVERAL_SHOWN`
    """

    keys: bytes = b""
    means: bytes = b""
    variances: bytes = b""
    covariance: bytes = b""
    buckets: bytes = b""
    table: bytes = b""
    examples: int = 0
    resets: int = 0
    shown: int = 0


class PriorStatistics:
    """What was learnt of one slot from the examples of one worker, or of several together.

    block, table  the weights
    shown         hash of the only variant that was learnt of, `NONE_SHOWN` or `SEVERAL_SHOWN`
    examples      that were learnt from, since the beginning
    resets        how often the weights ran away and were emptied
    """

    __slots__ = ("block", "examples", "resets", "shown", "table")

    def __init__(self) -> None:
        self.block = DenseBlock.empty()
        self.table = HashedTable()
        self.shown = NONE_SHOWN
        self.examples = 0
        self.resets = 0

    def learn(
        self,
        situation: Situation,
        variant: VariantId,
        tags: tuple[Tag, ...],
        affinity: float,
        label: float,
        offset: float,
        settings: LearningSettings,
        newcomers_age: float = 0.0,
        top: float = 0.0,
    ) -> float:
        """Learn from one example, in the log's order; returns the log-odds that were expected of it.

        affinity  of the person to the variant's tags, from 0 to 1
        label     what it earned, from 0 to 1
        offset    log-odds that something else explains, beside the default prior (`schemas.models.SlotPrior`);
                  beyond `OFFSET_MAX` it is taken for this much: one person's own model empties nothing of all others'
        newcomers_age  of `online_models.ages`
        top       the largest affinity among all variants that could be shown. The model looks at how far below it
                  the affinity was, and at itself: who likes many things a little is near none, and clicks no less

        What is no number teaches nothing. Weights that ran away empty the statistics: the prior speaks again.
        """
        if not (0.0 <= label <= 1.0 and 0.0 <= affinity <= 1.0 and 0.0 <= top <= 1.0 and math.isfinite(offset)):
            return CLICK_LOGIT
        affinity -= top
        main = _with_biases(main_of(situation, settings.numbers), affinity, top, settings)
        if newcomers_age:
            main.keys.append(NEWCOMERS_AGE)
            main.values.append(newcomers_age)
            main.variances.append(NEWCOMERS_AGE_VARIANCE)
        self.shown = _shown_too(self.shown, hash_of_name(variant))
        several = self.shown == SEVERAL_SHOWN
        main, crossed = self._placed(main, crossed_of(situation, variant, tags) if several else NO_CROSSES)
        crossed = crossed._replace(variances=crossed.variances * settings.reach)
        block, table = self.block, self.table
        places = np.array([block.keys[key] for key in main.keys], np.intp)
        values, x = np.array(main.values), crossed.values
        buckets = buckets_of(crossed.keys)
        variances = table.seen(buckets, crossed, settings.drift)
        against, spread = block.gain(places, values)
        own = float(block.means[places] @ values) + float(table.means[buckets] @ x)
        logit = own + min(max(offset, -OFFSET_MAX), OFFSET_MAX) + CLICK_LOGIT + AFFINITY_WEIGHT * affinity
        spread += float(variances @ (x * x))
        self.examples += 1
        if not (abs(own) <= LOGIT_MAX and 0.0 <= spread < math.inf):
            self._reset()
            return CLICK_LOGIT
        probability = 1.0 / (1.0 + math.exp(-logit))
        information = max(INFORMATION_MIN, probability * (1.0 - probability))
        gain = 1.0 / (1.0 + information * spread)
        step = gain * (label - probability)
        block.move(against, step, information * gain)
        table.move(buckets, variances, x, step, information * gain)
        self._forget(settings.drift)
        return logit

    def merge(self, other: "PriorStatistics") -> None:
        """Add what another worker learnt from other examples. The order of workers matters only by rounding."""
        self.block.merge(other.block)
        self.table.merge(other.table)
        self.shown = _shown_too(self.shown, other.shown)
        self.examples += other.examples
        self.resets += other.resets

    def doubt(self, part: float) -> None:
        """Believe every weight a little less: its variance goes this part, from 0 to 1, of the way it began with."""
        self.block.doubt(part)
        self.table.doubt(part)

    def snapshot(self, bytes_max: int) -> bytes:
        """Return what scoring needs (`schemas.models.SlotPrior.learnt`), in at most so many bytes.

        Weights that are not finite empty the statistics first.
        """
        if not (np.isfinite(self.block.means).all() and np.isfinite(self.table.means[self.table.touched]).all()):
            self._reset()
        return learnt.pack(self.block, self.table, bytes_max) if self.block.keys else b""

    def packed(self) -> bytes:
        """Return what is to be stored: equal statistics give equal bytes."""
        block, table, buckets = self.block, self.table, self.table.touched
        rows = np.stack([table.means[buckets], table.variances[buckets], table.priors[buckets]])
        stored = _Stored(
            keys=np.array(list(block.keys), "<u4").tobytes(),
            means=block.means.astype("<f8").tobytes(),
            variances=block.variances.astype("<f8").tobytes(),
            covariance=block.covariance[np.tril_indices(len(block.keys))].astype("<f8").tobytes(),
            buckets=buckets.astype("<u2").tobytes(),
            table=rows.astype("<f4").tobytes(),
            examples=self.examples,
            resets=self.resets,
            shown=self.shown,
        )
        return encode(stored)

    @classmethod
    def of(cls, packed: bytes) -> Self:
        """Read what `packed` gave; no bytes are statistics that have learnt nothing.

        Raises:
            StateError: it cannot be read.
        """
        statistics = cls()
        if not packed:
            return statistics
        stored, table = decode(_Stored, packed), statistics.table
        try:
            statistics.block = _block(stored)
            buckets = np.frombuffer(stored.buckets, "<u2").astype(np.intp)
            rows = np.frombuffer(stored.table, "<f4").reshape(3, len(buckets))
        except ValueError as error:
            raise StateCorrupt(f"expected a number for each weight of a prior: {error}") from error
        table.restore(buckets, rows)
        statistics.examples, statistics.resets, statistics.shown = stored.examples, stored.resets, stored.shown
        return statistics

    def _placed(self, main: Main, crossed: Crossed) -> tuple[Main, Crossed]:
        """Give main effects their place among the dense; those that find none any more are hashed."""
        block = self.block
        block.add(main.keys, main.variances)
        if not block.is_full:
            return main, crossed
        rows = list(zip(*main, strict=True))
        kept = [row for row in rows if row[0] in block.keys]
        left = [row for row in rows if row[0] not in block.keys]
        if not left:
            return main, crossed
        keys, values, variances = zip(*left, strict=True)
        hashed = Crossed(
            np.append(crossed.keys, np.array(keys, np.uint32)),
            np.append(crossed.values, values),
            np.append(crossed.variances, variances),
        )
        return Main(*[list(column) for column in zip(*kept, strict=True)]), hashed

    def _forget(self, drift: float) -> None:
        if drift:
            self.block.drift(drift)
        recent = self.block.keys.get(RECENT)
        if recent is not None:
            self.block.fade(recent, RECENT_KEPT)

    def _reset(self) -> None:
        self.block, self.table = DenseBlock.empty(), HashedTable()
        self.resets += 1


def _with_biases(main: Main, affinity: float, top: float, settings: LearningSettings) -> Main:
    keys, values, drift = [BIAS, AFFINITY], [1.0, affinity], settings.drift
    variances = [BIAS_VARIANCE, AFFINITY_VARIANCE * settings.reach]
    if top:
        keys.append(TOP)
        values.append(top)
        variances.append(TOP_VARIANCE)
    if drift:
        keys.append(RECENT)
        values.append(1.0)
        variances.append(min(RECENT_VARIANCE_MAX, RECENT_OF_DRIFT * drift))
    return Main(keys + main.keys, values + main.values, variances + main.variances)


def _shown_too(shown: int, more: int) -> int:
    """What was shown, with what is shown too."""
    return more if shown in (NONE_SHOWN, more) else shown if more == NONE_SHOWN else SEVERAL_SHOWN


def _block(stored: _Stored) -> DenseBlock:
    keys = np.frombuffer(stored.keys, "<u4").tolist()
    size = len(keys)
    covariance = np.zeros((size, size))
    covariance[np.tril_indices(size)] = np.frombuffer(stored.covariance, "<f8")
    covariance = covariance + np.tril(covariance, -1).T
    means, variances = (np.frombuffer(numbers, "<f8").copy() for numbers in (stored.means, stored.variances))
    if not len(means) == len(variances) == size:
        raise ValueError(f"{len(means)} means and {len(variances)} variances for {size} weights")
    return DenseBlock({key: place for place, key in enumerate(keys)}, means, covariance, variances)
