"""The yardstick of models: a slot's own rate of rewards."""

import pytest

from online_models.calibration import Calibration
from online_models.judging import BaseRate, log_loss


def test_a_new_slot_begins_with_an_ordinary_rate() -> None:
    assert 0.04 < BaseRate().chance < 0.06


def test_it_goes_on_from_what_is_stored() -> None:
    calibration, living = Calibration(), BaseRate()
    for number in range(1000):
        calibration.count(-1.0, clicked=number % 5 == 0)
        living.see(rewarded=number % 5 == 0)
    assert BaseRate.of(calibration).chance == pytest.approx(living.chance, rel=0.01)


def test_it_follows_what_changes() -> None:
    rate = BaseRate()
    for _ in range(5_000):
        rate.see(rewarded=False)
    for _ in range(15_000):
        rate.see(rewarded=True)
    assert rate.chance > 0.8


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_the_loss_of_what_was_sure_is_finite(chance: float) -> None:
    assert log_loss(chance, rewarded=chance == 0.0) == pytest.approx(13.8, abs=0.1)
    assert log_loss(chance, rewarded=chance == 1.0) == pytest.approx(0.0, abs=1e-5)
