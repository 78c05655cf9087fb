"""What the population's learner stored in every older version goes on being learnt from. Blobs are never made again."""

from pathlib import Path

import pytest

from online_models.arrivals import Arrivals
from online_models.population import Pending, Population, PopulationCell
from online_models.prior import PriorStatistics
from online_models.prior.learnt import unpack
from online_models.stacking import LEARNT_FROM, Stack, StackStatistics
from schemas.codec import decode
from schemas.examples import Example, RewardKind
from schemas.ids import WorkspaceId

CELLS = Path(__file__).parent / "cells"
NAME = "newsletter/hero"


def test_version_1_of_the_statistics_reads_as_it_was_written() -> None:
    cell = decode(PopulationCell, (CELLS / "population_cell_v1.bin").read_bytes())
    slot = cell.slots[NAME]
    assert (cell.number, slot.examples, slot.drifts, slot.drifted_ms, len(slot.watch)) == (300, 300, 2, 1_700_000, 64)
    prior, stack = PriorStatistics.of(slot.prior), StackStatistics.of(slot.stack)
    assert (prior.examples, prior.resets, stack.examples, stack.resets) == (300, 0, 300, 0)
    assert stack.examples > LEARNT_FROM
    # Today's form is the same, but for its number and for what is proved of it, which an older one did not know.
    assert stack.packed()[1 : len(slot.stack)] == slot.stack[1:]
    assert stack.proof.share == 1.0


def test_version_1_of_the_statistics_goes_on() -> None:
    cell = decode(PopulationCell, (CELLS / "population_cell_v1.bin").read_bytes())
    slot = Population.of(cell).snapshot(WorkspaceId("shop")).slots[NAME]
    assert (slot.examples, slot.drifts) == (300, 2)
    assert unpack(slot.learnt).dense
    prior, content, added = Stack.of(slot.stack).weights(5, 2)
    assert prior == pytest.approx(1.0, abs=0.2)
    assert content == pytest.approx(1.0, abs=0.2)
    assert added != 0.0


def test_version_1_of_pending_examples_reads_as_it_was_written() -> None:
    (packed,) = decode(Pending, (CELLS / "pending_v1.bin").read_bytes()).examples
    example = decode(Example, packed)
    assert (example.user, example.kind, example.tags) == ("ana", RewardKind.CLICK, (("jazz", "vinyl"),))


def test_version_2_of_the_stack_reads_as_it_was_written_and_goes_on() -> None:
    packed = (CELLS / "stack_statistics_v2.bin").read_bytes()
    stack = StackStatistics.of(packed)
    assert stack.packed() == packed
    assert (stack.examples, stack.proof.late_ms) == (400, 30)
    assert stack.proof.mean == pytest.approx(2.145692, abs=1e-6)
    stack.learn((-1.0, 0.5, 0.0, 0.0), -0.5, 3, True, (5_000, 5_010))
    assert stack.examples == 401
    assert stack.proof.mean != pytest.approx(2.145692, abs=1e-6)


def test_version_2_remembers_how_examples_came_and_when_they_are_folded() -> None:
    cell = decode(PopulationCell, (CELLS / "population_cell_v2.bin").read_bytes())
    assert cell.arrivals == Arrivals(1_000, 5, 900, 3, 40, {7: 2, 8: 1}, 0.25)
    assert decode(Pending, (CELLS / "pending_v2.bin").read_bytes()).fold_at_ms == 61_000
