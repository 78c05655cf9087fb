"""The model of outcomes behind the doubly robust estimator."""

import numpy as np
import pytest
from numpy import array

from online_models.estimators.outcome_model import SHRINKAGE, OutcomeModel

NOTHING = np.zeros((4, 0))


def test_without_features_a_choice_is_expected_to_come_to_its_mean() -> None:
    model = OutcomeModel.fit(NOTHING, array([0, 0, 1, 1]), array([1.0, 2.0, 5.0, 6.0]), count=2)
    assert model.expect(np.zeros((1, 0))).tolist() == [[1.5, 5.5]]


def test_a_choice_never_made_is_expected_to_come_to_the_mean_of_all() -> None:
    model = OutcomeModel.fit(NOTHING, array([0, 0, 1, 1]), array([1.0, 2.0, 5.0, 6.0]), count=3)
    assert model.expect(np.zeros((1, 0)))[0, 2] == 3.5


def test_a_weight_is_shrunk_as_the_closed_form_says() -> None:
    # Centred features −1, 1: slope Σ x y / (Σ x² + shrinkage).
    model = OutcomeModel.fit(array([[0.0], [2.0]]), array([0, 0]), array([1.0, 3.0]), count=1)
    slope = 2 / (2 + SHRINKAGE)
    assert model.expect(array([[1.0], [3.0]]))[:, 0] == pytest.approx([2.0, 2.0 + 2 * slope])


def test_many_rows_find_the_line() -> None:
    chance = np.random.default_rng(1)
    features = chance.normal(size=(20_000, 2))
    choices = chance.integers(0, 2, 20_000)
    outcomes = np.where(choices == 0, 1 + features[:, 0], 3 - 2 * features[:, 1]) + chance.normal(size=20_000)
    model = OutcomeModel.fit(features, choices, outcomes, count=2)
    assert model.expect(array([[1.0, 1.0]]))[0] == pytest.approx([2.0, 1.0], abs=0.1)
