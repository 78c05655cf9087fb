"""Stacking: how much each term of a score counts, learnt online, by how much the person's own model has learnt.

A weight is a global part and a part for each of `KNOTS`, between which it goes linearly in log(1 + experience): so a
young model leans on the prior, and an old one on itself. All parts together are one Gaussian, updated by one Newton
step for each example (online Laplace approximation: Spiegelhalter & Lauritzen 1990); with each its variance goes
back a little towards where it began, so that weights follow what changes. What is published of them is the share that
proved itself for later decisions (`online_models.proof`).
"""

import math
import struct
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from online_models.calibration import PACKED_BYTES, VARIANCE_SLACK, Calibration, probability
from online_models.proof import Proof
from schemas.decisions import TERMS
from schemas.errors import StateCorrupt

KNOTS = (1, 4, 16, 64, 256)
"""Experiences, in examples, that have parts of the weights of their own."""
GLOBAL_VARIANCE = 0.02
KNOT_VARIANCE = 0.01
DRIFT = 1e-4
"""Part of the way back to the prior's variance that each example goes."""
LEARNT_FROM = 200
"""Examples of a slot before its weights are learnt: until then the prior is still finding its level, and that it is
not there yet says nothing about how much it is to count. On vehicle-coupon this is worth 0.001 of AUC."""
TERM_MAX = 30.0
"""Log-odds beyond which a term is taken for this much."""
WEIGHT_MAX = 4.0
ADDED_MAX = 10.0
RUNAWAY = 50.0
"""A part of a weight beyond it has run away: all start again."""
_INPUTS = len(TERMS) + 1
_PARTS = 1 + len(KNOTS)
_SIZE = _INPUTS * _PARTS
_PRIOR_VARIANCE = np.tile([GLOBAL_VARIANCE] + [KNOT_VARIANCE] * len(KNOTS), _INPUTS)
_PRIOR_MEAN = np.zeros(_SIZE)
_PRIOR_MEAN[: (_INPUTS - 1) * _PARTS : _PARTS] = 1.0
_DRIFTED = np.diag(DRIFT * _PRIOR_VARIANCE)
_LOWER = np.tril_indices(_SIZE)
_HEAD = struct.Struct("<BQI")
_VERSION, _UNPROVED = 2, 1
"""Forms of what is stored; the older one has no proof."""
_PUBLISHED = 1
_SNAPSHOT = struct.Struct(f"<B{_SIZE + 2}f")
_STORED = _HEAD.size + 8 * (_SIZE + len(_LOWER[0])) + PACKED_BYTES
_LOGS = tuple([math.log1p(knot) for knot in KNOTS])
Floats = NDArray[np.float64]


class Stack:
    """Weights of the terms, as published: read-only.

    >>> Stack.of(b"").weights(experience=3, count=2)
    (1.0, 1.0, 0.0)
    """

    __slots__ = ("_known", "_line", "_parts")

    def __init__(self, parts: tuple[float, ...], line: tuple[float, float]) -> None:
        self._parts = parts
        self._line = line
        self._known: dict[tuple[int, int], tuple[float, ...]] = {}

    @classmethod
    def of(cls, packed: bytes) -> Self:
        """Read what `StackStatistics.snapshot` gave; nothing, or what is of another form, weighs each term 1."""
        if len(packed) != _SNAPSHOT.size or packed[0] != _PUBLISHED:
            return cls((), (1.0, 0.0))
        _, *parts = _SNAPSHOT.unpack(packed)
        if not all(map(math.isfinite, parts)):
            return cls((), (1.0, 0.0))
        return cls(tuple(parts[:-2]), (parts[-2], parts[-1]))

    def uncalibrated(self) -> Self:
        """The same weights without the line that keeps probabilities true: what an evaluation compares with."""
        return type(self)(self._parts, (1.0, 0.0))

    def weights(self, experience: int, count: int) -> tuple[float, ...]:
        """The weight of each of the first `count` terms, then what is added to every score; 0 to `WEIGHT_MAX`.

        experience  examples that the person's own model has learnt

        About 0.1 µs where it was asked before, else 4.
        """
        experience = min(experience, KNOTS[-1])
        found = self._known.get((experience, count))
        if found is None:
            found = self._known[experience, count] = self._weights(experience, count)
        return found

    def _weights(self, experience: int, count: int) -> tuple[float, ...]:
        if not self._parts:
            return (*(1.0,) * count, 0.0)
        slope, offset = self._line
        shares = shares_of(experience)
        whole = [
            sum([part * share for part, share in zip(self._parts[at : at + _PARTS], shares, strict=True)])
            for at in range(0, _SIZE, _PARTS)
        ]
        added = min(max(slope * whole[-1] + offset, -ADDED_MAX), ADDED_MAX)
        return (*[min(max(slope * one, 0.0), WEIGHT_MAX) for one in whole[:count]], added)


