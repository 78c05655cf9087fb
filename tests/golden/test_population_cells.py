"""What the population's learner stored in every older version goes on being learnt from. Blobs are never made again."""

from pathlib import Path

import pytest

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
    assert stack.packed() == slot.stack


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
