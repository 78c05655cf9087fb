"""Weights of a score's terms: all 1 at first, then what examples say, by how much the person's model has learnt."""

import math
import random

import pytest

from online_models.stacking import KNOTS, LEARNT_FROM, WEIGHT_MAX, Stack, StackStatistics, inputs_of, shares_of
from schemas.errors import StateCorrupt

Terms = tuple[float, float, float, float]


def example(seed: random.Random, *, trust: float) -> tuple[Terms, bool]:
    """A prior that is right, and a content that counts by `trust`."""
    prior, content = seed.gauss(-0.5, 1.0), seed.gauss(0.0, 1.0)
    clicked = seed.random() < 1 / (1 + math.exp(-(prior + trust * content)))
    return (prior, content, 0.0, 0.0), clicked


def taught(count: int, trust: float, experience: int = 10) -> StackStatistics:
    statistics, seed = StackStatistics(), random.Random(7)
    for now in range(LEARNT_FROM + count):
        terms, clicked = example(seed, trust=trust)
        statistics.learn(terms, sum(terms), experience, clicked, (now, now))
    return statistics


def test_before_anything_is_learnt_each_term_counts_as_it_is() -> None:
    assert Stack.of(b"").weights(0, 2) == (1.0, 1.0, 0.0)
    assert Stack.of(StackStatistics().snapshot()).weights(5, 4) == (1.0, 1.0, 1.0, 1.0, 0.0)


def test_a_term_that_says_nothing_loses_its_weight_and_one_that_is_right_keeps_it() -> None:
    prior, content, added = Stack.of(taught(3_000, trust=0.0).snapshot()).weights(10, 2)
    assert abs(content) < 0.25
    assert 0.8 < prior < 1.2
    assert abs(added) < 0.2


def test_a_term_that_is_too_shy_gains_weight() -> None:
    _, content, _ = Stack.of(taught(3_000, trust=2.0).snapshot()).weights(10, 2)
    assert content > 1.5


def test_experience_decides_which_weight_is_learnt() -> None:
    statistics, seed = StackStatistics(), random.Random(3)
    for n in range(8_000):
        experience = (1, 256)[n % 2]
        terms, clicked = example(seed, trust=float(experience > 1))
        statistics.learn(terms, sum(terms), experience, clicked, (n, n))
    stack = Stack.of(statistics.snapshot())
    young, old = stack.weights(1, 2)[1], stack.weights(256, 2)[1]
    assert young < 0.4
    assert old > 0.75
    assert young < stack.weights(16, 2)[1] < old


def test_while_the_prior_finds_its_level_nothing_is_learnt_of_weights() -> None:
    statistics = StackStatistics()
    for now in range(LEARNT_FROM):
        statistics.learn((-3.0, 0.5, 0.0, 0.0), -3.0, 0, True, (now, now))
    assert statistics.mean.tolist() == StackStatistics().mean.tolist()
    statistics.learn((-3.0, 0.5, 0.0, 0.0), -3.0, 0, True, (LEARNT_FROM, LEARNT_FROM))
    assert statistics.mean.tolist() != StackStatistics().mean.tolist()


def test_what_nothing_was_decided_after_is_not_published() -> None:
    statistics, seed = StackStatistics(), random.Random(7)
    for _ in range(2_000):
        terms, clicked = example(seed, trust=0.0)
        statistics.learn(terms, sum(terms), 10, clicked, (5, 9_000))
    assert statistics.mean[6] < 0.5
    assert Stack.of(statistics.snapshot()).weights(10, 2) == (1.0, 1.0, 0.0)


def test_a_score_goes_by_the_share_that_is_proved_from_equal_weights_to_the_learnt_ones() -> None:
    statistics = taught(3_000, trust=0.3)
    told = []
    statistics.proof.variance = 1e-12
    for statistics.proof.mean in (0.0, 0.25, 1.0, 7.0):
        prior, content, added = Stack.of(statistics.snapshot()).weights(10, 2)
        told.append(-2.0 * prior + 1.5 * content + added)
    assert told[0] == -0.5
    assert told[1] == pytest.approx(0.75 * told[0] + 0.25 * told[2], abs=1e-5)
    assert told[2] == pytest.approx(told[3], abs=1e-4)
    assert told[2] < -1.0


def test_weights_that_follow_a_month_that_is_over_are_not_published() -> None:
    """Given months of unlike rates, two and two alike, each told when the next but one begins."""
    month_ms, seed, statistics = 1_000_000, random.Random(3), StackStatistics()
    for month in range(8):
        at_ms = (month + 1) * month_ms
        for _ in range(800):
            content = seed.gauss(0.0, 0.2)
            rate = -1.0 if month % 4 < 2 else -2.0
            clicked = seed.random() < 1 / (1 + math.exp(-(rate + content)))
            statistics.learn((-1.5, content, 0.0, 0.0), content - 1.5, 10, clicked, (at_ms, at_ms + month_ms))
    learnt = statistics.mean * inputs_of((-1.5, 0.0, 0.0, 0.0), 10)
    prior, _, added = Stack.of(statistics.snapshot()).weights(10, 2)
    assert learnt.sum() < -1.65
    assert -1.55 < -1.5 * prior + added < -1.45


