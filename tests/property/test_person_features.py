"""Visits, orders, contents, fatigue and declared features: the same in any order; two halves merge into the whole."""

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.cells import Profile
from online_models.contents import CONTENTS_MAX
from online_models.declared import WINDOW_BUCKETS, declared_value
from online_models.fatigue import SENDS_MAX
from online_models.features import features_only, forget_features, merge_features, observe
from online_models.orders import ORDERS_MAX
from online_models.sessions import GAP_MS, LATENESS_MS, VISITS_KEPT_MAX
from online_models.terms import Situation, hash_of_name
from online_models.told import features_in_words
from online_models.vector import BUILT_IN, NUMBER_TRAITS_MAX, numbers_of, situation_of, vector_of
from schemas.codec import decode, encode
from schemas.decisions import VECTOR_BYTES_MAX
from schemas.events import Event, EventKind
from schemas.ids import Locale
from schemas.library import DECLARED_MAX, FACTS_MAX, DeclaredFeature, LearningSettings, TagRule, WorkspaceSettings

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
START_MS = 1_760_000_000_000
DECLARED = (
    DeclaredFeature("seen", "count"),
    DeclaredFeature("views", "count", ("View",), half_life_ms=DAY_MS),
    DeclaredFeature("spent", "sum", property="revenue", half_life_ms=3 * DAY_MS),
    DeclaredFeature("spent_ever", "sum", property="revenue"),
    DeclaredFeature("price", "mean", property="revenue", half_life_ms=HOUR_MS, default=7.0),
    DeclaredFeature("views_2h", "count", ("View",), window_ms=2 * HOUR_MS),
    DeclaredFeature("price_5h", "mean", property="revenue", window_ms=5 * HOUR_MS, default=-1.0),
    DeclaredFeature("plan", "last", property="plan"),
    DeclaredFeature("price_last", "last", property="revenue", window_ms=3 * HOUR_MS),
    DeclaredFeature("kinds", "share", property="genres", half_life_ms=DAY_MS),
    DeclaredFeature("names", "share"),
)
SETTINGS = WorkspaceSettings(Locale("en"), "UTC", (TagRule("genres"),), declared=DECLARED)
END_MS = START_MS + LATENESS_MS

moments = st.integers(START_MS, END_MS)
amounts = st.floats(0.01, 1000.0).map(lambda value: round(value, 2))
properties = st.fixed_dictionaries(
    {},
    optional={
        "revenue": amounts,
        "plan": st.sampled_from(["Gold", "tin", "wood"]),
        "genres": st.lists(st.sampled_from(["jazz", "folk", "rock"]), max_size=2),
        "content_id": st.sampled_from([f"film {number}" for number in range(12)]),
        "order_id": st.sampled_from([f"order {number}" for number in range(6)]),
    },
)
names = st.sampled_from(["View", "Order Completed", "Order Refunded", "Order Cancelled", "Email Link Clicked"])


def event(at_ms: int, name: str = "View", number: int = 0, **said: Any) -> Event:
    ids: dict[str, Any] = {"workspace": "shop", "user": "ana", "record_id": f"r{number}", "id": f"e{number}"}
    return Event(**ids, kind=EventKind.TRACK, name=name, at_ms=at_ms, received_ms=at_ms, properties=said)


def sequence(rows: list[tuple[int, str, dict[str, Any]]]) -> list[Event]:
    """Events in order of time, each with an id of its own."""
    return [event(at_ms, name, number, **said) for number, (at_ms, name, said) in enumerate(sorted(rows, key=repr))]


logs = st.lists(st.tuples(moments, names, properties), min_size=1, max_size=40).map(sequence)


def folded(events: Sequence[Event], by: WorkspaceSettings = SETTINGS) -> Profile:
    profile = Profile()
    for one in events:
        observe(profile, one, by)
    return profile


def told(profile: Profile, at_ms: int = END_MS) -> dict[str, Any]:
    """Everything that is told, in a form that can be compared but for rounding."""
    found = features_in_words(profile, SETTINGS, at_ms)
    words: dict[str, Any] = {}
    for name, feature in found.items():
        words[f"{name} at"] = feature.at_ms
        if isinstance(feature.value, dict):
            words |= {f"{name} {key}": share for key, share in feature.value.items()}
        else:
            words[name] = feature.value
    return words


def close(one: dict[str, Any]) -> Any:
    return pytest.approx(one, rel=1e-9, abs=1e-9)


@settings(max_examples=60)
@given(logs, st.integers(0, 1 << 32))
def test_whatever_order_events_come_in_what_is_told_is_the_same(events: list[Event], seed: int) -> None:
    shuffled = random.Random(seed).sample(events, len(events))
    assert told(folded(shuffled)) == close(told(folded(events)))


