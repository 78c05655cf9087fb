"""What is true of features for all events: nothing raises, everything has a bound, order does not matter."""

import json
import random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.cells import DEVICES_MAX, TAGS_MAX, TRAITS_MAX, Profile
from online_models.decayed import DecayedCounts
from online_models.features import HOURS_OF_WEEK, observe, remember_traits
from schemas.codec import decode, encode
from schemas.events import Event, decode_event
from schemas.ids import FieldName, Locale
from schemas.library import FeatureSettings, TagRule, WorkspaceSettings
from schemas.tagging import TAG_LENGTH_MAX, TAGS_OF_EVENT_MAX, tags_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_760_000_000_000
TEN_YEARS_MS = 3650 * DAY_MS
RULES = (
    TagRule("genres", weight=2.0),
    TagRule("products[].category", prefix="category:"),
    TagRule("products[].tags[]", events=("Order Completed",), weight=100.0),
    TagRule("a.b[].c"),
)
SHOWN = frozenset(FieldName(name) for name in ("first_name", "points", "locale", "timezone"))

names = st.sampled_from(
    ["genres", "products", "category", "tags", "a", "b", "c", "device", "type", "locale", "timezone"]
)
zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "../etc/passwd", "", "localtime", "x" * 70, "Europe", "\0"]
)
times = st.one_of(st.integers(0, (1 << 46) - 1), st.integers(NOW_MS - 90 * DAY_MS, NOW_MS), st.sampled_from([0, 1]))
half_lives = st.one_of(st.sampled_from([HOUR_MS, 14 * DAY_MS]), st.integers(HOUR_MS, TEN_YEARS_MS))
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(), zones
)
anything = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(names, st.text(max_size=3)), inner, max_size=4)
    ),
    max_leaves=5,
)
objects = st.dictionaries(st.one_of(names, st.sampled_from(sorted(SHOWN))), anything, max_size=3)


def event_of(at_ms: int, **fields: Any) -> Event:
    """An event as it comes out of the log, whatever it holds."""
    ids = {"workspace": "shop", "user": "ana", "record_id": "r", "id": "e", "kind": "track"}
    return decode_event(json.dumps(ids | {"at_ms": at_ms, "received_ms": at_ms} | fields).encode())


events = st.builds(
    event_of,
    times,
    name=st.sampled_from(["Order Completed", "Viewed", ""]),
    properties=objects,
    traits=objects,
    context=objects,
)


def workspace(half_life_ms: int, timezone: str = "UTC") -> WorkspaceSettings:
    return WorkspaceSettings(Locale("en"), timezone, RULES, FeatureSettings(half_life_ms, half_life_ms))


@settings(max_examples=30)
@given(st.lists(st.tuples(events, half_lives, zones), max_size=4))
def test_no_event_breaks_a_profile_and_no_profile_outgrows_its_bounds(
    applied: list[tuple[Event, int, str]],
) -> None:
    profile = Profile()
    for event, half_life_ms, zone in applied:
        remember_traits(profile, event, SHOWN)
        observe(profile, event, workspace(half_life_ms, zone))
    assert decode(Profile, encode(profile)) == profile
    assert profile.events == len(applied)
    assert len(profile.tags.values) <= TAGS_MAX
    assert len(profile.devices.values) <= DEVICES_MAX
    assert len(profile.traits) <= TRAITS_MAX
    assert set(profile.hours.values) <= set(range(HOURS_OF_WEEK))
    assert sum(profile.hours.shares().values()) == pytest.approx(1.0 if applied else 0.0)
    assert 0.0 <= profile.moved < float("inf")
    assert len(encode(profile)) < 16_000


@settings(max_examples=50)
@given(events)
def test_tags_are_few_short_and_each_once(event: Event) -> None:
    found = tags_of(event, RULES)
    assert len(found) == len({tag for tag, _ in found}) <= TAGS_OF_EVENT_MAX
    assert all(1 <= len(tag) <= TAG_LENGTH_MAX and weight > 0 for tag, weight in found)


class Added(NamedTuple):
    """One call of `DecayedCounts.add`."""

    key: str
    weight: float
    at_ms: int


