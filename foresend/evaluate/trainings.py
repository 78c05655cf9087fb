"""Batch trainings inside an evaluation: when they are due, on what was before."""

import time
from collections.abc import Callable

from connectors.mappings.model import Evaluation
from foresend.evaluate.driver import Driver
from schemas.examples import Example
from schemas.models import ModelPart, PartKind
from training.factors import train_collaborative
from training.sequence import train_sequence

Trainer = Callable[[list[Example], ModelPart | None, int], ModelPart]
"""Trains on examples, warm from a champion, by a seed."""
TRAINERS: dict[PartKind, Trainer] = {
    PartKind.COLLABORATIVE: train_collaborative,
    PartKind.SEQUENCE: train_sequence,
}


class Trainings:
    """Trains the parts that a mapping names, when they are due.

    spent_s  in trainings so far
    """

    def __init__(self, evaluation: Evaluation, ablate: frozenset[str]) -> None:
        self._times = evaluation.train
        self._seed = evaluation.seed
        self._kinds = [kind for kind in PartKind if self._times and kind in self._times.parts and kind not in ablate]
        self._champions: dict[PartKind, ModelPart] = {}
        self._trained_at = 0
        self.spent_s = 0.0

    def train_if_due(self, driver: Driver) -> None:
        """Train on the examples so far, and use what came of it from now on."""
        count = len(driver.examples)
        if self._times is None or not self._kinds or not self._times.is_due(count, self._trained_at):
            return
        self._trained_at = count
        began = time.perf_counter()
        for kind in self._kinds:
            part = TRAINERS[kind](driver.examples, self._champions.get(kind), self._seed)
            self._champions[kind] = part
            driver.take_part(part)
        self.spent_s += time.perf_counter() - began
