"""Calibration: how far told probabilities are from what happens, and the line that corrects them."""

import math
import random

import pytest

from online_models.calibration import BINS, Calibration, probability
from schemas.errors import StateCorrupt


def taught(count: int, slope: float, offset: float) -> Calibration:
    """Scores of which the truth is slope × score + offset."""
    calibration, seed = Calibration(), random.Random(11)
    for _ in range(count):
        score = seed.gauss(0.0, 1.5)
        calibration.learn(score, clicked=seed.random() < probability(slope * score + offset), told=score)
    return calibration


def test_a_new_one_changes_nothing() -> None:
    assert Calibration().line == (1.0, 0.0)
    assert Calibration().error() == 0.0
    assert Calibration().bins() == [(0.0, 0.0, 0.0)] * BINS


def test_scores_that_are_right_stay_as_they_are() -> None:
    slope, offset = taught(5_000, 1.0, 0.0).line
    assert abs(slope - 1.0) < 0.2
    assert abs(offset) < 0.2
    assert taught(5_000, 1.0, 0.0).error() < 0.03


def test_scores_that_are_too_bold_are_brought_nearer() -> None:
    slope, offset = taught(5_000, 0.5, -0.5).line
    assert slope == pytest.approx(0.5, abs=0.15)
    assert offset == pytest.approx(-0.5, abs=0.15)
    assert taught(5_000, 0.5, -0.5).error() > 0.05


def test_bins_tell_what_was_told_and_what_came() -> None:
    calibration = Calibration()
    for n in range(10):
        calibration.learn(0.5, clicked=n < 3, told=0.5)
    told = next(row for row in calibration.bins() if row[0])
    assert told[0] == pytest.approx(10.0, rel=0.01)
    assert told[1] == pytest.approx(probability(0.5))
    assert told[2] == pytest.approx(0.3, rel=0.01)
    assert calibration.error() == pytest.approx(probability(0.5) - 0.3, rel=0.01)


@pytest.mark.parametrize("told", [-1e300, -5.0, -0.0, 4.999, 1e300])
def test_any_score_has_a_bin(told: float) -> None:
    calibration = Calibration()
    calibration.learn(told, clicked=True, told=told)
    assert sum(row[0] for row in calibration.bins()) == 1.0
    assert all(map(math.isfinite, calibration.line))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_teaches_nothing(bad: float) -> None:
    calibration = Calibration()
    calibration.learn(bad, clicked=True, told=0.0)
    calibration.learn(0.0, clicked=True, told=bad)
    assert calibration.packed() == Calibration().packed()


@pytest.mark.parametrize("clicked", [True, False])
def test_the_same_label_for_ever_stays_bounded(clicked: bool) -> None:
    calibration = Calibration()
    for n in range(5_000):
        calibration.learn(n % 7 - 3.0, clicked=clicked, told=0.0)
    slope, offset = calibration.line
    assert 0.2 <= slope <= 5.0
    assert abs(offset) <= 5.0


def test_a_line_that_ran_away_starts_again_and_is_counted() -> None:
    calibration = Calibration()
    calibration.mean = (1e9, 0.0)
    calibration.learn(0.0, clicked=True, told=0.0)
    assert calibration.line == (1.0, 0.0)
    assert calibration.resets == 1


def test_what_is_stored_goes_on_as_the_living() -> None:
    living = taught(300, 0.7, 0.2)
    stored = Calibration.of(living.packed())
    for one in (living, stored):
        one.learn(1.0, clicked=False, told=0.3)
    assert stored.packed() == living.packed()


def test_other_bytes_stop_the_job() -> None:
    with pytest.raises(StateCorrupt, match="expected a calibration"):
        Calibration.of(b"123")


def test_merged_bins_add_up_and_the_surer_line_stays() -> None:
    one, other = taught(100, 1.0, 0.0), taught(3_000, 0.5, 0.0)
    counts = [a[0] + b[0] for a, b in zip(one.bins(), other.bins(), strict=True)]
    one.merge(other)
    assert [row[0] for row in one.bins()] == pytest.approx(counts)
    assert one.line == other.line


def test_a_probability_is_never_beyond_its_bounds() -> None:
    assert [probability(logit) for logit in (-1e308, -800.0, 0.0, 800.0, 1e308)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert probability(math.log(3)) == pytest.approx(0.75)
