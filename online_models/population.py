"""What all users of a workspace have taught together: for each slot a prior, and the weights of a score's terms."""

import math
from typing import NamedTuple, Self

import msgspec

from online_models.ages import newcomers_age
from online_models.drift import DriftWatch
from online_models.prior.statistics import PriorStatistics
from online_models.stacking import StackStatistics
from online_models.vector import situation_of
from schemas.codec import Cell
from schemas.decisions import assessed_rows
from schemas.examples import Example, RewardKind
from schemas.ids import WorkspaceId
from schemas.library import WorkspaceSettings
from schemas.models import SNAPSHOT_BYTES_MAX, ModelSnapshot, SlotPrior

SLOTS_MAX = 64
"""Slots of a workspace that are learnt; past it those leave that have learnt least."""
DOUBT = 0.2
"""On drift, how far the variances of all weights go back to what they began with."""
OFFSET_SHARE = 0.5
"""How much of a person's own content counts as explained while the prior learns: measured, between none and all."""
OFFSET_EXPERIENCE = 20
"""Examples of a person after which it is half of that. On vehicle-coupon, where nobody has more, the offset is worth
0.001 of AUC; on MovieLens, where people have hundreds, the whole of it costs as much, and 0.005 of a person's first."""
LEARNT_BYTES = SNAPSHOT_BYTES_MAX * 3 // 4
"""Of a snapshot, for what priors have learnt; the rest is for names, stacks and what stands around them."""


class Assessed(NamedTuple):
    """How the decision saw one variant that was shown: `schemas.decisions.ASSESSED`."""

    terms: tuple[float, float, float, float]
    score: float
    deviation: float
    experience: int
    top: float


def assessed_of(example: Example) -> list[Assessed | None]:
    """Slot by slot; None where the decision is older than what is assessed, or told what is no number."""
    rows = assessed_rows(example.assessed, len(example.slots))
    if not rows:
        return [None] * len(example.slots)
    return [_assessed(row) if all(map(math.isfinite, row)) else None for row in rows]


def _assessed(row: tuple[float, ...]) -> Assessed:
    prior, content, collaborative, sequence, score, deviation, experience, top = row
    return Assessed((prior, content, collaborative, sequence), score, deviation, max(0, int(experience)), top)


def share_of(experience: int) -> float:
    """How much of a person's own content counts as explained.

    >>> share_of(0), share_of(20)
    (0.5, 0.25)
    """
    return OFFSET_SHARE * OFFSET_EXPERIENCE / (OFFSET_EXPERIENCE + experience)


class PackedSlot(msgspec.Struct, array_like=True, frozen=True):
    """What is stored of one slot."""

    prior: bytes
    stack: bytes
    examples: int
    watch: bytes = b""
    drifts: int = 0
    drifted_ms: int = 0


class PopulationCell(Cell):
    """What is stored of one workspace.

    number  examples that were learnt from
    slots   by `template/slot`
    """

    number: int = 0
    slots: dict[str, PackedSlot] = {}


class Pending(Cell):
    """Packed examples that are learnt, but not yet folded into what is stored."""

    examples: list[bytes] = []


class _Slot:
    def __init__(
        self,
        prior: PriorStatistics,
        stack: StackStatistics,
        examples: int = 0,
        watch: bytes = b"",
        drifts: int = 0,
        drifted_ms: int = 0,
    ) -> None:
        self.prior = prior
        self.stack = stack
        self.examples = examples
        self.watch = DriftWatch.of(watch)
        self.drifts = drifts
        self.drifted_ms = drifted_ms

    def look(self, score: float, example: Example) -> None:
        """Hold what was expected against what came. On drift all is doubted, so that it is learnt anew, and faster.

        What was decided before the last drift was seen is no news: much of it ends together.
        """
        if example.at_ms <= self.drifted_ms:
            return
        if self.watch.see(score, clicked=example.reward > 0.5):
            self.drifts += 1
            self.drifted_ms = example.ended_ms
            self.prior.doubt(DOUBT)
            self.stack.doubt(DOUBT)


class Population:
    """The living statistics of one workspace."""

    def __init__(self, number: int, slots: dict[str, _Slot]) -> None:
        self.number = number
        self._slots = slots

    @classmethod
    def of(cls, cell: PopulationCell) -> Self:
        """Unpack what was stored.

        Raises:
            StateCorrupt: it is not what `packed` gives.
        """
        slots = {
            name: _Slot(
                PriorStatistics.of(one.prior),
                StackStatistics.of(one.stack),
                one.examples,
                one.watch,
                one.drifts,
                one.drifted_ms,
            )
            for name, one in cell.slots.items()
        }
        return cls(cell.number, slots)

    def packed(self) -> PopulationCell:
        """What is to be stored."""
        slots = {
            name: PackedSlot(
                slot.prior.packed(),
                slot.stack.packed(),
                slot.examples,
                slot.watch.packed(),
                slot.drifts,
                slot.drifted_ms,
            )
            for name, slot in self._slots.items()
        }
        return PopulationCell(self.number, slots)

    def learn(self, example: Example, settings: WorkspaceSettings) -> None:
        """Learn from one example. What never arrived teaches nothing, and counts all the same."""
        self.number += 1
        if example.kind is RewardKind.BOUNCE:
            return
        situation = situation_of(example.vector, settings)
        grade = example.reward if example.grade is None else example.grade
        # The label is known already: what a grade says beyond it is how well among its like (docs/adr/0023).
        target = min(1.0, max(0.0, 2.0 * grade - example.reward))
        tags = example.tags or ((),) * len(example.slots)
        columns = zip(example.slots, example.variants, tags, example.affinities, assessed_of(example), strict=True)
        for name, variant, of_variant, affinity, assessed in columns:
            slot = self._slot(f"{example.template}/{name}")
            slot.examples += 1
            known = share_of(assessed.experience) * assessed.terms[1] if assessed else 0.0
            age = newcomers_age(of_variant, example.at_ms, assessed.experience) if assessed else 0.0
            top = min(1.0, max(affinity, assessed.top)) if assessed else affinity
            told = slot.prior.learn(
                situation, variant, of_variant, affinity, target, known, settings.learning, age, top
            )
            if assessed:
                slot.look(told, example)
                slot.stack.learn(assessed.terms, assessed.score, assessed.experience, example.reward > 0.5)

    def snapshot(self, workspace: WorkspaceId) -> ModelSnapshot:
        """What the job is to score with, within `SNAPSHOT_BYTES_MAX`."""
        room = LEARNT_BYTES // max(1, len(self._slots))
        return ModelSnapshot(
            workspace,
            self.number,
            {
                name: SlotPrior(
                    learnt=slot.prior.snapshot(room),
                    stack=slot.stack.snapshot(),
                    examples=slot.examples,
                    drifts=slot.drifts,
                    resets=slot.prior.resets + slot.stack.resets,
                )
                for name, slot in self._slots.items()
            },
        )

    def _slot(self, name: str) -> _Slot:
        slot = self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = _Slot(PriorStatistics(), StackStatistics())
            if len(self._slots) > SLOTS_MAX:
                others = [one for one in self._slots if one != name]
                del self._slots[min(others, key=lambda one: (self._slots[one].examples, one))]
        return slot
