"""The gate lets pass what is not worse on rewards that were never seen."""

import numpy as np
import pytest

from schemas.models import ModelPart
from tests.support.people import BEGIN_MS, DAY_MS, shown_to
from tests.support.sequences import arrays_of, part_of
from training.gate import JUDGED_MIN, figures, judge, slope_of
from training.histories import histories_of
from training.policy_value import PolicyValue, nothing_told

SHOWN = shown_to(people=20, each=30)
HISTORIES = histories_of([], SHOWN, 1 << 46)


def silent() -> ModelPart:
    return part_of({name: values * 0 if values.dtype == np.float32 else values for name, values in arrays_of().items()})


def loud() -> ModelPart:
    arrays = arrays_of()
    return part_of(arrays | {"base_reward": np.full(17, 5.0, np.float32)})


def test_what_says_nothing_is_not_worse_than_nothing() -> None:
    part, verdict = judge(silent(), None, HISTORIES, BEGIN_MS)
    assert verdict.passed
    assert verdict.challenger == verdict.champion
    part.check()


def test_what_is_wrong_is_scaled_until_it_harms_nobody() -> None:
    part, verdict = judge(loud(), None, HISTORIES, BEGIN_MS)
    assert verdict.slope < 0.2
    assert part.checksum != loud().checksum
    part.check()


def test_a_challenger_is_measured_by_the_champion() -> None:
    _, verdict = judge(silent(), loud(), HISTORIES, BEGIN_MS)
    assert verdict.passed
    assert verdict.champion.logloss > verdict.challenger.logloss


def test_too_few_rewards_say_nothing() -> None:
    since_ms = BEGIN_MS + 29 * DAY_MS
    _, verdict = judge(silent(), None, HISTORIES, since_ms)
    assert verdict.judged < JUDGED_MIN
    assert not verdict.passed
    assert "at least" in verdict.reason


def test_rewards_that_are_all_alike_say_nothing() -> None:
    alike = histories_of([], [one._replace(label=0.0) for one in SHOWN], 1 << 46)
    _, verdict = judge(silent(), None, alike, BEGIN_MS)
    assert "differ" in verdict.reason


def test_both_judges_must_agree() -> None:
    _, verdict = judge(silent(), None, HISTORIES, BEGIN_MS)
    worse = PolicyValue(500, 0.2, 0.1, 0.2, -0.1, -0.15, -0.05, 300.0, 1.0, "")
    assert "would have earned 0.10000" in verdict.with_policy(worse).reason
    assert not verdict.with_policy(worse).passed
    # What is not surely worse, or was not told, stops nothing.
    for value in (worse._replace(hi=0.01), worse._replace(silent="too few"), nothing_told("no release")):
        assert verdict.with_policy(value).passed
    # The first judge's reason stays.
    failed = verdict._replace(reason="log loss")
    assert failed.with_policy(worse).reason == "log loss"
    assert failed.with_policy(worse._replace(hi=0.2)).policy is not None


def test_the_newer_half_is_told_by_its_first_moment() -> None:
    _, verdict = judge(silent(), None, HISTORIES, BEGIN_MS)
    served = sorted(one.at_ms for one in SHOWN)
    assert verdict.since_ms == served[len(served) // 2]


def test_a_slope_is_that_of_the_truth() -> None:
    chance = np.random.default_rng(1)
    term = chance.normal(0, 2, 20_000)
    labels = (chance.random(20_000) < 1 / (1 + np.exp(-0.4 * term))).astype(float)
    assert slope_of(term, labels, np.zeros_like(term)) == pytest.approx(0.4, abs=0.03)
    assert slope_of(-term, labels, np.zeros_like(term)) == 0.0
    assert slope_of(term * 0, labels, np.zeros_like(term)) == 0.0


def test_figures_of_a_perfect_and_a_blind_score() -> None:
    labels = np.array([0.0, 1.0] * 50, np.float64)
    assert figures(labels * 20.0 - 10.0, labels).auc == 1.0
    blind = figures(np.zeros(100, np.float64), labels)
    assert blind.auc == 0.5
    assert blind.logloss == pytest.approx(np.log(2))
    assert np.isnan(figures(np.zeros(0), np.zeros(0)).auc)
