"""What every policy promises. A new policy adds a row to `POLICIES_UNDER_TEST`, not a file."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.policy import POLICIES, Policy, floor_of, policy_of
from schemas.library import PolicySettings
from tests.support.examples import quick

POLICIES_UNDER_TEST = [
    PolicySettings(kind="softmax"),
    PolicySettings(kind="softmax", temperature=0.0, floor=0.05),
    PolicySettings(kind="softmax", temperature=0.0, floor=0.0),
    PolicySettings(kind="softmax", temperature=5e-324, floor=0.2),
    PolicySettings(kind="softmax", temperature=1e300, floor=0.01),
]
every_policy = pytest.mark.parametrize("row", POLICIES_UNDER_TEST, ids=str)
any_score = st.floats(allow_nan=True, allow_infinity=True)


def given_scores(*scores: float) -> tuple[list[float], list[float]]:
    return list(scores), [0.1] * len(scores)


def test_every_kind_of_policy_is_under_test() -> None:
    assert {row.kind for row in POLICIES_UNDER_TEST} == set(POLICIES)


@every_policy
@given(scores=st.lists(any_score, min_size=1, max_size=60), data=st.data())
@quick
def test_whatever_the_scores_it_is_a_distribution_above_the_floor(
    row: PolicySettings, scores: list[float], data: st.DataObject
) -> None:
    policy: Policy = policy_of(row)
    uncertainties = data.draw(st.lists(st.floats(0, 1e6), min_size=len(scores), max_size=len(scores)))
    probabilities = policy.probabilities(scores, uncertainties)
    assert len(probabilities) == len(scores)
    assert math.fsum(probabilities) == pytest.approx(1, abs=1e-9)
    assert min(probabilities) >= floor_of(row.floor, len(scores))
    assert max(probabilities) <= 1 + 1e-12
    assert probabilities == policy.probabilities(tuple(scores), tuple(uncertainties)), "same in, same out"


@every_policy
@given(scores=st.lists(st.floats(-30, 30), min_size=2, max_size=20))
@quick
def test_a_better_score_never_has_less(row: PolicySettings, scores: list[float]) -> None:
    # Equal uncertainties: with unequal ones an optimistic policy may rightly prefer the lower score.
    probabilities = policy_of(row).probabilities(scores, [1.0] * len(scores))
    ranked = [p for _, p in sorted(zip(scores, probabilities, strict=True), key=lambda pair: (pair[0], pair[1]))]
    assert ranked == sorted(ranked)


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
