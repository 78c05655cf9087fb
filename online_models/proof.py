"""Proof: how much of weights that were learnt is published, by what it was worth for decisions that came after.

A label that comes late is learnt by the prior and by the weights over it, both from the same miss: weights that look
good on what they were learnt from may then correct what the prior has corrected already. So weights of a while ago are
kept, and each example that was decided after they were made says how far from equal weights towards them it would have
been best to go: a share from 0, equal weights, to 1, all that was learnt. What is published is what is sure of it.

Examples that the same weights are judged by are not independent: a slow month makes thousands of them alike. Each says
less the more there were before (the design effect of clusters, Kish 1965), so a month is worth some hundred examples.
Where labels are prompt, weights are judged by one example each, and each counts whole.
"""

import math
import struct
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from online_models.calibration import VARIANCE_SLACK, probability
from schemas.errors import StateCorrupt

START = 0.0
"""The share before anything has been proved."""
VARIANCE = 1.0
"""With which it begins: some hundreds of examples move it."""
BELIEVED = (1.2, 0.01)
"""Mean and variance with which all is published."""
DRIFT = 1e-6
"""Part of the way back to the first variance that each example goes: some 5 000 examples are remembered."""
ALIKE = 0.01
"""Correlation of the examples that judge the same weights: n of them count for n / (1 + ALIKE · n)."""
KEPT = 3
"""Weights of a while ago that are kept; each as much older than the next as a label was ever late, so that for each
example one of them was made before its decision: the first two would do, were no two times the same."""
SURE = 1.0
"""Deviations by which the share that is published is below the one expected: with 2, weights that are right come too
late (MovieLens: 0.0005 of log loss), with 0 cdnow's, which are not, come at all (0.005 of AUC)."""
SHARE_MAX = 50.0
"""Beyond it the share has run away; so it has where it is no number."""
_FORM = struct.Struct("<B2d2q")
_MADE = struct.Struct("<qI")
Floats = NDArray[np.float64]
Weights = NDArray[np.float32]


@dataclass(slots=True)
class _Kept:
    """Weights of a while ago: up to which log time they had learnt, how many examples judged them, and they."""

    made_ms: int
    judged: int
    weights: Weights


class Proof:
    """How much of the weights of one slot held for what was decided after they were made.

    The share is a Gaussian, updated by one Newton step for each example, as the weights are. It is bounded where it is
    used, not where it is learnt.

    size      of weights: one for each input, then slope and offset of the line over the sum
    mean      of the share
    variance  of the share
    late_ms   the longest that a label came after its decision
    """

    __slots__ = ("_kept", "_seen_ms", "_size", "late_ms", "mean", "variance")

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: list[_Kept] = []
        self._seen_ms = -1
        self.mean, self.variance, self.late_ms = START, VARIANCE, 0

    @property
    def share(self) -> float:
        """Of what was learnt, how much is surely to be published: from 0 to 1."""
        return min(max(self.mean - SURE * math.sqrt(self.variance), 0.0), 1.0)

    def see(self, weights: Weights, inputs: Floats, equal: float, times: tuple[int, int], *, clicked: bool) -> None:
        """Judge by one example what was learnt before its decision; some 15 µs.

        weights  as they are before this example is learnt: float32, shape (size,)
        inputs   of the example: shape (size − 2,)
        equal    its score by equal weights, in log-odds
        times    log times in ms: when it was decided, and when it ended
        """
        at_ms, ended_ms = times
        self.late_ms = max(self.late_ms, ended_ms - at_ms)
        self._keep(weights)
        self._seen_ms = max(self._seen_ms, ended_ms)
        found = next((kept for kept in self._kept if kept.made_ms < at_ms), None)
        if found is not None:
            slope, offset = float(found.weights[-2]), float(found.weights[-1])
            told = slope * float((found.weights[:-2] * inputs).sum()) + offset
            self._learn(equal, told - equal, (1.0 + ALIKE * found.judged) ** -2, clicked=clicked)
            found.judged += 1

    def merge(self, other: "Proof") -> None:
        """Add what another proved: precisions add up, less the one that both began with.

        Weights that were kept are those of one of them alone: none stays, and what comes next judges what is made
        from now on.
        """
        mine, others = 1.0 / self.variance, 1.0 / other.variance
        together = mine + others - 1.0 / VARIANCE
        self.mean = (mine * self.mean + others * other.mean - START / VARIANCE) / together
        self.variance = 1.0 / together
        self.late_ms = max(self.late_ms, other.late_ms)
        self._seen_ms = max(self._seen_ms, other._seen_ms)  # noqa: SLF001 - another of its kind
        self._kept = []
        self._check()

    def believe(self) -> None:
        """Take all that is learnt for proved, as sure as hundreds of later examples would make it."""
        self.mean, self.variance = BELIEVED

    def doubt(self, part: float) -> None:
        """Believe the share a little less: its variance goes this part of the way back."""
        self.variance += part * max(VARIANCE - self.variance, 0.0)

    def restart(self) -> None:
        """Nothing is proved any more; how late labels are is still known."""
        self.mean, self.variance, self._kept = START, VARIANCE, []

    def packed(self) -> bytes:
        """What is to be stored."""
        head = _FORM.pack(len(self._kept), self.mean, self.variance, self.late_ms, self._seen_ms)
        rows = [_MADE.pack(one.made_ms, one.judged) + one.weights.astype("<f4").tobytes() for one in self._kept]
        return head + b"".join(rows)

    @classmethod
    def of(cls, packed: bytes, size: int) -> Self:
        """Read what `packed` gave; nothing gives a new one.

        Raises:
            StateCorrupt: other bytes.
        """
        made = cls(size)
        if not packed:
            return made
        row = _MADE.size + 4 * size
        if len(packed) < _FORM.size or packed[0] > KEPT or len(packed) != _FORM.size + packed[0] * row:
            raise StateCorrupt(f"expected a proof of up to {KEPT} weights, got {len(packed)} bytes")
        count, made.mean, made.variance, made.late_ms, made._seen_ms = _FORM.unpack_from(packed)
        for at in range(_FORM.size, _FORM.size + count * row, row):
            weights = np.frombuffer(packed, "<f4", size, at + _MADE.size).astype(np.float32)
            made_ms, judged = _MADE.unpack_from(packed, at)
            made._kept.append(_Kept(made_ms, judged, weights))
        return made

    def _keep(self, weights: Weights) -> None:
        """Keep them, if the newest that are kept are old enough; the oldest leaves."""
        newest_ms = self._kept[0].made_ms if self._kept else -1
        if self._seen_ms > newest_ms and (not self._kept or self._seen_ms - newest_ms >= self.late_ms):
            self._kept = [_Kept(self._seen_ms, 0, weights), *self._kept[: KEPT - 1]]

    def _learn(self, equal: float, towards: float, count: float, *, clicked: bool) -> None:
        """Take in one example, which counts for this part of one."""
        chance = probability(equal + self.mean * towards)
        curvature = count * chance * (1.0 - chance)
        gain = self.variance * towards
        scale = 1.0 / (1.0 + curvature * gain * towards)
        self.mean += gain * count * (clicked - chance) * scale
        self.variance *= scale
        self.variance += DRIFT * count * (VARIANCE - self.variance)
        self._check()

    def _check(self) -> None:
        """Begin anew where the share ran away."""
        if not (abs(self.mean) <= SHARE_MAX and 0.0 < self.variance <= VARIANCE_SLACK * VARIANCE):
            self.restart()
