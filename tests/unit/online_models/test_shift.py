"""When a distribution has moved enough to render again."""

import pytest

from online_models.shift import divergence, shifted
from schemas.library import ShiftSettings

SETTINGS = ShiftSettings(divergence=0.01, lead=0.02)


def test_divergence_of_known_pairs() -> None:
    assert divergence((0.5, 0.5), (0.5, 0.5)) == 0.0
    assert divergence((1.0, 0.0), (0.0, 1.0)) == 1.0
    # By hand: m = (0.75, 0.25); half of log2(4/3) plus half of (0.5 log2(2/3) + 0.5 log2(2)).
    assert divergence((1.0, 0.0), (0.5, 0.5)) == pytest.approx(0.311278, abs=1e-6)


def test_divergence_copes_with_the_smallest_numbers() -> None:
    assert divergence((1.0, 5e-324), (1.0, 0.0)) == 0.0


def test_divergence_needs_the_same_variants() -> None:
    with pytest.raises(ValueError, match="zip"):
        divergence((1.0,), (0.5, 0.5))


def test_nothing_moved() -> None:
    assert not shifted((0.7, 0.3), (0.7, 0.3), SETTINGS)
    assert not shifted([0.7, 0.3], (0.7, 0.3), SETTINGS)
    assert not shifted((), (), SETTINGS)


def test_a_small_move_is_no_shift_and_a_large_one_is() -> None:
    assert not shifted((0.7, 0.3), (0.65, 0.35), SETTINGS)
    assert shifted((0.9, 0.1), (0.6, 0.4), SETTINGS)


def test_the_threshold_itself_is_no_shift() -> None:
    emitted, now = (0.9, 0.1), (0.8, 0.2)
    exactly = divergence(emitted, now)
    assert not shifted(emitted, now, ShiftSettings(divergence=exactly, lead=1.0))
    assert shifted(emitted, now, ShiftSettings(divergence=exactly * 0.999, lead=1.0))


def test_bounds_that_spare_the_logarithms_are_no_stricter_and_no_looser_than_the_divergence() -> None:
    # Divergence 0.0072, variation 0.1: as little divergence as there can be with it.
    assert not shifted((0.55, 0.45), (0.45, 0.55), ShiftSettings(divergence=0.009, lead=1.0))
    # Divergence 0.03, variation 0.03: as much as there can be.
    assert shifted((0.97, 0.03, 0.0), (0.97, 0.0, 0.03), ShiftSettings(divergence=0.02, lead=1.0))


def test_a_new_favourite_must_lead_the_old_one() -> None:
    assert not shifted((0.51, 0.49), (0.495, 0.505), SETTINGS), "leads by 0.01"
    assert shifted((0.51, 0.49), (0.49, 0.51), SETTINGS), "leads by 0.02"


def test_favourites_that_take_turns_by_a_hair_do_not_render_each_time() -> None:
    emitted = (0.501, 0.499)
    assert not any(shifted(emitted, now, SETTINGS) for now in [(0.499, 0.501), (0.501, 0.499)] * 3)


def test_a_tie_keeps_the_favourite_even_without_hysteresis() -> None:
    settings = ShiftSettings(divergence=1.0, lead=0.0)
    assert not shifted((0.4, 0.6), (0.5, 0.5), settings)
    assert shifted((0.4, 0.6), (0.5001, 0.4999), settings)


def test_another_number_of_variants_is_a_shift() -> None:
    assert shifted((0.5, 0.5), (0.5, 0.5, 0.0), SETTINGS)
    assert shifted((), (1.0,), SETTINGS)
