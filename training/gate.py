"""The gate: a challenger is published as champion only where it is not worse on the newest rewards, which it never saw.

What is compared is the log loss of rewards foretold by the other terms and this one together. The challenger's term is
first scaled by what the older half of those rewards says of its confidence; both are then judged on the newer half.
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


class Verdict(NamedTuple):
    """What the gate says.

    judged      rewards that it judged by
    champion    figures of the champion; of nothing at all where there is none
    bins        of the challenger: mean probability, share of rewards and number of each of ten equal parts
    """

    judged: int
    challenger: Figures
    champion: Figures
    slope: float
    bins: tuple[tuple[float, float, int], ...]
    reason: str

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
    own, labels, offsets = _newest(challenger, histories, since_ms)
    others = np.zeros_like(own) if champion is None else _newest(champion, histories, since_ms)[0]
    half = len(own) // 2
    slope = slope_of(own[:half], labels[:half], offsets[:half])
    arrays = scaled(challenger.arrays, slope)
    settings = challenger.settings | {"deviation": _deviation(own[:half], slope)}
    part = replace(challenger, arrays=arrays, settings=settings, checksum=checksum_of(arrays, settings))
    scores = offsets[half:] + slope * own[half:]
    mine, theirs = figures(scores, labels[half:]), figures(offsets[half:] + others[half:], labels[half:])
    verdict = Verdict(len(own) - half, mine, theirs, slope, _bins(scores, labels[half:]), "")
    return part, verdict._replace(reason=_why_not(verdict, labels[half:]))


def _why_not(verdict: Verdict, labels: Doubles) -> str:
    if verdict.judged < JUDGED_MIN:
        return f"expected at least {JUDGED_MIN} rewards to judge by, got {verdict.judged}"
    if labels.min() == labels.max():
        return "expected rewards that differ, got the same everywhere"
    if not verdict.challenger.logloss <= verdict.champion.logloss + TOLERANCE:
        return f"log loss {verdict.challenger.logloss:.5f} is worse than the champion's {verdict.champion.logloss:.5f}"
    return ""


def _newest(part: ModelPart, histories: Sequence[History], since_ms: int) -> tuple[Doubles, ...]:
    """Of each target from a time on, in the order of time: the part's term, the label, the offset."""
    windows, said = foretold(part, histories)
    row, column = np.nonzero((windows.weight > 0) & (windows.target_ms >= since_ms))
    order = np.argsort(windows.target_ms[row, column], kind="stable")
    row, column = row[order], column[order]
    columns = (said, windows.label, windows.offset)
    return tuple(values[row, column].astype(np.float64) for values in columns)


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
