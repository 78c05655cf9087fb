"""`foresend evaluate ablation`: what each part is worth, by the same decisions told with it and without it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.mappings.model import Mapping
from foresend.evaluate.progressive import Predictions, Progress, predict
from foresend.evaluate.quality import Floats, auc, log_loss, surprise
from foresend.evaluate.timeline import evaluation_of
from schemas.errors import ConfigError
from schemas.models import PartKind

RESAMPLES = 1_000
PARTS = ("prior", "content", "collaborative", "sequence", "stack", "calibration")
"""What can be left out: the terms, the weights that the stack learns, the line that keeps probabilities true."""
Rows = NDArray[np.bool_]


class PartWorth(msgspec.Struct, frozen=True):
    """What one part is worth on one data set: a figure with it less the same figure without it.

    Differences of AUC above 0, and of log loss below 0, speak for the part. `cold` is of a person's first decisions,
    the others of all later ones. Intervals are 95 %, by resampling people, both figures from the same people
    (paired bootstrap).
    """

    dataset: str
    part: str
    n: int
    auc: float | None
    auc_without: float | None
    diff: float | None
    diff_lo: float | None
    diff_hi: float | None
    cold_diff: float | None
    cold_diff_lo: float | None
    cold_diff_hi: float | None
    logloss: float | None
    logloss_without: float | None
    logloss_diff: float | None
    logloss_diff_lo: float | None
    logloss_diff_hi: float | None


def evaluate_ablation(folder: Path, mapping: Mapping, parts: Sequence[str], progress: Progress) -> Iterator[PartWorth]:
    """Judge the engine whole, and without each of these parts; none named: all that the mapping uses.

    Raises:
        ConfigError: the mapping or the folder cannot be used.
    """
    evaluation = evaluation_of(mapping)
    trained = evaluation.train.parts if evaluation.train else ()
    used = [part for part in PARTS if part not in set(PartKind) or part in trained]
    whole = predict(folder, mapping, frozenset(), progress)
    for part in parts or used:
        without = predict(folder, mapping, frozenset({part}), progress)
        yield worth(folder.name, part, whole, without, evaluation.seed)


def worth(dataset: str, part: str, whole: Predictions, without: Predictions, seed: int) -> PartWorth:
    """Compare what was told of the same decisions with a part and without it.

    Raises:
        ConfigError: these are not the same decisions.
    """
    same = np.array_equal(whole.labels, without.labels) and np.array_equal(whole.people, without.people)
    if not same:
        raise ConfigError(f"{part}: expected the same decisions with and without it, in one order")
    warm, cold = ~whole.is_cold, whole.is_cold
    ordered = _difference(auc, whole, without, warm), _interval(_resampled_auc, whole, without, warm, seed)
    first = _difference(auc, whole, without, cold), _interval(_resampled_auc, whole, without, cold, seed)
    surprised = (
        _difference(log_loss, whole, without, warm),
        _interval(_resampled_loss, whole, without, warm, seed),
    )
    return PartWorth(
        dataset,
        part,
        int(warm.sum()),
        auc(whole.labels[warm], whole.said[warm]),
        auc(without.labels[warm], without.said[warm]),
        ordered[0],
        *ordered[1],
        first[0],
        *first[1],
        log_loss(whole.labels[warm], whole.said[warm]),
        log_loss(without.labels[warm], without.said[warm]),
        surprised[0],
        *surprised[1],
    )


def _difference(
    figure: Callable[[Floats, Floats], float | None], whole: Predictions, without: Predictions, rows: Rows
) -> float | None:
    first, second = (figure(one.labels[rows], one.said[rows]) for one in (whole, without))
    return None if first is None or second is None else first - second


Resampled = Callable[[Floats, Floats], Callable[[Floats], float | None]]
"""Takes labels and probabilities; what it makes takes how often each row counts, and gives the figure."""


def _interval(
    figure: Resampled, whole: Predictions, without: Predictions, rows: Rows, seed: int
) -> tuple[float | None, float | None]:
    """A 95 % interval of the difference, by resampling people."""
    if not rows.any():
        return None, None
    chance = np.random.default_rng(seed)
    _, person = np.unique(whole.people[rows], return_inverse=True)
    people = int(person.max()) + 1
    first, second = (figure(one.labels[rows], one.said[rows]) for one in (whole, without))
    found = []
    for _ in range(RESAMPLES):
        times = np.bincount(chance.integers(0, people, people), minlength=people)[person].astype(np.float64)
        values = first(times), second(times)
        if values[0] is not None and values[1] is not None:
            found.append(values[0] - values[1])
    if not found:
        return None, None
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def _resampled_auc(labels: Floats, said: Floats) -> Callable[[Floats], float | None]:
    """AUC of rows that count several times: sorted once, for sorting is what it costs."""
    order = np.argsort(said, kind="stable")
    positive = labels[order] > 0
    starts = np.flatnonzero(np.diff(said[order], prepend=-1.0))

    def figure(times: Floats) -> float | None:
        own = times[order]
        positives, all_ = np.add.reduceat(own * positive, starts), np.add.reduceat(own, starts)
        negatives = all_ - positives
        whole = float(positives.sum() * negatives.sum())
        below = np.cumsum(negatives) - negatives / 2.0
        return float(positives @ below) / whole if whole else None

    return figure


def _resampled_loss(labels: Floats, said: Floats) -> Callable[[Floats], float | None]:
    """Log loss of rows that count several times."""
    each = surprise(labels, said)
    return lambda times: float(times @ each / times.sum()) if times.any() else None
