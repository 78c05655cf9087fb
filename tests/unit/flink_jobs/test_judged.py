"""The quality of models, as it is counted: told against come, and against a model that knows only the rate."""

import math
import struct
from collections import Counter

import pytest
from msgspec.structs import replace

from connectors.metrics.job import (
    BASELINE_LOG_LOSS,
    DRIFT_ALARMS,
    EXAMPLES,
    LOG_LOSS,
    PREDICTED,
    RESETS,
    REWARDED,
    SNAPSHOTS,
)
from flink_jobs.counting import Count
from flink_jobs.population.judged import judged_counts, reset_counts
from flink_jobs.population.step import PopulationStep
from flink_jobs.records import InputRecord, PlainCells
from online_models.drift import Drift
from online_models.judging import Judgement
from schemas.codec import encode
from schemas.examples import Example, RewardKind
from schemas.ids import SlotName
from schemas.versions import Position
from tests.unit.flink_jobs.test_population_step import SHOP, example, settings

SLOT = ("shop", "news", "hero")


def summed(counts: list[Count]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for name, values, amount in counts:
        found[name, *values] += amount  # type: ignore[assignment]
    return found


def judgement(told: float, *, rewarded: bool, drifts: tuple[Drift, ...] = ()) -> Judgement:
    return Judgement(SlotName("hero"), told, rewarded, 0.25, drifts)


def test_an_example_is_counted_in_the_bucket_of_what_was_told() -> None:
    found = summed([*judged_counts(example(1), [judgement(0.03, rewarded=True)])])
    assert found[EXAMPLES, *SLOT, "0.05"] == 1
    assert found[REWARDED, *SLOT, "0.05"] == 1
    assert found[PREDICTED, *SLOT, "0.05"] == 0.03
    assert found[LOG_LOSS, *SLOT] == pytest.approx(-math.log(0.03))
    assert found[BASELINE_LOG_LOSS, *SLOT] == pytest.approx(-math.log(0.25))


@pytest.mark.parametrize(("told", "bucket"), [(0.0, "0.01"), (0.01, "0.01"), (0.0100001, "0.02"), (1.0, "1.0")])
def test_a_bound_belongs_to_its_bucket(told: float, bucket: str) -> None:
    found = summed([*judged_counts(example(1), [judgement(told, rewarded=False)])])
    assert found[EXAMPLES, *SLOT, bucket] == 1
    assert found[REWARDED, *SLOT, bucket] == 0


def test_drift_is_told_also_where_there_is_none() -> None:
    counts = [*judged_counts(example(1), [judgement(0.1, rewarded=False, drifts=(Drift.RATE,))])]
    alarms = {one.values[-1]: one.amount for one in counts if one.name == DRIFT_ALARMS}
    assert alarms == {kind: kind is Drift.RATE for kind in Drift}


def test_resets_never_fall() -> None:
    assert [one.amount for one in reset_counts(SHOP, (3, 1), (4, 0))] == [1, 0]
    assert {one.values for one in reset_counts(SHOP, (0, 0), (0, 0))} == {("shop", "prior"), ("shop", "weights")}


def learnt(cells: PlainCells, one: Example, step: PopulationStep) -> Counter[tuple[str, ...]]:
    return summed(step.on_record(cells, InputRecord(b"shop|u|s", encode(one), Position(0, 0, 0))).counts)


def test_what_comes_back_after_a_restart_is_counted_once() -> None:
    cells = PlainCells()
    first = PopulationStep(lambda *_: settings(2), "a")
    learnt(cells, example(1), first)
    again = PopulationStep(lambda *_: settings(2), "b")
    found = learnt(cells, example(2), again)
    assert sum(number for key, number in found.items() if key[0] == EXAMPLES) == 1
    assert found[SNAPSHOTS, "shop"] == 1


def test_what_never_arrived_is_not_judged() -> None:
    step = PopulationStep(lambda *_: settings(), "a")
    found = learnt(PlainCells(), example(1, kind=RewardKind.BOUNCE), step)
    assert not [key for key in found if key[0] == EXAMPLES]
    assert found[RESETS, "shop", "prior"] == 0


def test_a_model_that_knows_is_better_than_the_rate_and_one_that_errs_is_worse() -> None:
    for sign, is_better in ((1.0, True), (-1.0, False)):
        step, cells = PopulationStep(lambda *_: settings(), "a"), PlainCells()
        whole: Counter[tuple[str, ...]] = Counter()
        for number in range(200):
            kind = RewardKind.CLICK if number % 2 else RewardKind.NONE
            score = sign * (2.0 if number % 2 else -2.0)
            whole += learnt(cells, told_of(example(number, kind=kind), score), step)
        assert (whole[LOG_LOSS, *SLOT] < whole[BASELINE_LOG_LOSS, *SLOT]) is is_better


def told_of(one: Example, score: float) -> Example:
    return replace(one, assessed=struct.pack("<8f", score, 0.0, 0.0, 0.0, score, 1.0, 0.0, 0.0))
