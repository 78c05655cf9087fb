"""Counts that forget: the naive formula, whatever the order, the times and the half-life."""

import math
import random

import pytest

from online_models.decayed import DecayedCounts

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_760_000_000_000
LAST_MS = (1 << 46) - 1
KEYS_MAX = 8
Added = tuple[int | str, float, int]


def counted(events: list[Added], half_life_ms: int, keys_max: int = 100) -> DecayedCounts:
    counts = DecayedCounts()
    for key, weight, at_ms in events:
        counts.add(key, weight, at_ms, half_life_ms, keys_max)
    return counts


def naive(events: list[Added], key: int | str, at_ms: int, half_life_ms: int) -> float:
    return math.fsum(w * math.exp2((added_ms - at_ms) / half_life_ms) for k, w, added_ms in events if k == key)


def made_up(seed: int, count: int, over_ms: int) -> list[Added]:
    chance = random.Random(seed)
    return [(chance.choice("abc"), chance.uniform(0.1, 10), NOW_MS + chance.randrange(over_ms)) for _ in range(count)]


def test_an_event_counts_half_after_a_half_life() -> None:
    counts = counted([("a", 3.0, NOW_MS)], HOUR_MS)
    assert counts.value("a", NOW_MS) == pytest.approx(3.0, rel=1e-15)
    assert counts.value("a", NOW_MS + HOUR_MS) == pytest.approx(1.5, rel=1e-15)
    assert counts.value("b", NOW_MS) == 0.0


def test_nothing_counted_has_no_shares() -> None:
    assert DecayedCounts().shares() == {}
    assert DecayedCounts().value("a", NOW_MS) == 0.0


@pytest.mark.parametrize("half_life_ms", [HOUR_MS, 14 * DAY_MS, 3650 * DAY_MS])
@pytest.mark.parametrize("seed", range(5))
def test_any_order_within_a_week_gives_the_naive_sum(half_life_ms: int, seed: int) -> None:
    events = made_up(seed, 200, over_ms=7 * DAY_MS)
    shuffled = random.Random(seed).sample(events, len(events))
    end_ms = NOW_MS + 7 * DAY_MS
    for order in (events, shuffled, sorted(events, key=lambda e: e[2]), sorted(events, key=lambda e: -e[2])):
        counts = counted(order, half_life_ms)
        for key in "abc":
            assert counts.value(key, end_ms) == pytest.approx(naive(events, key, end_ms, half_life_ms), rel=1e-12)


def test_the_last_times_that_fit_are_counted_as_exactly_as_today() -> None:
    events: list[Added] = [("a", 1.0, LAST_MS - 90 * 60_000), ("a", 1.0, LAST_MS), ("a", 1.0, LAST_MS - 1)]
    counts = counted(events, HOUR_MS)
    assert counts.value("a", LAST_MS) == pytest.approx(naive(events, "a", LAST_MS, HOUR_MS), rel=1e-12)


def test_years_of_events_neither_overflow_nor_drift() -> None:
    events: list[Added] = [("a", 2.0, day * DAY_MS) for day in range(0, 814_000, 100)]
    counts = counted([*events, ("b", 1.0, 814_000 * DAY_MS)], HOUR_MS)
    assert counts.shares()["b"] == pytest.approx(1.0)
    longer = counted(events, 200 * DAY_MS)
    at_ms = events[-1][2]
    assert longer.value("a", at_ms) == pytest.approx(naive(events, "a", at_ms, 200 * DAY_MS), rel=1e-12)


def test_a_very_late_event_counts_what_is_left_of_it() -> None:
    late: list[Added] = [("new", 1.0, NOW_MS), ("late", 1.0, NOW_MS - 20 * HOUR_MS), ("gone", 1.0, 0)]
    counts = counted(late, HOUR_MS)
    assert counts.value("late", NOW_MS) == pytest.approx(2.0**-20, rel=1e-12)
    assert counts.value("gone", NOW_MS) == 0.0
    assert sum(counts.shares().values()) == pytest.approx(1.0)


