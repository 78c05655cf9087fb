"""Softmax with a floor, and building a policy from settings."""

import math

import pytest

from online_models.policies.choosing import policy_of
from online_models.policies.policy import floor_of
from online_models.policies.softmax import Softmax
from schemas.errors import ConfigError
from schemas.library import PolicySettings

INF, NAN = math.inf, math.nan


def softmax(*scores: float, temperature: float = 1.0, floor: float = 0.0) -> tuple[float, ...]:
    return Softmax(temperature=temperature, floor=floor).probabilities(scores, [0.0] * len(scores))


def test_probabilities_follow_the_formula() -> None:
    assert softmax(0.0, math.log(4)) == pytest.approx((0.2, 0.8))
    assert softmax(0.0, math.log(4), floor=0.1) == pytest.approx((0.1 + 0.8 * 0.2, 0.1 + 0.8 * 0.8))


def test_half_the_temperature_squares_the_odds() -> None:
    assert softmax(0.0, math.log(3), temperature=0.5) == pytest.approx((0.1, 0.9))


def test_at_temperature_zero_the_best_share_all_but_the_floors() -> None:
    assert softmax(0.3, 0.7, 0.6, temperature=0.0) == (0.0, 1.0, 0.0)
    assert softmax(0.3, 0.7, 0.7, temperature=0.0) == (0.0, 0.5, 0.5)
    assert softmax(0.3, 0.7, 0.6, temperature=0.0, floor=0.05) == pytest.approx((0.05, 0.9, 0.05))


def test_scores_too_far_apart_for_exp_are_no_trouble() -> None:
    assert softmax(1e308, -1e308) == (1.0, 0.0)
    assert softmax(1e308, 1e308, -5.0) == (0.5, 0.5, 0.0)


def test_infinite_scores_count_as_the_largest_of_their_sign() -> None:
    assert softmax(INF, INF, 0.0) == (0.5, 0.5, 0.0)
    assert softmax(-INF, -INF) == (0.5, 0.5)
    assert softmax(-INF, 0.0) == (0.0, 1.0)
    assert softmax(-INF, 1.0, temperature=0.0) == (0.0, 1.0)


def test_nan_counts_as_the_lowest_finite_score() -> None:
    assert softmax(NAN, 4.0, 3.0) == softmax(3.0, 4.0, 3.0)
    assert softmax(NAN, INF, -INF, 2.0) == softmax(2.0, INF, -INF, 2.0)
    assert softmax(NAN, NAN) == (0.5, 0.5)


def test_the_floor_is_whole_up_to_a_fifth_of_the_draw_and_shared_beyond() -> None:
    assert floor_of(0.01, 20) == 0.01
    assert floor_of(0.01, 21) == pytest.approx(0.2 / 21)
    assert floor_of(0.0, 5) == 0.0
    assert softmax(1000.0, *[-1000.0] * 49, floor=0.01) == pytest.approx((0.804, *[0.004] * 49))


def test_settings_build_the_policy_they_name() -> None:
    assert policy_of(PolicySettings(temperature=0.3, floor=0.02)) == Softmax(temperature=0.3, floor=0.02)


def test_all_problems_are_listed_together() -> None:
    with pytest.raises(ConfigError) as caught:
        policy_of(PolicySettings(kind="thomson", temperature=-1.0, floor=0.3, candidates=0))
    assert caught.value.problems == [
        "policy kind: expected one of epsilon-greedy, linucb, softmax, thompson, got 'thomson'",
        "policy temperature: expected 0 or more, got -1.0",
        "policy floor: expected 0 to 0.2, got 0.3",
        "policy candidates: expected 1 or more, got 0",
    ]


@pytest.mark.parametrize("bad", [NAN, INF, -0.1])
def test_a_temperature_is_a_number_from_zero_on(bad: float) -> None:
    with pytest.raises(ConfigError, match="temperature"):
        policy_of(PolicySettings(temperature=bad))


@pytest.mark.parametrize("bad", [NAN, INF, -0.01, 0.21])
def test_a_floor_is_a_number_up_to_a_fifth(bad: float) -> None:
    with pytest.raises(ConfigError, match="floor"):
        policy_of(PolicySettings(floor=bad))


def test_epsilon_is_a_part_of_one() -> None:
    with pytest.raises(ConfigError, match=r"expected 0 to 1 for epsilon-greedy, got 1\.5"):
        policy_of(PolicySettings(kind="epsilon-greedy", temperature=1.5))