def test_where_one_term_alone_speaks_there_is_nothing_to_weigh() -> None:
    statistics = StackStatistics()
    for number in range(LEARNT_FROM + 500):
        statistics.learn((-1.0, 0.0, 0.0, 0.0), -1.0, 0, number % 2 == 0)
    assert Stack.of(statistics.snapshot()).weights(0, 2) == (1.0, 1.0, 0.0)
    assert statistics.calibration.error() == pytest.approx(0.5 - 1 / (1 + math.e), abs=0.01)


def test_terms_that_there_were_none_of_keep_their_weight() -> None:
    statistics = taught(500, trust=0.5)
    weights = Stack.of(statistics.snapshot()).weights(10, 4)
    slope = weights[2]
    assert weights[2] == weights[3]
    # Nothing but the calibration's slope, which holds for all of them.
    share = statistics.proof.share
    assert slope == pytest.approx(1.0 + share * (statistics.calibration.line[0] - 1.0), rel=1e-6)
    assert share > 0.0


def test_weights_are_bounded_whatever_was_published() -> None:
    statistics = StackStatistics()
    statistics.mean[:] = 40.0
    statistics.proof.believe()
    weights = Stack.of(statistics.snapshot()).weights(3, 4)
    assert all(0.0 <= weight <= WEIGHT_MAX for weight in weights[:-1])
    assert weights[-1] == 10.0


def test_bytes_of_another_form_weigh_all_terms_alike() -> None:
    packed = StackStatistics().snapshot()
    for bad in (packed[:-1], b"\x09" + packed[1:], packed[:1] + b"\xff" * (len(packed) - 1)):
        assert Stack.of(bad).weights(3, 2) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_teaches_nothing(bad: float) -> None:
    statistics = StackStatistics()
    statistics.learn((bad, 0.0, 0.0, 0.0), 0.0, 3, True)
    assert statistics.packed() == StackStatistics().packed()


def test_an_endless_term_is_taken_for_a_large_one() -> None:
    statistics = taught(0, trust=1.0)
    statistics.learn((1e300, -1e300, 0.0, 0.0), 0.0, 3, True)
    assert (statistics.examples, statistics.resets) == (LEARNT_FROM + 1, 0)


@pytest.mark.parametrize("clicked", [True, False])
def test_the_same_label_for_ever_stays_bounded(clicked: bool) -> None:
    statistics = StackStatistics()
    for n in range(3_000):
        statistics.learn((0.1, 0.5, 0.0, 0.0), 0.6, n, clicked)
    weights = Stack.of(statistics.snapshot()).weights(100, 2)
    assert all(map(math.isfinite, weights))
    assert statistics.variance.diagonal().min() > 0


def test_weights_that_ran_away_start_again_and_are_counted() -> None:
    statistics = taught(100, trust=1.0)
    statistics.mean[1] = 1e6
    statistics.learn((0.1, 0.1, 0.0, 0.0), 0.2, 3, True)
    assert statistics.resets == 1
    assert statistics.snapshot() == StackStatistics().snapshot()


def test_what_is_stored_goes_on_as_the_living() -> None:
    living = taught(200, trust=0.5)
    stored = StackStatistics.of(living.packed())
    seed = random.Random(1)
    for n in range(200):
        terms, clicked = example(seed, trust=0.5)
        living.learn(terms, 0.0, n, clicked)
        stored.learn(terms, 0.0, n, clicked)
        stored = StackStatistics.of(stored.packed())
    assert stored.packed() == living.packed()
    assert stored.examples == LEARNT_FROM + 400


def test_other_bytes_stop_the_job() -> None:
    packed = StackStatistics().packed()
    for bad, expected in (
        (packed[:-1], "expected a proof"),
        (packed + b"1", "expected a proof"),
        (packed[:1_000], "expected stack statistics"),
        (b"\x09" + packed[1:], "expected stack statistics"),
        (b"\x01" + packed[1:], "expected stack statistics"),
    ):
        with pytest.raises(StateCorrupt, match=expected):
            StackStatistics.of(bad)
    assert StackStatistics.of(b"").packed() == packed


def test_two_workers_together_know_what_one_would() -> None:
    whole, parts, seed = StackStatistics(), (StackStatistics(), StackStatistics()), random.Random(5)
    for n in range(4_000):
        terms, clicked = example(seed, trust=0.2)
        whole.learn(terms, sum(terms), 10, clicked)
        parts[n % 2].learn(terms, sum(terms), 10, clicked)
    parts[0].merge(parts[1])
    assert parts[0].examples == 4_000
    # One Newton step for each example from another's weights: near, not equal.
    assert parts[0].mean[6] == pytest.approx(whole.mean[6], abs=0.1)
    assert parts[0].variance.diagonal().sum() < parts[1].variance.diagonal().sum()


def test_to_merge_nothing_changes_nothing_but_by_rounding() -> None:
    statistics = taught(300, trust=0.5)
    before = statistics.mean.copy()
    statistics.merge(StackStatistics())
    assert statistics.mean == pytest.approx(before, abs=1e-6)


def test_shares_go_linearly_between_knots() -> None:
    for experience in (0, 1, 2, 5, 17, 100, 256, 10_000):
        shares = shares_of(experience)
        assert shares[0] == 1.0
        assert sum(shares[1:]) == pytest.approx(1.0)
    assert [shares_of(knot)[1 + n] for n, knot in enumerate(KNOTS)] == [1.0] * len(KNOTS)