@settings(max_examples=60)
@given(logs, st.integers(0, 1 << 32))
def test_two_profiles_merged_are_one_persons(events: list[Event], seed: int) -> None:
    """As long as no order's amounts came to both: an order that both remember counts once, its larger value."""
    chance = random.Random(seed)
    halves: tuple[list[Event], list[Event]] = ([], [])
    for one in events:
        by_order = (
            crc32(one.properties["order_id"].encode()) % 2 if "order_id" in one.properties else chance.randrange(2)
        )
        halves[by_order].append(one)
    into, other = folded(halves[0]), folded(halves[1])
    before = encode(other)
    merge_features(into, features_only(other))
    assert told(into) == close(told(folded(events)))
    assert encode(other) == before


@settings(max_examples=30)
@given(logs, logs)
def test_after_a_merge_a_profile_goes_on_as_one(events: list[Event], later: list[Event]) -> None:
    into, other = folded(events[::2]), folded(events[1::2])
    merge_features(into, other)
    again = decode(Profile, encode(into))
    for one in later:
        observe(again, one, SETTINGS)
    assert again.events == len(events) + len(later)
    assert len(encode(again)) < 24_000


def batch(events: Sequence[Event], feature: DeclaredFeature, at_ms: int) -> Any:
    """A declared feature by its definition, from all events at once."""
    rows: list[tuple[int, str, Any]] = []
    for one in events:
        if feature.events and one.name not in feature.events:
            continue
        value = one.properties.get(feature.property, None) if feature.property else 1.0
        if value is None and feature.kind != "share":
            continue
        values = [one.name] if feature.kind == "share" and not feature.property else value
        values = values if isinstance(values, list) else [values]
        rows += [(one.at_ms, one.id, each) for each in values if each is not None]
    if feature.window_ms and feature.kind != "last":
        width = feature.window_ms // WINDOW_BUCKETS
        rows = [row for row in rows if row[0] // width > at_ms // width - WINDOW_BUCKETS]
    weights = [2.0 ** ((row[0] - at_ms) / feature.half_life_ms) if feature.half_life_ms else 1.0 for row in rows]
    if feature.kind == "count":
        return sum(weights)
    if feature.kind in ("sum", "mean"):
        total = sum(weight * row[2] for weight, row in zip(weights, rows, strict=True))
        if feature.kind == "sum":
            return total
        return total / sum(weights) if rows else feature.default
    shares: dict[str, float] = {}
    for weight, row in zip(weights, rows, strict=True):
        shares[row[2]] = shares.get(row[2], 0.0) + weight / sum(weights)
    return shares or feature.default


@settings(max_examples=60)
@given(logs, st.integers(0, 1 << 32), st.integers(0, 3 * DAY_MS))
def test_declared_features_are_what_their_definitions_say(events: list[Event], seed: int, later_ms: int) -> None:
    profile = folded(random.Random(seed).sample(events, len(events)))
    at_ms = max(one.at_ms for one in events) + later_ms
    for feature in DECLARED:
        if feature.kind != "last":
            expected = batch(events, feature, at_ms)
            assert declared_value(profile.declared, feature, at_ms) == pytest.approx(expected, rel=1e-9, abs=1e-9), (
                feature.name
            )


@settings(max_examples=60)
@given(st.lists(moments, min_size=1, max_size=60), st.integers(0, 1 << 32))
def test_visits_are_counted_as_by_all_times_at_once(times: list[int], seed: int) -> None:
    ordered = sorted(times)
    expected = 1 + sum(after - before > GAP_MS for before, after in pairwise(ordered))
    profile = folded([event(at_ms) for at_ms in random.Random(seed).sample(times, len(times))])
    assert profile.sessions.count() == expected
    assert len(profile.sessions.kept) <= 16 * VISITS_KEPT_MAX


anything = st.dictionaries(
    st.sampled_from(["revenue", "total", "order_id", "content_id", "product_id", "plan", "genres"]),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=40),
        st.lists(st.integers(), max_size=3), st.just({}),
    ),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1 << 45), names, anything), max_size=60))
