"""What is true of softmax for all scores, beyond what every policy promises."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.policies.softmax import Softmax
from tests.support.examples import quick

scores = st.lists(st.floats(-50, 50), min_size=1, max_size=20)


@given(scores=scores, move=st.floats(-50, 50), temperature=st.floats(0.05, 5))
@quick
def test_only_differences_of_scores_count(scores: list[float], move: float, temperature: float) -> None:
    policy = Softmax(temperature=temperature, floor=0.01)
    moved = policy.probabilities([s + move for s in scores], [0.0] * len(scores))
    assert moved == pytest.approx(policy.probabilities(scores, [0.0] * len(scores)), abs=1e-9)


@given(scores=scores, temperature=st.floats(0.05, 5))
@quick
def test_without_a_floor_log_odds_are_score_differences_over_the_temperature(
    scores: list[float], temperature: float
) -> None:
    probabilities = Softmax(temperature=temperature, floor=0.0).probabilities(scores, [0.0] * len(scores))
    best = max(range(len(scores)), key=scores.__getitem__)
    for score, probability in zip(scores, probabilities, strict=True):
        if probability > 1e-200:
            odds = math.log(probabilities[best] / probability)
            assert odds == pytest.approx((scores[best] - score) / temperature, abs=1e-6)


@given(scores=scores)
@quick
def test_a_lower_temperature_never_takes_from_the_best(scores: list[float]) -> None:
    best = max(range(len(scores)), key=scores.__getitem__)
    shares = [
        Softmax(temperature=temperature, floor=0.0).probabilities(scores, [0.0] * len(scores))[best]
        for temperature in (2.0, 1.0, 0.5, 0.1, 0.0)
    ]
    assert all(later >= earlier - 1e-12 for earlier, later in pairwise(shares))