def test_only_what_can_be_told_apart_is_late() -> None:
    forwards = counted([("a", 1.0, 0), ("b", 1.0, NOW_MS)], HOUR_MS)
    backwards = counted([("b", 1.0, NOW_MS), ("a", 1.0, 0)], HOUR_MS)
    assert forwards.shares() == backwards.shares() == {"a": 0.0, "b": 1.0}


def test_shares_do_not_change_while_nothing_happens() -> None:
    counts = counted([("a", 1.0, NOW_MS), ("b", 3.0, NOW_MS)], HOUR_MS)
    assert counts.shares() == {"a": 0.25, "b": 0.75}
    later = NOW_MS + 10 * HOUR_MS
    assert counts.value("a", later) / counts.value("b", later) == pytest.approx(1 / 3, rel=1e-12)


def test_over_the_bound_the_smallest_leaves() -> None:
    counts = counted([(f"k{n}", float(n + 1), NOW_MS) for n in range(KEYS_MAX + 1)], HOUR_MS, KEYS_MAX)
    assert set(counts.values) == {f"k{n}" for n in range(1, KEYS_MAX + 1)}


def test_of_equally_small_ones_the_first_of_the_alphabet_leaves_in_any_order() -> None:
    names = ["d", "a", "c", "b"]
    for order in (names, sorted(names), sorted(names, reverse=True)):
        counts = counted([(name, 1.0, NOW_MS) for name in order[:3]], HOUR_MS, keys_max=2)
        assert len(counts.values) == 2
        assert min(order[:3]) not in counts.values


def test_the_bound_holds_however_many_come() -> None:
    counts = DecayedCounts()
    for number in range(500):
        counts.add(f"k{number}", 1.0 + number % 7, NOW_MS + number * HOUR_MS, DAY_MS, KEYS_MAX)
        assert len(counts.values) <= KEYS_MAX


def test_adding_tells_what_it_added_as_the_values_are_kept() -> None:
    counts = counted([("a", 1.0, NOW_MS)], HOUR_MS)
    before = counts.values["a"]
    added = counts.add("a", 2.0, NOW_MS, HOUR_MS, KEYS_MAX)
    assert counts.values["a"] == before + added
    assert added == pytest.approx(2 * before)


def test_adding_what_leaves_at_once_adds_nothing() -> None:
    counts = counted([("a", 5.0, NOW_MS), ("b", 5.0, NOW_MS)], HOUR_MS, keys_max=2)
    assert counts.add("c", 1.0, NOW_MS, HOUR_MS, keys_max=2) == 0.0
    assert set(counts.values) == {"a", "b"}


@pytest.mark.parametrize(("old_ms", "new_ms"), [(HOUR_MS, 14 * DAY_MS), (14 * DAY_MS, HOUR_MS), (DAY_MS, DAY_MS + 1)])
def test_another_half_life_forgets_no_more_and_no_less_than_was_forgotten(old_ms: int, new_ms: int) -> None:
    counts = counted([("a", 3.0, NOW_MS), ("b", 1.0, NOW_MS - old_ms)], old_ms)
    counts.add("c", 1.0, NOW_MS, new_ms, KEYS_MAX)
    assert counts.value("a", NOW_MS) == pytest.approx(3.0, rel=1e-12)
    assert counts.value("b", NOW_MS) == pytest.approx(0.5, rel=1e-12)
    assert counts.value("c", NOW_MS) == pytest.approx(1.0, rel=1e-12)
    assert counts.value("a", NOW_MS + new_ms) == pytest.approx(1.5, rel=1e-12)


def test_another_half_life_that_comes_with_a_late_event_wakes_nothing_up() -> None:
    """The first event after a release may be 90 days late: 2160 half-lives that must not be undone."""
    counts = counted([("old", 1.0, NOW_MS)], HOUR_MS)
    counts.add("late", 1.0, NOW_MS - 90 * DAY_MS, 14 * DAY_MS, KEYS_MAX)
    counts.add("new", 1.0, NOW_MS, 14 * DAY_MS, KEYS_MAX)
    assert 0.5 <= counts.value("old", NOW_MS) / counts.value("new", NOW_MS) <= 2.0


def test_two_users_share_no_counts() -> None:
    one, other = DecayedCounts(), DecayedCounts()
    one.add("a", 1.0, NOW_MS, HOUR_MS, KEYS_MAX)
    assert other.values == {}
