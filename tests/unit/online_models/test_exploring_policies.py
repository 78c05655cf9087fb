"""Epsilon-greedy, LinUCB and Thompson: what each does beyond what every policy promises."""

import math
from itertools import pairwise
from random import Random

import pytest

from online_models.policies.epsilon_greedy import EpsilonGreedy
from online_models.policies.linucb import LinUcb
from online_models.policies.thompson import Thompson

DRAWS = 20_000


def thompson(scores: list[float], deviations: list[float], temperature: float = 1.0) -> tuple[float, ...]:
    return Thompson(temperature=temperature, floor=0.0).probabilities(scores, deviations)


def test_epsilon_goes_to_all_alike_and_the_rest_to_the_best() -> None:
    policy = EpsilonGreedy(epsilon=0.3, floor=0.0)
    assert policy.probabilities([0.2, 0.9, 0.4], [1.0] * 3) == pytest.approx((0.1, 0.8, 0.1))
    assert policy.probabilities([0.9, 0.9, 0.4], [1.0] * 3) == pytest.approx((0.45, 0.45, 0.1))


def test_epsilon_and_the_floor_add_up() -> None:
    assert EpsilonGreedy(epsilon=0.5, floor=0.1).probabilities([0.0, 1.0], [0.0] * 2) == pytest.approx((0.3, 0.7))


def test_optimism_prefers_what_may_be_better() -> None:
    scores, deviations = [0.0, -0.1], [0.1, 0.5]
    assert LinUcb(optimism=0.2, floor=0.0).probabilities(scores, deviations) == (1.0, 0.0)
    assert LinUcb(optimism=0.3, floor=0.0).probabilities(scores, deviations) == (0.0, 1.0)


def test_of_two_the_chance_of_being_best_has_a_closed_form() -> None:
    for gap, first, second in [(0.3, 0.2, 0.4), (0.0, 1.0, 1.0), (2.0, 0.1, 3.0), (0.01, 1e-4, 1e-3), (5.0, 1.0, 1.0)]:
        expected = math.erfc(gap / math.hypot(first, second) / math.sqrt(2)) / 2
        assert thompson([0.0, gap], [first, second])[0] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_the_chances_are_those_of_many_draws(seed: int) -> None:
    chance = Random(seed)
    scores = [chance.gauss(-3, 0.5) for _ in range(8)]
    deviations = [math.exp(chance.gauss(-1, 1)) for _ in range(8)]
    wins = [0] * 8
    for _ in range(DRAWS):
        drawn = [chance.gauss(score, deviation) for score, deviation in zip(scores, deviations, strict=True)]
        wins[drawn.index(max(drawn))] += 1
    for win, probability in zip(wins, thompson(scores, deviations), strict=True):
        # Five standard errors of the draws themselves, of 32 comparisons.
        error = 5 * math.sqrt(probability * (1 - probability) / DRAWS)
        assert win / DRAWS == pytest.approx(probability, abs=error + 1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_the_chances_are_exact_to_a_ten_thousandth(seed: int) -> None:
    """Against the same integral in steps so small that its error is below 1e-6."""
    chance = Random(seed)
    count, spread = chance.randint(2, 8), chance.choice([0.0, 0.5, 1.5])
    scores = [chance.gauss(0, 1) for _ in range(count)]
    deviations = [math.exp(chance.gauss(-1, spread)) for _ in range(count)]
    assert thompson(scores, deviations) == pytest.approx(finely(scores, deviations), abs=1e-4)


def finely(scores: list[float], deviations: list[float]) -> list[float]:
    columns = list(zip(scores, deviations, strict=True))
    points = sorted({score + deviation * step / 40 for score, deviation in columns for step in range(-280, 281)})
    below = [[math.erfc((m - x) / s / math.sqrt(2)) / 2 for m, s in columns] for x in points]
    chances = [0.0] * len(columns)
    for left, right in pairwise(below):
        middle = [(a + b) / 2 for a, b in zip(left, right, strict=True)]
        product = math.prod(middle)
        for i, (a, b) in enumerate(zip(left, right, strict=True)):
            if middle[i] > 0:
                chances[i] += (b - a) * product / middle[i]
    return chances


def test_the_temperature_multiplies_the_deviations() -> None:
    scores, deviations = [0.0, 0.2, 0.1], [0.5, 0.3, 0.9]
    scaled = [0.3 * one for one in deviations]
    assert thompson(scores, deviations, temperature=0.3) == pytest.approx(thompson(scores, scaled), abs=1e-9)


def test_what_is_known_exactly_is_compared_too() -> None:
    assert thompson([0.0, 0.0], [1.0, 0.0]) == pytest.approx((0.5, 0.5), abs=1e-4)
    assert thompson([1.0, 0.0, -3.0], [0.0, 1.0, 0.0]) == pytest.approx((0.8413, 0.1587, 0.0), abs=1e-4)
