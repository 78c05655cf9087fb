"""How good probabilities were: order, surprise and calibration, with intervals over people."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 200
BINS = 10
PROBABILITY_MIN = 1e-6
"""A probability is counted as no smaller, and no nearer to 1: one sure error would otherwise weigh more than all."""

Floats = NDArray[np.float64]


def auc(labels: Floats, scores: Floats) -> float | None:
    """The chance that a positive is above a negative, equals counting half (Mann–Whitney); None without both."""
    positives = float(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[places]
    return float((ranks[labels > 0].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def auc_interval(labels: Floats, scores: Floats, people: Sequence[str], seed: int) -> tuple[float | None, float | None]:
    """A 95 % interval of AUC by resampling people, who are what differs from one sample to the next (bootstrap)."""
    chance = np.random.default_rng(seed)
    _, person = np.unique(np.asarray(people), return_inverse=True)
    order = np.argsort(person, kind="stable")
    starts = np.searchsorted(person[order], np.arange(person.max() + 2))
    rows = [order[starts[number] : starts[number + 1]] for number in range(len(starts) - 1)]
    found = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([rows[number] for number in chance.integers(0, len(rows), len(rows))])
        value = auc(labels[chosen], scores[chosen])
        if value is not None:
            found.append(value)
    if not found:
        return None, None
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def log_loss(labels: Floats, probabilities: Floats) -> float | None:
    """The mean surprise, in nats."""
    return float(surprise(labels, probabilities).mean()) if len(labels) else None


def surprise(labels: Floats, probabilities: Floats) -> Floats:
    """How much each label surprises, in nats: shape (n,)."""
    p = np.clip(probabilities, PROBABILITY_MIN, 1 - PROBABILITY_MIN)
    found: Floats = -(labels * np.log(p) + (1 - labels) * np.log(1 - p))
    return found


def calibration_error(labels: Floats, probabilities: Floats) -> float | None:
    """The mean distance between what was said and what came, over `BINS` bins of equal count (ECE)."""
    if not len(labels):
        return None
    bins = np.array_split(np.argsort(probabilities, kind="stable"), BINS)
    distances = [abs(labels[one].mean() - probabilities[one].mean()) * len(one) for one in bins if len(one)]
    return float(sum(distances) / len(labels))


def block_auc(labels: Floats, scores: Floats, blocks: int) -> float | None:
    """The mean AUC within blocks of equal length in the order given; blocks with one kind of label are left out."""
    parts = zip(np.array_split(labels, blocks), np.array_split(scores, blocks), strict=True)
    found = [value for value in (auc(*part) for part in parts) if value is not None]
    return float(np.mean(found)) if found else None
