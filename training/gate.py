"""The gate: a challenger is published as champion only where it is not worse on the newest rewards, which it never saw.

Two judges must agree. Progressive: the log loss of rewards foretold by the other terms and this one together, at most
`TOLERANCE` worse. Off-policy: what the policy would have earned with it, not surely less (`training.policy_value`).
The challenger's term is first fitted on the older half of those rewards; both are then judged on the newer half.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from schemas.models import ModelPart, checksum_of
from training.histories import History
from training.loaded import foretold
from training.parameters import scaled
from training.policy_value import PolicyValue

Doubles = NDArray[np.float64]
JUDGED_MIN = 100
"""Rewards below which nothing is said: a difference of them would be chance."""
TOLERANCE = 1e-4
"""Log loss by which a challenger may be worse: what is newer knows more of the items of today."""
SLOPE_STEPS = 12


class Figures(NamedTuple):
    """How well rewards were foretold; NaN where there is nothing to tell it by."""

    logloss: float
    auc: float
    ece: float


class Said(NamedTuple):
    """What a term says of rewards, in the order in which what earned them was served: shape (n,) each.

    offsets  log-odds of all other terms
    """

    at_ms: NDArray[np.int64]
    term: Doubles
    labels: Doubles
    offsets: Doubles


class Verdict(NamedTuple):
    """What the gate says.

    judged      rewards that it judged by
    champion    figures of the champion; of nothing at all where there is none
    slope       what the challenger's term is multiplied by
    bins        of the challenger: mean probability, share of rewards and number of each of ten equal parts
    since_ms    when the first of those rewards was served
    policy      what off-policy evaluation says; None: it was not asked
    """

    judged: int
    challenger: Figures
    champion: Figures
    slope: float
    bins: tuple[tuple[float, float, int], ...]
    reason: str
    since_ms: int = 0
    policy: PolicyValue | None = None

    def with_policy(self, value: PolicyValue) -> "Verdict":
        """The same, with what the second judge says."""
        reason = self.reason
        if not reason and value.is_worse:
            reason = (
                f"off-policy, it would have earned {value.challenger:.5f}, less than the champion's "
                f"{value.champion:.5f}: difference {value.difference:.5f} ({value.lo:.5f} to {value.hi:.5f})"
            )
        return self._replace(reason=reason, policy=value)

    @property
    def passed(self) -> bool:
        """Whether the challenger may become champion."""
        return not self.reason


def judge(
    challenger: ModelPart, champion: ModelPart | None, histories: Sequence[History], since_ms: int
) -> tuple[ModelPart, Verdict]:
    """The challenger, scaled, and the verdict on it.

    histories  of all that is known now, also of what the challenger was not trained on
    since_ms   only targets from then on are looked at
    """
    said = _newest(challenger, histories, since_ms)
    others = None if champion is None else _newest(champion, histories, since_ms).term
    half = len(said.term) // 2
    slope = slope_of(said.term[:half], said.labels[:half], said.offsets[:half])
    arrays = scaled(challenger.arrays, slope)
    settings = challenger.settings | {"deviation": _deviation(said.term[:half], slope)}
    part = replace(challenger, arrays=arrays, settings=settings, checksum=checksum_of(arrays, settings))
    return part, verdict_on(said, others, slope, 1.0)


def verdict_on(said: Said, others: Doubles | None, slope: float, others_slope: float) -> Verdict:
    """The verdict of the newer half.

    others               what the champion's term says of the same rewards; None: there is none
    slope, others_slope  what each term is multiplied by in a score
    """
    half = len(said.term) // 2
    term, labels, offsets = said.term[half:], said.labels[half:], said.offsets[half:]
    scores = offsets + slope * term
    beside = offsets if others is None else offsets + others_slope * others[half:]
    since_ms = int(said.at_ms[half]) if len(term) else 0
    mine, theirs = figures(scores, labels), figures(beside, labels)
    verdict = Verdict(len(term), mine, theirs, slope, _bins(scores, labels), "", since_ms)
    return verdict._replace(reason=_why_not(verdict, labels))


def _why_not(verdict: Verdict, labels: Doubles) -> str:
    if verdict.judged < JUDGED_MIN:
        return f"expected at least {JUDGED_MIN} rewards to judge by, got {verdict.judged}"
    if labels.min() == labels.max():
        return "expected rewards that differ, got the same everywhere"
    if not verdict.challenger.logloss <= verdict.champion.logloss + TOLERANCE:
        return f"log loss {verdict.challenger.logloss:.5f} is worse than the champion's {verdict.champion.logloss:.5f}"
    return ""


def _newest(part: ModelPart, histories: Sequence[History], since_ms: int) -> Said:
    """Of each target from a time on what the part says."""
    windows, said = foretold(part, histories)
    row, column = np.nonzero((windows.weight > 0) & (windows.target_ms >= since_ms))
    order = np.argsort(windows.target_ms[row, column], kind="stable")
    row, column = row[order], column[order]
    columns = (said, windows.label, windows.offset)
    term, labels, offsets = [values[row, column].astype(np.float64) for values in columns]
    return Said(windows.target_ms[row, column], term, labels, offsets)


def slope_of(term: Doubles, labels: Doubles, offsets: Doubles) -> float:
    """By what a term is to be multiplied so that the log loss is least: from 0 to 1, by Newton's method."""
    slope = 1.0
    for _ in range(SLOPE_STEPS):
        chance = _sigmoid(offsets + slope * term)
        curve = float((chance * (1.0 - chance) * term * term).sum())
        if curve < 1e-9:
            return 0.0
        slope = min(1.0, max(0.0, slope - float(((chance - labels) * term).sum()) / curve))
    return slope


def _deviation(term: Doubles, slope: float) -> float:
    """What the scaled term errs by.

    Where a regression on a term has the slope s, a share 1 − s of the term's variance is error (attenuation).
    """
    return float(slope * np.sqrt((1.0 - slope) * np.mean(term * term))) if len(term) else 0.0


def figures(scores: Doubles, labels: Doubles) -> Figures:
    """Log loss, area under the curve, and expected calibration error over ten equal parts."""
    if not len(scores):
        return Figures(float("nan"), float("nan"), float("nan"))
    loss = float(np.mean(np.logaddexp(0.0, scores) - labels * scores))
    ece = sum(count * abs(mean - share) for mean, share, count in _bins(scores, labels)) / len(scores)
    return Figures(loss, _auc(scores, labels), ece)


def _auc(scores: Doubles, labels: Doubles) -> float:
    """The chance that a rewarded one has the higher score; ties count half."""
    good, bad = scores[labels > 0.5], np.sort(scores[labels <= 0.5])
    if not len(good) or not len(bad):
        return float("nan")
    below = np.searchsorted(bad, good, side="left") + np.searchsorted(bad, good, side="right")
    return float(below.sum() / 2 / len(good) / len(bad))


def _bins(scores: Doubles, labels: Doubles) -> tuple[tuple[float, float, int], ...]:
    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, 10) if len(part)]
    chance = _sigmoid(scores)
    return tuple((float(chance[part].mean()), float(labels[part].mean()), len(part)) for part in parts)


def _sigmoid(scores: Doubles) -> Doubles:
    found: Doubles = 0.5 * (1.0 + np.tanh(0.5 * scores))
    return found
