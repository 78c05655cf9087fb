"""A trained collaborative part: what is refused, and a person's factors."""

import numpy as np
import pytest

from online_models.collaborative import CollaborativePart
from online_models.collaborative.part import CURVES, WEIGHT_MAX, array_of
from schemas.errors import SchemaError
from schemas.models import Array
from tests.support.choices import choices_of, part_of
from training.factors import train_factors

SETTINGS = {"alpha": 10.0, "ridge": 5.0, "base": 0.2}


def arrays(**changed: Array | None) -> tuple[Array, ...]:
    """Three items with two factors and one neighbour each; a changed one is None to leave it out."""
    sound: dict[str, Array | None] = {
        "factors": array_of("factors", np.array([[1, 0], [0, 1], [1, 1]]), "<f4"),
        "items": array_of("items", np.array([3, 5, 9]), "<u4"),
        "neighbours": array_of("neighbours", np.array([[1], [0], [1]]), "<u4"),
        "weights": array_of("weights", np.array([[0.5], [0.5], [0.25]]), "<f2"),
    }
    return tuple(array for _, array in sorted({**sound, **changed}.items()) if array is not None)


def test_a_sound_part_is_read() -> None:
    part = CollaborativePart.of(part_of(arrays(), SETTINGS))
    assert part.items.tolist() == [3, 5, 9]
    assert part.weights[:, 0].tolist() == [0.5, 0.5, 0.25]
    assert (part.base, part.counted, part.curves) == (0.2, None, None)


def test_rows_are_found_by_hash_and_unknown_items_have_none() -> None:
    part = CollaborativePart.read(arrays(), SETTINGS)
    assert part.rows_of([9, 4, 3, 2**32 - 1]).tolist() == [2, -1, 0, -1]
    assert part.rows_of([]).tolist() == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"items": None}, "expected an array items"),
        ({"items": array_of("items", np.array([3, 9, 5]), "<u4")}, "ascending"),
        ({"items": array_of("items", np.array([3, 3, 5]), "<u4")}, "each once"),
        ({"items": array_of("items", np.array([3, 5]), "<u4")}, "rows for 2 items"),
        ({"items": array_of("items", np.array([3, 5, 9]), "<f4")}, "dimensions of <u4"),
        ({"factors": array_of("factors", np.full((3, 2), np.nan), "<f4")}, "finite"),
        ({"factors": array_of("factors", np.zeros(3), "<f4")}, "expected 2 dimensions"),
        ({"factors": array_of("factors", np.zeros((3, 500)), "<f4")}, "at most 128 factors"),
        ({"neighbours": array_of("neighbours", np.full((3, 1), 3), "<u4")}, "neighbours among 3 items"),
        ({"weights": array_of("weights", np.full((3, 1), -1.0), "<f2")}, "0 or more"),
        ({"weights": array_of("weights", np.ones((3, 2)), "<f2")}, "one weight for each neighbour"),
        ({"counted": array_of("counted", np.ones((2, 3)), "<f4")}, "3 counts of 3 items"),
        ({"counted": array_of("counted", -np.ones((3, 3)), "<f4")}, "counts of 0 or more"),
        ({"curves": array_of("curves", np.zeros((1, 2, 3)), "<f4")}, "expected curves of shape"),
        ({"curves": array_of("curves", np.full(CURVES, 2 * WEIGHT_MAX), "<f4")}, "expected curves up to"),
        ({"curves": array_of("curves", np.full(CURVES, np.nan), "<f4")}, "expected curves up to"),
    ],
)
def test_a_part_that_cannot_be_used_is_refused_with_a_reason(changed: dict[str, Array | None], told: str) -> None:
    with pytest.raises(SchemaError, match=told):
        CollaborativePart.read(arrays(**changed), SETTINGS)


@pytest.mark.parametrize("settings", [{}, {"alpha": 1.0, "ridge": 0.0}, {"alpha": float("nan"), "ridge": 1.0}])
def test_a_part_needs_its_settings(settings: dict[str, float]) -> None:
    with pytest.raises(SchemaError, match="expected a setting"):
        CollaborativePart.read(arrays(), settings)


def test_a_persons_factors_solve_the_least_squares_that_training_solved() -> None:
    # Given a trained part, and the normal equations written out over all items
    part = CollaborativePart.read(*train_factors(choices_of(600, 40, 20, seed=1), seed=2))
    chosen, weights = part.factors[[1, 4, 7]], np.array([1.0, 0.5, 0.25], np.float32)
    confidence = np.ones(len(part.items))
    confidence[[1, 4, 7]] += part.alpha * weights
    preference = np.zeros(len(part.items))
    preference[[1, 4, 7]] = 1.0
    factors = part.factors.astype(np.float64)
    left = factors.T @ (confidence[:, None] * factors) + part.ridge * np.eye(factors.shape[1])
    # Then the person's factors are their solution
    expected = np.linalg.solve(left, factors.T @ (confidence * preference))
    assert part.user_factors(chosen, weights) == pytest.approx(expected, abs=1e-5)
