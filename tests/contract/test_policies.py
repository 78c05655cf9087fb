"""What every policy promises. A new policy adds rows to `POLICIES_UNDER_TEST`, not a file."""

import json
import math
import subprocess
import sys
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.policies.choosing import POLICIES, policy_of
from online_models.policies.policy import Policy, floor_of
from schemas.library import TEMPERATURES, PolicySettings
from tests.support.examples import quick

few = settings(quick, max_examples=25)
"""Each promise is tried for every row: together that is many."""

POLICIES_UNDER_TEST = [
    *[PolicySettings(kind=kind, temperature=temperature) for kind, temperature in TEMPERATURES.items()],
    *[PolicySettings(kind=kind, temperature=0.0, floor=0.05) for kind in TEMPERATURES],
    *[PolicySettings(kind=kind, temperature=5e-324, floor=0.2) for kind in ("softmax", "thompson", "linucb")],
    *[PolicySettings(kind=kind, temperature=1e300, floor=0.0) for kind in ("softmax", "thompson", "linucb")],
    PolicySettings(kind="epsilon-greedy", temperature=1.0, floor=0.0),
]
every_policy = pytest.mark.parametrize("row", POLICIES_UNDER_TEST, ids=str)
every_kind = pytest.mark.parametrize("kind", sorted(TEMPERATURES))
any_float = st.floats(allow_nan=True, allow_infinity=True)
sane_columns = st.lists(st.tuples(st.floats(-30, 30), st.floats(0, 5)), min_size=2, max_size=12)
ROUNDING = 1e-9


def given_scores(*scores: float) -> tuple[list[float], list[float]]:
    return list(scores), [0.1] * len(scores)


def test_every_kind_of_policy_is_under_test_and_has_a_temperature() -> None:
    assert {row.kind for row in POLICIES_UNDER_TEST} == set(POLICIES) == set(TEMPERATURES)


@every_policy
@given(columns=st.lists(st.tuples(any_float, any_float), min_size=1, max_size=40))
@few
def test_whatever_the_scores_it_is_a_distribution_above_the_floor(
    row: PolicySettings, columns: list[tuple[float, float]]
) -> None:
    policy: Policy = policy_of(row)
    scores, uncertainties = map(list, zip(*columns, strict=True))
    probabilities = policy.probabilities(scores, uncertainties)
    assert len(probabilities) == len(scores)
    assert math.fsum(probabilities) == pytest.approx(1, abs=1e-9)
    assert min(probabilities) >= floor_of(row.floor, len(scores))
    assert max(probabilities) <= 1 + 1e-12
    assert probabilities == policy.probabilities(tuple(scores), tuple(uncertainties)), "same in, same out"
    assert all(type(probability) is float for probability in probabilities), "codecs know no numbers of numpy's"


@every_policy
@given(columns=sane_columns, chance=st.randoms(use_true_random=False))
@few
def test_the_order_of_variants_changes_nothing(
    row: PolicySettings, columns: list[tuple[float, float]], chance: Random
) -> None:
    order = list(range(len(columns)))
    chance.shuffle(order)
    policy = policy_of(row)
    straight = policy.probabilities(*map(list, zip(*columns, strict=True)))
    shuffled = policy.probabilities(*map(list, zip(*[columns[i] for i in order], strict=True)))
    assert shuffled == pytest.approx([straight[i] for i in order], abs=ROUNDING)


@every_policy
@given(columns=sane_columns, twin=st.integers(0, 11))
@few
def test_equals_get_the_same(row: PolicySettings, columns: list[tuple[float, float]], twin: int) -> None:
    twin %= len(columns)
    probabilities = policy_of(row).probabilities(*map(list, zip(*columns, columns[twin], strict=True)))
    assert probabilities[-1] == pytest.approx(probabilities[twin], abs=ROUNDING)


@every_policy
@given(scores=st.lists(st.floats(-30, 30), min_size=2, max_size=20), deviation=st.floats(0, 5))
@few
def test_a_better_score_never_has_less(row: PolicySettings, scores: list[float], deviation: float) -> None:
    # Equal uncertainties: with unequal ones an optimistic policy may rightly prefer the lower score.
    probabilities = policy_of(row).probabilities(sorted(scores), [deviation] * len(scores))
    assert all(later >= earlier - ROUNDING for earlier, later in pairwise(probabilities))


