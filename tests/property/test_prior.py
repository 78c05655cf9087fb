"""What holds for the population's prior, whatever it learns."""

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from online_models.prior import PriorStatistics, PriorTerm
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation, SlotTable
from schemas.ids import SlotName, Tag, TemplateName, VariantId
from schemas.library import LearningSettings, Variant
from schemas.models import SlotPrior
from tests.support.examples import quick

LEARNING = LearningSettings(facts=("a", "b"), numbers=("n",), drift=0.0, reach=1.0)
VARIANTS = [Variant(VariantId(f"v{number}"), (Tag(f"t{number % 2}"),), {}) for number in range(3)]
_Example = tuple[int, int, float, Variant, float]
_Natural = dict[Any, float]
EXAMPLES = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 3),
        st.floats(width=32),
        st.sampled_from(VARIANTS),
        st.sampled_from([0.0, 1.0]),
    ),
    max_size=25,
)


def taught(examples: list[_Example]) -> PriorStatistics:
    statistics = PriorStatistics()
    for first, second, number, variant, label in examples:
        situation = Situation((first, second), (number,))
        statistics.learn(situation, variant.id, variant.tags, 0.5, label, 0.0, LEARNING)
    return statistics


def natural(statistics: PriorStatistics) -> _Natural:
    """Precision less the prior's, and precision · mean, by feature and by bucket."""
    block, table = statistics.block, statistics.table
    keys = list(block.keys)
    found: _Natural = {}
    if keys:
        precision, push = block.natural()
        for one, row in zip(keys, precision, strict=True):
            found.update({(one, other): value for other, value in zip(keys, row, strict=True)})
        found.update(dict(zip(keys, push, strict=True)))
    buckets = table.touched
    for name, values in zip(("precision", "push"), table.natural(buckets), strict=True):
        found.update({(name, bucket): value for bucket, value in zip(buckets.tolist(), values, strict=True)})
    return found


def assert_same(first: _Natural, second: _Natural, tolerance: float = 2e-3) -> None:
    for key in first.keys() | second.keys():
        assert math.isclose(first.get(key, 0.0), second.get(key, 0.0), rel_tol=tolerance, abs_tol=tolerance), key


@given(EXAMPLES, EXAMPLES)
@quick
def test_merged_statistics_are_the_sum_of_both(first: list[_Example], second: list[_Example]) -> None:
    one, other = natural(taught(first)), natural(taught(second))
    merged = taught(first)

    merged.merge(taught(second))

    assert_same(natural(merged), {key: one.get(key, 0.0) + other.get(key, 0.0) for key in one | other})
    assert merged.examples == len(first) + len(second)


@given(EXAMPLES, EXAMPLES)
@quick
def test_the_order_of_workers_does_not_matter(first: list[_Example], second: list[_Example]) -> None:
    one, other = taught(first), taught(second)

    one.merge(taught(second))
    other.merge(taught(first))

    assert_same(natural(one), natural(other))


@given(EXAMPLES)
@quick
def test_nothing_is_added_by_a_worker_that_learnt_nothing(examples: list[_Example]) -> None:
    merged = taught(examples)

    merged.merge(PriorStatistics())

    assert_same(natural(merged), natural(taught(examples)))


@given(EXAMPLES, st.floats(), st.floats(0, 1))
@quick
def test_a_score_is_always_a_number_and_its_uncertainty_too(
    examples: list[_Example], number: float, near: float
) -> None:
    table = SlotTable(TemplateName("t"), SlotName("s"), VARIANTS)
    term = PriorTerm(table, SlotPrior(learnt=taught(examples).snapshot(20_000)), LEARNING)

    scores = term.score(Person({"t0": near}, Situation((1, 0), (number,)), UserModels(), b"", 0))

    assert np.isfinite(scores.values).all()
    assert np.isfinite(scores.deviations).all()
    assert min(scores.deviations) >= 0.0


@given(EXAMPLES)
@quick
def test_stored_and_living_statistics_are_the_same(examples: list[_Example]) -> None:
    statistics = taught(examples)

    assert PriorStatistics.of(statistics.packed()).packed() == statistics.packed()
