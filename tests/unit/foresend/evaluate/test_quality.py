"""Figures of quality, held against definitions worked out by hand."""

import math

import numpy as np
import pytest

from foresend.evaluate.quality import auc, auc_interval, block_auc, calibration_error, log_loss


def test_auc_is_the_chance_that_a_positive_is_above_a_negative() -> None:
    labels, scores = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.8, 0.7, 0.1])
    assert auc(labels, scores) == 0.75
    assert auc(labels, -scores) == 0.25


def test_equal_scores_count_half() -> None:
    assert auc(np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.5, 0.1])) == 0.75
    assert auc(np.array([1.0, 0.0]), np.zeros(2)) == 0.5


@pytest.mark.parametrize("labels", [[1.0, 1.0], [0.0], []])
def test_without_both_labels_there_is_no_order_to_judge(labels: list[float]) -> None:
    assert auc(np.array(labels), np.zeros(len(labels))) is None


def test_auc_equals_the_count_of_all_pairs() -> None:
    chance = np.random.default_rng(3)
    labels, scores = (chance.random(200) < 0.3).astype(float), chance.integers(0, 20, 200).astype(float)
    positive, negative = scores[labels > 0], scores[labels == 0]
    pairs = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
    assert auc(labels, scores) == pytest.approx(pairs, abs=1e-12)


def test_the_interval_is_over_people_and_holds_the_value() -> None:
    chance = np.random.default_rng(5)
    labels = (chance.random(600) < 0.5).astype(float)
    scores = labels + chance.normal(0, 1.5, 600)
    one_each = auc_interval(labels, scores, [str(n) for n in range(600)], 1)
    crowds = auc_interval(np.tile(labels[:60], 10), np.tile(scores[:60], 10), [str(n % 60) for n in range(600)], 1)
    value = auc(labels, scores)
    assert value is not None
    low, high = (one or 0.0 for one in one_each)
    assert low < value < high
    assert (crowds[1] or 0.0) - (crowds[0] or 0.0) > 2 * (high - low), "copies of sixty people are not 600"


def test_log_loss_and_its_bounds() -> None:
    assert log_loss(np.array([1.0, 0.0]), np.array([0.8, 0.4])) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert log_loss(np.array([1.0]), np.array([0.0])) == pytest.approx(-math.log(1e-6))
    assert log_loss(np.array([]), np.array([])) is None


def test_calibration_is_judged_in_bins_of_equal_count() -> None:
    said = np.repeat([0.1, 0.9], 50)
    came = np.concatenate([np.repeat([1.0, 0.0], [5, 45])[::-1], np.repeat([1.0, 0.0], [45, 5])])
    assert calibration_error(np.repeat([0.0, 1.0], 50), said) == pytest.approx(0.1)
    assert calibration_error(came, np.full(100, 0.5)) == pytest.approx(0.5, abs=0.11)


def test_blocks_are_judged_one_by_one() -> None:
    labels, scores = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]), np.array([2.0, 1.0, 1.0, 2.0, 9.0, 9.0])
    assert block_auc(labels, scores, 3) == 1.0
    assert block_auc(np.zeros(4), np.zeros(4), 2) is None