def test_no_event_breaks_a_feature_and_none_outgrows_its_bound(rows: list[tuple[int, str, dict[str, Any]]]) -> None:
    profile = folded(sequence(rows))
    for at_ms, _, _ in rows:
        profile.sends.sent(at_ms)
    assert decode(Profile, encode(profile)) == profile
    assert len(profile.contents.newest) <= CONTENTS_MAX
    assert len(profile.orders.remembered()) <= ORDERS_MAX
    assert profile.sends.count() <= SENDS_MAX
    assert len(profile.declared) <= len(DECLARED)
    assert len(encode(profile)) < 24_000
    assert len(vector_of(profile, SETTINGS, END_MS)) <= VECTOR_BYTES_MAX
    assert all(map(math.isfinite, numbers_of(vector_of(profile, SETTINGS, END_MS), SETTINGS).values()))


@given(st.lists(st.tuples(moments, st.booleans()), max_size=60), st.integers(0, 1 << 32))
def test_fatigue_counts_sends_after_the_last_reaction(rows: list[tuple[int, bool]], seed: int) -> None:
    profile = Profile()
    for at_ms, is_send in random.Random(seed).sample(rows, len(rows)):
        (profile.sends.sent if is_send else profile.sends.reacted)(at_ms)
    reacted_ms = max((at_ms for at_ms, is_send in rows if not is_send), default=-1)
    assert profile.sends.count() == min(SENDS_MAX, sum(is_send and at_ms > reacted_ms for at_ms, is_send in rows))


def changed(**fields: Any) -> Callable[[DeclaredFeature], DeclaredFeature]:
    return lambda feature: DeclaredFeature(**{name: fields.get(name, getattr(feature, name)) for name in
                                              DeclaredFeature.__struct_fields__})  # fmt: skip


def test_what_is_declared_otherwise_begins_anew_and_what_is_not_declared_any_more_is_forgotten() -> None:
    profile = folded([event(START_MS + n, revenue=5.0, number=n) for n in range(3)])
    other = changed(half_life_ms=7 * DAY_MS)(DECLARED[2])
    by = WorkspaceSettings(Locale("en"), "UTC", declared=(other,))
    observe(profile, event(START_MS + 9, revenue=2.0), by)
    assert set(profile.declared) == {"spent"}
    assert declared_value(profile.declared, other, START_MS + 9) == pytest.approx(2.0)


def test_a_vector_is_read_by_the_names_it_was_packed_with_only() -> None:
    profile = folded([event(START_MS, "Order Completed", revenue=12.5)])
    vector = vector_of(profile, SETTINGS, START_MS + 36 * HOUR_MS)
    numbers = numbers_of(vector, SETTINGS)
    assert list(numbers) == [*BUILT_IN, *[feature.name for feature in DECLARED]]
    assert (numbers["orders"], numbers["order_value_mean"], numbers["days_since_order"]) == (1.0, 12.5, 1.5)
    assert numbers["spent_ever"] == 12.5
    assert numbers_of(vector, WorkspaceSettings(Locale("en"), "UTC", declared=DECLARED[::-1])) == {}
    assert numbers_of(b"", SETTINGS) == {}
    assert numbers_of(vector_of(Profile(), SETTINGS, START_MS), SETTINGS)["days_since_event"] == -1.0
    many = tuple(DeclaredFeature(f"f{number}", "count") for number in range(DECLARED_MAX))
    names = tuple(f"t{number}" for number in range(FACTS_MAX))
    full = WorkspaceSettings(
        Locale("en"),
        "UTC",
        declared=many,
        learning=LearningSettings(facts=names, number_traits=names[:NUMBER_TRAITS_MAX]),
    )
    assert len(vector_of(profile, full, START_MS)) <= VECTOR_BYTES_MAX


def test_models_look_at_the_facts_and_numbers_that_the_workspace_names() -> None:
    learning = LearningSettings(
        facts=("plan", "city"), number_traits=("balance",), numbers=("balance", "orders", "none")
    )
    settings = WorkspaceSettings(Locale("en"), "UTC", learning=learning)
    vector = vector_of(Profile(facts={"plan": "gold", "balance": -3.5}), settings, START_MS)
    assert situation_of(vector, settings) == Situation((hash_of_name("plan=gold"), 0), (-3.5, 0.0))
    unknown = situation_of(vector_of(Profile(), settings, START_MS), settings)
    assert unknown.facts == (0, 0)
    assert math.isnan(unknown.numbers[0])
    other = situation_of(vector, WorkspaceSettings(Locale("en"), "UTC", learning=LearningSettings(facts=("plan",))))
    assert other == Situation((0,), ())


def test_forgetting_leaves_no_behaviour_and_keeps_who_somebody_is() -> None:
    profile = folded([event(START_MS, "Order Completed", revenue=12.5, plan="gold", genres=["jazz"], content_id="m")])
    profile.sends.sent(START_MS)
    profile.timezone = "Europe/Berlin"
    forget_features(profile)
    assert profile == Profile(timezone="Europe/Berlin")
