"""What a part is worth: figures with it less figures without it, from the same people."""

import numpy as np
import pytest
from msgspec.structs import asdict

from foresend.evaluate.ablation import _resampled_auc, _resampled_loss, worth
from foresend.evaluate.progressive import Predictions
from foresend.evaluate.quality import Floats, auc, log_loss
from schemas.errors import ConfigError

PEOPLE, EACH = 60, 12


def predictions(skill: float, noise_seed: int = 1) -> Predictions:
    """Of people who differ in how often they like anything; `skill` is how much of their liking is known."""
    chance, noise = np.random.default_rng(7), np.random.default_rng(noise_seed)
    logits = chance.normal(size=PEOPLE * EACH)
    labels = (chance.random(PEOPLE * EACH) < 1.0 / (1.0 + np.exp(-2.0 * logits))).astype(np.float64)
    said = 1.0 / (1.0 + np.exp(-(skill * logits + (1.0 - skill) * noise.normal(size=PEOPLE * EACH))))
    people = np.array([f"p{number}" for number in range(PEOPLE) for _ in range(EACH)])
    return Predictions(labels, said, np.tile(np.arange(EACH) < 3, PEOPLE), people)


def test_a_part_that_helps_is_told_from_one_that_does_nothing() -> None:
    whole = predictions(0.9)
    helps = worth("made-up", "content", whole, predictions(0.2), seed=3)
    nothing = worth("made-up", "stack", whole, whole, seed=3)
    assert helps.diff_lo is not None
    assert helps.logloss_diff_hi is not None
    assert helps.diff_lo > 0.0 > helps.logloss_diff_hi
    assert helps.n == PEOPLE * (EACH - 3)
    assert {nothing.diff, nothing.diff_lo, nothing.diff_hi, nothing.cold_diff, nothing.logloss_diff} == {0.0}


def test_an_interval_is_around_its_difference_and_follows_from_the_seed() -> None:
    whole, without = predictions(0.6, 1), predictions(0.6, 2)
    first, again = (worth("made-up", "prior", whole, without, seed=3) for _ in range(2))
    assert asdict(first) == asdict(again)
    for lo, middle, hi in (
        (first.diff_lo, first.diff, first.diff_hi),
        (first.cold_diff_lo, first.cold_diff, first.cold_diff_hi),
        (first.logloss_diff_lo, first.logloss_diff, first.logloss_diff_hi),
    ):
        assert lo is not None
        assert middle is not None
        assert hi is not None
        assert lo < middle < hi
    assert first.diff_lo is not None
    assert first.diff_hi is not None
    assert first.diff_lo < 0.0 < first.diff_hi


@pytest.mark.parametrize("said", [np.linspace(0.1, 0.9, 20), np.repeat([0.2, 0.7], 10), np.full(20, 0.5)])
def test_rows_that_count_twice_are_two_rows(said: Floats) -> None:
    labels = (np.arange(20) % 3 == 0).astype(np.float64)
    times = np.arange(20) % 4
    twice = np.repeat(np.arange(20), times)
    weighted = times.astype(np.float64)
    assert _resampled_auc(labels, said)(weighted) == pytest.approx(auc(labels[twice], said[twice]))
    assert _resampled_loss(labels, said)(weighted) == pytest.approx(log_loss(labels[twice], said[twice]))


def test_where_one_kind_of_label_is_there_no_order_is_told() -> None:
    whole = predictions(0.5)
    one_kind = whole._replace(labels=np.ones(PEOPLE * EACH))
    found = worth("made-up", "prior", one_kind, one_kind, seed=3)
    assert (found.auc, found.diff, found.diff_lo) == (None, None, None)
    assert found.logloss_diff == 0.0


def test_other_decisions_are_refused() -> None:
    whole = predictions(0.5)
    with pytest.raises(ConfigError, match="the same decisions"):
        worth("made-up", "prior", whole, whole._replace(people=whole.people[::-1]), seed=3)