weeks = st.lists(
    st.builds(Added, st.sampled_from("abcd"), st.floats(0.01, 100), st.integers(NOW_MS, NOW_MS + 7 * DAY_MS)),
    min_size=1,
    max_size=30,
)


@given(weeks, half_lives, st.integers(0, 1 << 32), st.booleans())
def test_counts_are_the_naive_sum_in_any_order_also_after_a_long_silence(
    added: list[Added], half_life_ms: int, seed: int, is_known: bool
) -> None:
    shuffled = random.Random(seed).sample(added, len(added))
    long_ago_ms = NOW_MS - 3000 * half_life_ms
    silence = [Added("a", 1.0, long_ago_ms)] if is_known and long_ago_ms >= 0 else []
    for order in (added, shuffled):
        counts = DecayedCounts()
        for one in silence + order:
            counts.add(*one, half_life_ms, 10)
        end_ms = NOW_MS + 7 * DAY_MS
        for key in "abcd":
            naive = sum(w * 2.0 ** ((at - end_ms) / half_life_ms) for k, w, at in added if k == key)
            assert counts.value(key, end_ms) == pytest.approx(naive, rel=1e-9)


@given(st.lists(st.builds(Added, st.text(max_size=2), st.floats(0.01, 100), times), max_size=30), half_lives)
def test_shares_are_a_whole_or_nothing_and_keys_have_a_bound(added: list[Added], half_life_ms: int) -> None:
    counts = DecayedCounts()
    for one in added:
        counts.add(*one, half_life_ms, 5)
        assert len(counts.values) <= 5
        assert sum(counts.shares().values()) == pytest.approx(1.0)


def variation(one: dict[int | str, float], other: dict[int | str, float]) -> float:
    if not one or not other:
        return 1.0 if one or other else 0.0
    return sum(abs(one.get(key, 0.0) - other.get(key, 0.0)) for key in one.keys() | other.keys()) / 2


engagements = st.tuples(
    st.integers(0, TAGS_MAX + 8),
    st.one_of(st.integers(NOW_MS, NOW_MS + 7 * DAY_MS), st.integers(NOW_MS - 90 * DAY_MS, NOW_MS + 900 * DAY_MS)),
    st.sampled_from([14 * DAY_MS, 14 * DAY_MS, 14 * DAY_MS, HOUR_MS, 90 * DAY_MS]),
)


@given(st.integers(0, TAGS_MAX + 8), st.lists(engagements, min_size=1, max_size=40), st.integers(0, 39))
def test_the_preference_vector_never_moves_further_than_what_moved_says(
    known: int, applied: list[tuple[int, int, int]], mark: int
) -> None:
    """Also when tags leave for new ones, events are late, or the half-life is another one."""
    profile = Profile()
    for number in range(known):
        observe(profile, event_of(NOW_MS + number, properties={"genres": f"g{number}"}), workspace(14 * DAY_MS))
    profile.moved, start = 0.0, profile.tags.shares()
    for number, (genre, at_ms, half_life_ms) in enumerate(applied):
        if number == mark:
            profile.moved, start = 0.0, profile.tags.shares()
        observe(profile, event_of(at_ms, properties={"genres": f"g{genre}"}), workspace(half_life_ms))
        assert variation(start, profile.tags.shares()) <= profile.moved + 1e-9


ratings = st.builds(event_of, times, properties=st.builds(dict, genres=st.lists(st.sampled_from("abcd"), max_size=3)))


@settings(max_examples=50)
@given(st.lists(ratings, max_size=6), st.integers(0, 1 << 32))
def test_in_another_order_the_profile_is_the_same_but_for_rounding(applied: list[Event], seed: int) -> None:
    def folded(order: list[Event]) -> Profile:
        profile = Profile()
        for event in order:
            observe(profile, event, workspace(14 * DAY_MS))
        return profile

    one, other = folded(applied), folded(random.Random(seed).sample(applied, len(applied)))
    assert (one.events, one.first_seen_ms, one.last_seen_ms) == (other.events, other.first_seen_ms, other.last_seen_ms)
    for of_one, of_other in ((one.tags, other.tags), (one.hours, other.hours)):
        assert of_other.shares() == pytest.approx(of_one.shares(), rel=1e-9, abs=1e-300)
