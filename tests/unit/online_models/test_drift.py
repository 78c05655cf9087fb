"""Drift: seen soon where it is, and not where it is not."""

import math
from random import Random

import pytest

from online_models.drift import Drift, DriftWatch
from schemas.errors import StateCorrupt


def logit(chance: float) -> float:
    return math.log(chance / (1.0 - chance))


def first_alarm(told: float, truth: float, seed: int, count: int = 20_000) -> tuple[int, list[Drift]]:
    """After 2 000 examples as told, the first that alarms once the truth is another."""
    chance, watch = Random(seed), DriftWatch()
    for _ in range(2_000):
        assert not watch.see(logit(told), clicked=chance.random() < told)
    for number in range(count):
        found = watch.see(logit(told), clicked=chance.random() < truth)
        if found:
            return number, found
    return count, []


@pytest.mark.parametrize("told", [0.01, 0.05, 0.3, 0.5, 0.8])
def test_what_holds_never_alarms(told: float) -> None:
    chance, watch = Random(7), DriftWatch()
    assert not any(watch.see(logit(told), clicked=chance.random() < told) for _ in range(100_000))


@pytest.mark.parametrize(
    ("told", "truth", "within"), [(0.05, 0.10, 900), (0.05, 0.2, 300), (0.5, 0.6, 1500), (0.2, 0.05, 900)]
)
def test_a_rate_that_moved_is_seen(told: float, truth: float, within: int) -> None:
    for seed in range(3):
        number, found = first_alarm(told, truth, seed)
        assert number < within
        assert Drift.RATE in found


def test_an_order_that_was_lost_is_seen_though_the_rate_stays() -> None:
    chance, watch = Random(3), DriftWatch()
    alarms = [
        found
        for number in range(6_000)
        for told in (0.1, 0.5)
        if (found := watch.see(logit(told), clicked=chance.random() < (told if number < 3_000 else 0.3)))
    ]
    assert alarms
    assert Drift.WORSE in alarms[0]


def test_a_packed_watch_goes_on_as_the_living_one() -> None:
    chance = Random(5)
    events = [(logit(0.05), chance.random() < (0.05 if number < 500 else 0.15)) for number in range(3_000)]
    living, stored = DriftWatch(), DriftWatch()
    for score, clicked in events:
        stored = DriftWatch.of(stored.packed())
        assert living.see(score, clicked=clicked) == stored.see(score, clicked=clicked)
    assert living.packed() == stored.packed()


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, 1e300, -1e300, 0.0])
def test_any_score_is_taken(score: float) -> None:
    watch = DriftWatch()
    for clicked in (True, False):
        watch.see(score, clicked=clicked)
    assert all(map(math.isfinite, watch._detectors[Drift.RATE].numbers()))


def test_other_bytes_are_refused() -> None:
    with pytest.raises(StateCorrupt, match="expected 64 bytes of a drift watch, got 3"):
        DriftWatch.of(b"abc")
