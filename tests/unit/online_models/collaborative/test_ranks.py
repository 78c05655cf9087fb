"""Weights of signals: an additive model of curves."""

import numpy as np
import pytest

from online_models.collaborative import RankWeights
from online_models.collaborative.part import CURVES, KNOTS, SIGNALS, WEIGHT_MAX
from online_models.collaborative.ranks import stage_of


def places(*first: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Items that differ in the first signal only."""
    found = np.zeros((len(first), SIGNALS), np.float32)
    found[:, 0] = first
    return found


def test_untaught_weights_say_nothing() -> None:
    assert not RankWeights().contributions(places(0.0, 5.5, KNOTS - 1), 0).any()


def test_a_curve_is_linear_between_knots() -> None:
    weights = RankWeights()
    curves = np.zeros(CURVES)
    curves[0, 0, 3:5] = [1.0, 2.0]
    curves[1, 0, 4] = 10.0
    weights.restore(curves)
    assert weights.contributions(places(3.0, 3.5, 4.0, 5.0), 1)[:, 0].tolist() == [1.0, 1.5, 2.0, 0.0]
    assert weights.contributions(places(4.0), 0)[0, 0] == 12.0


def test_what_was_chosen_comes_to_score_highest_also_beyond_a_hump() -> None:
    weights = RankWeights()
    for _ in range(200):
        weights.learn(places(5.0, 1.0, 10.0), 2)
    middle, low, high = weights.contributions(places(5.0, 1.0, 10.0), 2).sum(axis=1)
    assert middle > max(low, high) + 2.0


def test_what_was_learnt_of_one_stage_holds_less_for_others() -> None:
    weights = RankWeights()
    for _ in range(50):
        weights.learn(places(5.0, 1.0), 2)
    gap_here, gap_there = (np.subtract(*weights.contributions(places(5.0, 1.0), stage)[:, 0]) for stage in (2, 3))
    assert gap_here > gap_there > 0.0


@pytest.mark.parametrize("wrong", [np.nan, 2 * WEIGHT_MAX])
def test_weights_that_ran_away_begin_anew_and_are_counted(wrong: float) -> None:
    weights = RankWeights()
    weights.restore(np.full(CURVES, wrong))
    weights.learn(places(5.0, 1.0), 2)
    assert weights.resets == 1
    assert not weights.curves.any()


def test_stages_begin_where_they_say() -> None:
    assert [stage_of(count) for count in (0, 1, 4, 5, 19, 20, 249, 250)] == [0, 1, 1, 2, 2, 3, 4, 5]
