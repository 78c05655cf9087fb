"""`foresend evaluate progressive`: predict, then learn, through the job's own step, in the order of the log."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.mappings.model import Evaluation, Mapping
from foresend.evaluate.driver import Driver
from foresend.evaluate.quality import Floats, auc, auc_interval, block_auc, calibration_error, log_loss
from foresend.evaluate.rows import LoggedDecision
from foresend.evaluate.timeline import Told, evaluation_of, timeline
from foresend.evaluate.trainings import Trainings
from schemas.events import Event
from schemas.ids import UserId

Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""
PROGRESS_EVERY = 500


class ProgressiveFigures(msgspec.Struct, frozen=True):
    """What was measured. `cold` is of a person's first decisions, the other figures of all later ones."""

    dataset: str
    n: int
    auc: float | None
    auc_lo: float | None
    auc_hi: float | None
    block_auc: float | None
    logloss: float | None
    ece: float | None
    n_cold: int
    cold_auc: float | None
    cold_logloss: float | None
    us_per_event: float
    train_s: float
    state_bytes_p99: float
    ablated: tuple[str, ...] = ()


class Predictions(NamedTuple):
    """What was told of each judged decision, in their order: each of shape (n,).

    said     probability of the label
    is_cold  whether it was one of a person's first ones
    """

    labels: Floats
    said: Floats
    is_cold: NDArray[np.bool_]
    people: NDArray[np.str_]


class _Run:
    """One pass over a timeline."""

    def __init__(self, evaluation: Evaluation, decisions: list[LoggedDecision], ablate: frozenset[str]) -> None:
        self._driver = Driver(evaluation, decisions, ablate)
        self._trainings = Trainings(evaluation, ablate)
        self._learn = evaluation.learn
        self._cold = evaluation.cold
        self._judged_from_ms = evaluation.moments.judged_from_ms if evaluation.moments else 0
        self._seen: dict[UserId, int] = defaultdict(int)
        self.labels: list[float] = []
        self.probabilities: list[float] = []
        self.is_cold: list[bool] = []
        self.people: list[UserId] = []
        self.happenings = 0
        self.spent_s = 0.0

    def take(self, at_ms: int, happening: Event | LoggedDecision | Told) -> None:
        """Let one thing happen."""
        began = time.perf_counter()
        said = 0.0
        if isinstance(happening, Event):
            self._driver.behave(happening)
        elif isinstance(happening, LoggedDecision):
            said = self._driver.assess(happening).probability
        else:
            decision = happening.decision
            self._driver.tell(decision, decision.outcomes[self._learn], happening.rank, at_ms)
        self.spent_s += time.perf_counter() - began
        self.happenings += 1
        if isinstance(happening, LoggedDecision):
            self._book(happening, said)
        elif isinstance(happening, Told):
            self._trainings.train_if_due(self._driver)

    def _book(self, decision: LoggedDecision, said: float) -> None:
        if decision.at_ms >= self._judged_from_ms:
            self.probabilities.append(said)
            self.labels.append(decision.outcomes[self._learn])
            self.is_cold.append(self._seen[decision.user] < self._cold)
            self.people.append(decision.user)
        self._seen[decision.user] += 1

    def figures(self, dataset: str, evaluation: Evaluation, ablated: Iterable[str]) -> ProgressiveFigures:
        """What it came to."""
        labels, said = np.array(self.labels), np.array(self.probabilities)
        cold = np.array(self.is_cold, bool)
        warm = ~cold
        people = [person for person, is_cold in zip(self.people, self.is_cold, strict=True) if not is_cold]
        low, high = auc_interval(labels[warm], said[warm], people, evaluation.seed)
        return ProgressiveFigures(
            dataset=dataset,
            n=int(warm.sum()),
            auc=auc(labels[warm], said[warm]),
            auc_lo=low,
            auc_hi=high,
            block_auc=block_auc(labels, said, evaluation.blocks) if evaluation.blocks else None,
            logloss=log_loss(labels[warm], said[warm]),
            ece=calibration_error(labels[warm], said[warm]),
            n_cold=int(cold.sum()),
            cold_auc=auc(labels[cold], said[cold]),
            cold_logloss=log_loss(labels[cold], said[cold]),
            us_per_event=1e6 * self.spent_s / max(1, self.happenings),
            train_s=self._trainings.spent_s,
            state_bytes_p99=float(np.percentile(self._driver.state_bytes(), 99)),
            ablated=tuple(sorted(ablated)),
        )


def evaluate_progressive(
    folder: Path, mapping: Mapping, ablate: frozenset[str], progress: Progress
) -> ProgressiveFigures:
    """Judge the engine on a folder.

    ablate  parts that are left out: `prior`, `content`, `collaborative`, `sequence`, `stack`, `calibration`

    Raises:
        ConfigError: the mapping or the folder cannot be used.
    """
    return _run(folder, mapping, ablate, progress).figures(folder.name, evaluation_of(mapping), ablate)


def predict(folder: Path, mapping: Mapping, ablate: frozenset[str], progress: Progress) -> Predictions:
    """What the engine tells of each judged decision of a folder; see `evaluate_progressive`."""
    run = _run(folder, mapping, ablate, progress)
    return Predictions(
        np.array(run.labels), np.array(run.probabilities), np.array(run.is_cold, bool), np.array(run.people)
    )


def _run(folder: Path, mapping: Mapping, ablate: frozenset[str], progress: Progress) -> _Run:
    evaluation = evaluation_of(mapping)
    happenings = list(timeline(folder, mapping))
    decisions = [one for _, one in happenings if isinstance(one, LoggedDecision)]
    run = _Run(evaluation, decisions, ablate)
    for done, (at_ms, happening) in enumerate(happenings, 1):
        run.take(at_ms, happening)
        if not done % PROGRESS_EVERY:
            progress(done, len(happenings))
    return run