@every_policy
@given(columns=sane_columns, raised=st.integers(0, 11), by=st.floats(0, 30))
@few
def test_who_rises_never_gets_less(
    row: PolicySettings, columns: list[tuple[float, float]], raised: int, by: float
) -> None:
    raised %= len(columns)
    scores, uncertainties = map(list, zip(*columns, strict=True))
    before = policy_of(row).probabilities(scores, uncertainties)[raised]
    scores[raised] += by
    # Thompson's quadrature is correct to 1e-4, and its nodes move with the scores.
    assert policy_of(row).probabilities(scores, uncertainties)[raised] >= before - 1e-4


@every_policy
@given(columns=sane_columns, move=st.floats(-30, 30))
@few
def test_only_differences_of_scores_count(row: PolicySettings, columns: list[tuple[float, float]], move: float) -> None:
    # Whole numbers, for a rounding that makes equals of what was not changes who is best.
    scores = [float(round(score)) for score, _ in columns]
    uncertainties = [float(round(deviation)) for _, deviation in columns]
    policy = policy_of(row)
    moved = policy.probabilities([score + round(move) for score in scores], uncertainties)
    assert moved == pytest.approx(policy.probabilities(scores, uncertainties), abs=ROUNDING)


@every_kind
@given(columns=sane_columns)
@few
def test_at_temperature_zero_the_best_have_it_all_but_the_floors(kind: str, columns: list[tuple[float, float]]) -> None:
    scores, uncertainties = map(list, zip(*columns, strict=True))
    probabilities = policy_of(PolicySettings(kind=kind, temperature=0.0, floor=0.01)).probabilities(
        scores, uncertainties
    )
    best = [score == max(scores) for score in scores]
    rest = 1 - 0.01 * len(scores)
    assert probabilities == pytest.approx([0.01 + rest * one / sum(best) for one in best], abs=ROUNDING)


@every_kind
def test_a_temperature_near_zero_is_near_temperature_zero(kind: str) -> None:
    columns = [0.3, 0.7, 0.1], [0.5, 0.2, 1.0]
    frozen = policy_of(PolicySettings(kind=kind, temperature=0.0)).probabilities(*columns)
    cold = policy_of(PolicySettings(kind=kind, temperature=1e-4)).probabilities(*columns)
    assert cold == pytest.approx(frozen, abs=1e-3)


@every_policy
def test_nan_and_infinities_count_as_the_contract_says(row: PolicySettings) -> None:
    policy, inf, nan = policy_of(row), math.inf, math.nan
    assert policy.probabilities(*given_scores(nan, 4.0, 3.0)) == policy.probabilities(*given_scores(3.0, 4.0, 3.0))
    largest = sys.float_info.max
    assert policy.probabilities(*given_scores(inf, 1.0, -inf)) == policy.probabilities(
        *given_scores(largest, 1.0, -largest)
    )
    assert policy.probabilities([1.0, 2.0], [nan, -1.0]) == policy.probabilities([1.0, 2.0], [0.0, 0.0])
    assert policy.probabilities([1.0, 2.0], [inf, 0.0]) == policy.probabilities([1.0, 2.0], [1e6, 0.0])


@every_policy
def test_one_variant_has_it_all(row: PolicySettings) -> None:
    assert policy_of(row).probabilities(*given_scores(-3.0)) == pytest.approx((1.0,))


@every_policy
def test_no_variants_have_nothing(row: PolicySettings) -> None:
    assert policy_of(row).probabilities([], []) == ()


@every_policy
def test_every_score_needs_an_uncertainty(row: PolicySettings) -> None:
    with pytest.raises(ValueError, match="expected 2 uncertainties, got 1"):
        policy_of(row).probabilities([0.0, 1.0], [0.5])


def test_another_process_gets_the_same_bits() -> None:
    program = """
import json, sys
from online_models.policies.choosing import policy_of
from schemas.library import TEMPERATURES, PolicySettings
rows = [PolicySettings(kind=kind, temperature=t) for kind, t in TEMPERATURES.items()]
print(json.dumps([policy_of(row).probabilities([-3.1, -2.7, -2.9, -3.3], [0.3, 0.2, 0.5, 0.01]) for row in rows]))
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    here = [
        policy_of(PolicySettings(kind=kind, temperature=temperature)).probabilities(
            [-3.1, -2.7, -2.9, -3.3], [0.3, 0.2, 0.5, 0.01]
        )
        for kind, temperature in TEMPERATURES.items()
    ]
    assert json.loads(runs[0]) == [list(one) for one in here]