class StackStatistics:
    """What is learnt of the weights of one slot's terms: in log order, and mergeable.

    mean      of all parts: for each term, then for what is added, the global part and that of each knot
    variance  of all parts: a symmetric matrix
    examples  seen; those after the first `LEARNT_FROM` were learnt from
    resets    how often weights ran away and started again
    proof     how much of them held for what was decided later
    """

    __slots__ = ("calibration", "examples", "mean", "proof", "resets", "variance")

    def __init__(self) -> None:
        self.calibration = Calibration()
        self.proof = Proof(_SIZE + 2)
        self.examples = self.resets = 0
        self.mean: Floats = _PRIOR_MEAN.copy()
        self.variance: Floats = np.diag(_PRIOR_VARIANCE)

    def learn(
        self,
        terms: tuple[float, ...],
        score: float,
        experience: int,
        clicked: bool,
        times: tuple[int, int] = (0, 0),
    ) -> None:
        """Learn from one example; some 80 µs.

        terms       raw log-odds of all `TERMS`; 0 for those that there were none of
        score       that the decision told of it, with the weights of then
        experience  examples that the person's own model had learnt
        times       log times in ms: when it was decided, and when it ended

        What is not finite teaches nothing; nor does a score of one term alone: there is nothing to weigh, and a prior
        that follows what drifts would be followed by weights that do so once more, later (bank: 0.003 of block AUC).
        """
        if not all(map(math.isfinite, terms)):
            return
        if not any(terms[1:]):
            self.calibration.count(score, clicked=clicked)
            return
        self.examples += 1
        if self.examples <= LEARNT_FROM:
            return
        x = inputs_of(terms, experience)
        self.proof.see(self._weights(), x, float((_PRIOR_MEAN * x).sum()), times, clicked=clicked)
        logit = float((self.mean * x).sum())
        self.calibration.learn(logit, clicked=clicked, told=score)
        gain = (self.variance * x).sum(axis=1)
        chance = probability(logit)
        curvature = chance * (1.0 - chance)
        scale = 1.0 / (1.0 + curvature * float((gain * x).sum()))
        self.mean = self.mean + gain * ((clicked - chance) * scale)
        # Towards the prior, never beyond it: what is left of its precision can be told apart when two are merged.
        self.variance = (self.variance - np.outer(gain, gain) * (curvature * scale)) * (1.0 - DRIFT) + _DRIFTED
        self._check()

    def expected(self, terms: tuple[float, ...], experience: int) -> float:
        """The log-odds that weights and line, as far as they are learnt by now, give these terms; some 6 µs."""
        slope, offset = self.calibration.line
        return slope * float((self.mean * inputs_of(terms, experience)).sum()) + offset

    def merge(self, other: "StackStatistics") -> None:
        """Add what another learnt from other examples: precisions add up, less the prior that both began with."""
        begun = np.diag(1.0 / _PRIOR_VARIANCE)
        mine, others = np.linalg.inv(self.variance), np.linalg.inv(other.variance)
        together = np.linalg.inv(mine + others - begun)
        self.mean = together @ (mine @ self.mean + others @ other.mean - begun @ _PRIOR_MEAN)
        self.variance = (together + together.T) / 2.0
        self.examples += other.examples
        self.resets += other.resets
        self.calibration.merge(other.calibration)
        self.proof.merge(other.proof)
        self._check()

    def doubt(self, part: float) -> None:
        """Believe every weight a little less: its variance goes this part, from 0 to 1, of the way it began with."""
        diagonal = self.variance.reshape(-1)[:: _SIZE + 1]
        diagonal += part * np.maximum(_PRIOR_VARIANCE - diagonal, 0.0)
        self.proof.doubt(part)

    def snapshot(self) -> bytes:
        """Weights to be published, as far as they are proved: what `Stack.of` reads.

        A score is then by this share what learnt weights and line say of it, and for the rest the sum of its terms.
        """
        share, (slope, offset) = self.proof.share, self.calibration.line
        published = 1.0 + share * (slope - 1.0)
        parts = ((1.0 - share) * _PRIOR_MEAN + share * slope * self.mean) / published
        return _SNAPSHOT.pack(_PUBLISHED, *parts.tolist(), published, share * offset)

    def packed(self) -> bytes:
        """What is to be stored; numbers are kept whole, so that the stored one goes on as the living."""
        head = _HEAD.pack(_VERSION, self.examples, self.resets)
        numbers: bytes = np.concatenate([self.mean, self.variance[_LOWER]]).astype("<f8").tobytes()
        return head + numbers + self.calibration.packed() + self.proof.packed()

    @classmethod
    def of(cls, packed: bytes) -> Self:
        """Read what `packed` gave; nothing gives new ones.

        Raises:
            StateCorrupt: other bytes.
        """
        made = cls()
        if not packed:
            return made
        if len(packed) < _STORED or packed[0] != (_UNPROVED if len(packed) == _STORED else _VERSION):
            raise StateCorrupt(f"expected stack statistics of {_STORED} bytes, got {len(packed)}")
        _, made.examples, made.resets = _HEAD.unpack_from(packed)
        numbers = np.frombuffer(packed, "<f8", _SIZE + len(_LOWER[0]), _HEAD.size).astype(np.float64)
        made.mean = numbers[:_SIZE]
        made.variance[_LOWER] = numbers[_SIZE:]
        made.variance.T[_LOWER] = numbers[_SIZE:]
        made.calibration = Calibration.of(packed[_STORED - PACKED_BYTES : _STORED])
        made.proof = Proof.of(packed[_STORED:], _SIZE + 2)
        if packed[0] == _UNPROVED:
            # What was published whole stays so, until later decisions speak against it.
            made.proof.believe()
        return made

    def _weights(self) -> NDArray[np.float32]:
        """What is learnt now, with slope and offset."""
        return np.array([*self.mean, *self.calibration.line], np.float32)

    def _check(self) -> None:
        """Start again where weights ran away: a variance that is none, or a weight that nobody would believe."""
        diagonal = self.variance.diagonal()
        is_known = diagonal.min() > 0.0 and bool((diagonal <= VARIANCE_SLACK * _PRIOR_VARIANCE).all())
        if np.abs(self.mean).max() <= RUNAWAY and is_known:
            return
        self.resets += 1
        self.calibration.restart()
        self.proof.restart()
        self.mean, self.variance = _PRIOR_MEAN.copy(), np.diag(_PRIOR_VARIANCE)


def inputs_of(terms: tuple[float, ...], experience: int) -> Floats:
    """What the parts of all weights are multiplied by: terms, then 1, each by the shares of this experience."""
    bounded = np.array([*[min(max(term, -TERM_MAX), TERM_MAX) for term in terms], 1.0])
    return np.outer(bounded, shares_of(experience)).ravel()


@lru_cache(maxsize=512)
def shares_of(experience: int) -> tuple[float, ...]:
    """How much each part of a weight counts: 1 for the global one, then hats over log(1 + experience).

    >>> shares_of(0), shares_of(4), shares_of(10**6)
    ((1.0, 1.0, 0.0, 0.0, 0.0, 0.0), (1.0, 0.0, 1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    """
    parts = [1.0] + [0.0] * len(KNOTS)
    place = math.log1p(min(max(experience, KNOTS[0]), KNOTS[-1]))
    right = next(n for n, log in enumerate(_LOGS) if place <= log)
    if place == _LOGS[right]:
        parts[1 + right] = 1.0
    else:
        share = (place - _LOGS[right - 1]) / (_LOGS[right] - _LOGS[right - 1])
        parts[right], parts[1 + right] = 1.0 - share, share
    return tuple(parts)
