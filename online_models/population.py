"""What all users of a workspace have taught together: for each slot a prior, and the weights of a score's terms."""

import math
from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from online_models.ages import newcomers_age
from online_models.arrivals import UNSEEN, Arrivals, settled
from online_models.judging import Judgement
from online_models.population_slot import Assessed, PackedSlot, Slot
from online_models.vector import situation_of
from schemas.codec import Cell, Upgrade
from schemas.decisions import assessed_rows
from schemas.examples import Example, RewardKind
from schemas.ids import WorkspaceId
from schemas.library import WorkspaceSettings
from schemas.models import SNAPSHOT_BYTES_MAX, ModelSnapshot, SlotPrior

SLOTS_MAX = 64
"""Slots of a workspace that are learnt; past it those leave that have learnt least."""
OFFSET_SHARE = 0.5
"""How much of a person's own content counts as explained while the prior learns: measured, between none and all."""
OFFSET_EXPERIENCE = 20
"""Examples of a person after which it is half of that. On vehicle-coupon, where nobody has more, the offset is worth
0.001 of AUC; on MovieLens, where people have hundreds, the whole of it costs as much, and 0.005 of a person's first."""
LEARNT_BYTES = SNAPSHOT_BYTES_MAX * 3 // 4
"""Of a snapshot, for what priors have learnt; the rest is for names, stacks and what stands around them."""


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


class PopulationCell(Cell):
    """What is stored of one workspace.

    number    examples that came
    slots     by `template/slot`
    arrivals  how the first of them came
    """

    SCHEMA_VERSION: ClassVar[int] = 2
    # Version 1 knew nothing of arrivals: what stored it had long begun.
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {1: lambda body: msgspec.msgpack.decode(body, type=PopulationCell)}

    number: int = 0
    slots: dict[str, PackedSlot] = {}
    arrivals: Arrivals = msgspec.field(default_factory=Arrivals)


class Pending(Cell):
    """Packed examples that are learnt, but not yet folded into what is stored.

    fold_at_ms  log time by which they are; 0 in what was stored before there was such a time
    """

    SCHEMA_VERSION: ClassVar[int] = 2
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {1: lambda body: msgspec.msgpack.decode(body, type=Pending)}

    examples: list[bytes] = []
    fold_at_ms: int = 0


class Population:
    """The living statistics of one workspace."""

    def __init__(self, number: int, slots: dict[str, Slot], arrivals: Arrivals) -> None:
        self.number = number
        self._slots = slots
        self._arrivals = arrivals

    @classmethod
    def of(cls, cell: PopulationCell) -> Self:
        """Unpack what was stored.

        Raises:
            StateCorrupt: it is not what `packed` gives.
        """
        slots = {name: Slot(one) for name, one in cell.slots.items()}
        # What was stored before arrivals were told has long begun.
        is_older = cell.number > 0 and cell.arrivals.first_ms == UNSEEN
        return cls(cell.number, slots, settled() if is_older else cell.arrivals)

    def packed(self) -> PopulationCell:
        """What is to be stored."""
        slots = {name: slot.packed() for name, slot in self._slots.items()}
        return PopulationCell(self.number, slots, self._arrivals)

    def learn(self, example: Example, settings: WorkspaceSettings) -> list[Judgement]:
        """Learn from one example; how good what was told of it was. What never arrived teaches nothing, but counts.

        Nor do clicks that came too soon, while a workspace begins: `online_models.arrivals`.
        """
        self.number += 1
        if example.kind is RewardKind.BOUNCE:
            return []
        window_ms, clicked = settings.learning.attribution_ms, example.kind is RewardKind.CLICK
        if not self._arrivals.let_in(example.at_ms, example.ended_ms, window_ms, clicked=clicked):
            return []
        situation = situation_of(example.vector, settings)
        grade = example.reward if example.grade is None else example.grade
        # The label is known already: what a grade says beyond it is how well among its like (docs/adr/0023).
        target = min(1.0, max(0.0, 2.0 * grade - example.reward))
        tags = example.tags or ((),) * len(example.slots)
        columns = zip(example.slots, example.variants, tags, example.affinities, assessed_of(example), strict=True)
        judged: dict[str, Judgement] = {}
        for name, variant, of_variant, affinity, assessed in columns:
            slot = self._slot(f"{example.template}/{name}")
            slot.examples += 1
            known = share_of(assessed.experience) * assessed.terms[1] if assessed else 0.0
            age = newcomers_age(of_variant, example.at_ms, assessed.experience) if assessed else 0.0
            top = min(1.0, max(affinity, assessed.top)) if assessed else affinity
            told = slot.prior.learn(
                situation, variant, of_variant, affinity, target, known, settings.learning, age, top
            )
            if assessed and name not in judged:
                # Items of one slate were assessed together, and earned one reward.
                judged[name] = slot.weigh(name, assessed, told - known, example)
        return list(judged.values())

    @property
    def resets(self) -> tuple[int, int]:
        """How often priors, and weights of terms, ran away and began anew."""
        slots = self._slots.values()
        return sum([slot.prior.resets for slot in slots]), sum([slot.stack.resets for slot in slots])

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

    def _slot(self, name: str) -> Slot:
        slot = self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = Slot()
            if len(self._slots) > SLOTS_MAX:
                others = [one for one in self._slots if one != name]
                del self._slots[min(others, key=lambda one: (self._slots[one].examples, one))]
        return slot
