"""The estimators against examples worked by hand, closed forms, and worlds whose truth is known."""

import math

import numpy as np
import pytest
from numpy import array

from online_models.estimators.estimate import Estimate, FloatArray
from online_models.estimators.off_policy import doubly_robust, inverse_propensity, self_normalised

HALF = array([0.5, 0.5, 0.5, 0.5])


def test_propensities_by_hand() -> None:
    # Weights 2, 0, 1, 1: (2 · 1 + 0 · 5 + 1 · 0 + 1 · 2) / 4.
    found = inverse_propensity(array([1.0, 5.0, 0.0, 2.0]), HALF, array([1.0, 0.0, 0.5, 0.5]))
    assert found.mean == 1.0
    assert found.ess == pytest.approx(16 / 6)
    # Values 2, 0, 0, 2: standard deviation 2 / √3, of a mean of four half of that.
    assert found.error == pytest.approx(1 / math.sqrt(3))
    assert found.interval == pytest.approx((1 - 1.96 / math.sqrt(3), 1 + 1.96 / math.sqrt(3)), abs=1e-4)


def test_normalised_by_hand() -> None:
    found = self_normalised(array([1.0, 5.0, 0.0, 2.0]), HALF, array([1.0, 0.0, 0.5, 0.5]))
    assert found.mean == 1.0
    # Influences w (r − 1) / 1: 0, 0, −1, 1.
    assert found.influence.tolist() == [0.0, 0.0, -1.0, 1.0]
    assert found.ess == pytest.approx(16 / 6)


def test_a_model_and_its_mistakes_by_hand() -> None:
    expected, by_target = array([0.5, 1.0, 0.0, 1.0]), array([0.25, 1.0, 0.5, 1.0])
    found = doubly_robust(array([1.0, 5.0, 0.0, 2.0]), HALF, array([1.0, 0.0, 0.5, 0.5]), expected, by_target)
    # 0.25 + 2 · 0.5, 1, 0.5 + 0, 1 + 1.
    assert found.mean == pytest.approx((1.25 + 1.0 + 0.5 + 2.0) / 4)


def test_the_policy_that_drew_is_valued_at_the_mean_of_its_rewards() -> None:
    rewards, propensities = array([1.0, 0.0, 3.0]), array([0.2, 0.7, 1.0])
    for estimate in (inverse_propensity, self_normalised):
        found = estimate(rewards, propensities, propensities)
        assert found.mean == pytest.approx(rewards.mean())
        assert found.error == pytest.approx(rewards.std(ddof=1) / math.sqrt(3))
        assert found.ess == pytest.approx(3)


def test_a_model_that_knows_nothing_changes_nothing() -> None:
    rewards, target = array([1.0, 5.0, 0.0, 2.0]), array([1.0, 0.0, 0.5, 0.5])
    found = doubly_robust(rewards, HALF, target, np.zeros(4), np.zeros(4))
    assert found.mean == inverse_propensity(rewards, HALF, target).mean


def test_a_choice_that_the_logs_never_hold_is_worth_nothing_known() -> None:
    found = self_normalised(array([1.0, 2.0]), array([0.5, 0.5]), array([0.0, 0.0]))
    assert (found.mean, found.error, found.ess) == (0.0, 0.0, 0.0)


def test_differences_are_paired() -> None:
    rewards = array([1.0, 0.0, 1.0, 1.0])
    first = inverse_propensity(rewards, HALF, array([0.5, 0.5, 0.5, 1.0]))
    second = inverse_propensity(rewards, HALF, HALF)
    # Row by row they differ by 0, 0, 0, 1.
    difference = first.minus(second)
    assert difference.mean == 0.25
    assert difference.error == pytest.approx(0.25)
    assert first.minus(first).interval == (0.0, 0.0)
    with pytest.raises(ValueError, match="the same rows"):
        first.minus(Estimate(0.0, np.zeros(3), 1.0))


def world(rows: int, seed: int) -> tuple[FloatArray, ...]:
    """Two choices by uneven propensities; the second is better where the person's number is above 0."""
    chance = np.random.default_rng(seed)
    number = chance.normal(size=rows)
    propensity = np.where(number > 0, 0.3, 0.6)
    second = chance.random(rows) < propensity
    rate = 0.3 + 0.1 * np.where(second, np.sign(number), 0.0)
    rewards = (chance.random(rows) < rate).astype(float)
    target = np.where(number > 0, second, ~second).astype(float)
    logged = np.where(second, propensity, 1 - propensity)
    return rewards, logged, target, rate, 0.3 + 0.1 * (number > 0)


TRUTH = 0.35
"""Who is shown the better choice visits with 0.4 or 0.3, as often as not."""


def estimates(seed: int) -> list[Estimate]:
    rewards, logged, target, rate, by_target = world(600, seed)
    return [
        inverse_propensity(rewards, logged, target),
        self_normalised(rewards, logged, target),
        doubly_robust(rewards, logged, target, rate, by_target),
        doubly_robust(rewards, logged, target, 1 - rate, 1 - by_target),
    ]


def test_intervals_hold_the_truth_as_often_as_they_say_also_with_a_wrong_model() -> None:
    held = [0] * 4
    for seed in range(300):
        for place, found in enumerate(estimates(seed)):
            held[place] += found.interval[0] <= TRUTH <= found.interval[1]
    # 285 expected; three standard deviations of such a count are 11.
    assert all(274 <= count <= 296 for count in held), held


def test_a_right_model_makes_it_narrower() -> None:
    rewards, logged, target, rate, by_target = world(5_000, 1)
    assert (
        doubly_robust(rewards, logged, target, rate, by_target).error
        < 0.9 * inverse_propensity(rewards, logged, target).error
    )


def test_equal_to_the_formulas_of_open_bandit_pipeline() -> None:
    """Its `_estimate_round_rewards`, written out: weight × reward; that over the mean weight; and with a model."""
    rewards, logged, target, rate, by_target = world(1_000, 2)
    weights = target / logged
    assert inverse_propensity(rewards, logged, target).mean == pytest.approx((weights * rewards).mean(), abs=1e-15)
    assert self_normalised(rewards, logged, target).mean == pytest.approx(
        (weights * rewards / weights.mean()).mean(), abs=1e-15
    )
    assert doubly_robust(rewards, logged, target, rate, by_target).mean == pytest.approx(
        (weights * (rewards - rate) + by_target).mean(), abs=1e-15
    )


@pytest.mark.parametrize(
    ("rewards", "propensities", "target"),
    [
        ([1.0], [0.0], [1.0]),
        ([1.0], [1.5], [1.0]),
        ([1.0], [math.nan], [1.0]),
        ([1.0], [0.5], [-0.1]),
        ([1.0], [0.5], [1.1]),
        ([1.0], [0.5], [math.nan]),
        ([math.inf], [0.5], [1.0]),
        ([1.0, 2.0], [0.5], [1.0]),
        ([], [], []),
    ],
)
def test_what_cannot_be_is_refused(rewards: list[float], propensities: list[float], target: list[float]) -> None:
    columns = array(rewards), array(propensities), array(target)
    for estimate in (inverse_propensity, self_normalised):
        with pytest.raises(ValueError, match="expected"):
            estimate(*columns)
    with pytest.raises(ValueError, match="expected"):
        doubly_robust(*columns, array(rewards), array(rewards))


def test_every_row_needs_an_expectation() -> None:
    with pytest.raises(ValueError, match="expected 4 expectations"):
        doubly_robust(HALF, HALF, HALF, HALF, array([1.0]))
