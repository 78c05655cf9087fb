"""What is true of identity for every order of events: nothing is lost, nothing is inherited, nothing counts twice."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.cells import TRAIL_EVENTS_MAX, Profile
from schemas.codec import encode
from schemas.events import Event, EventKind
from schemas.ids import EventId
from schemas.library import Release
from schemas.profiles import Suppression
from schemas.versions import TOMBSTONE_AFTER_MS
from tests.support.events import DAY_MS, MINUTE_MS, START_MS, erased, event, named, rated
from tests.support.relay_loop import RelayLoop

GENRES = ("comedy", "drama", "horror", "western", "jazz")
RELEASES: list[bytes] = []


@pytest.fixture(scope="module", autouse=True)
def release(sample_release: Release) -> None:
    RELEASES[:] = [encode(sample_release)]


def loop(repeats: int = 1) -> RelayLoop:
    return RelayLoop(RELEASES[0], repeats)


def browsed(genre: str, device: str, at_ms: int, **fields: Any) -> Event:
    return rated(genre, device, at_ms, anonymous=True, **fields)


def identified(user: str, device: str, at_ms: int, **fields: Any) -> Event:
    return named(user.title(), user, at_ms, linked=device, **fields)


def aliased(user: str, former: str, at_ms: int) -> Event:
    return event(EventKind.ALIAS, user, at_ms, linked=former)


def features(profile: Profile) -> dict[str, Any]:
    """Numbers that tell one behaviour from another."""
    newest = profile.last_seen_ms
    return {
        "events": profile.events,
        "first": profile.first_seen_ms,
        "last": newest,
        "sessions": profile.sessions.count(),
        **{f"tag:{tag}": profile.tags.value(tag, newest) for tag in profile.tags.values},
        **{f"hour:{hour}": profile.hours.value(hour, newest) for hour in profile.hours.values},
    }


def tags(path: RelayLoop, user: str) -> set[int | str]:
    return set(path.profile(user).tags.values)


visits = st.lists(st.tuples(st.sampled_from(GENRES), st.integers(0, 10 * DAY_MS)), min_size=1, max_size=30)


@given(visits, st.integers(1, 2))
def test_who_was_anonymous_first_is_as_if_never(before: list[tuple[str, int]], repeats: int) -> None:
    """Also where each record is read twice."""
    path, plain = loop(repeats), loop()
    end_ms = START_MS + 11 * DAY_MS
    for number, (genre, after_ms) in enumerate(before):
        at = {"received_ms": end_ms, "id": EventId(f"v{number}")}
        path.collect([browsed(genre, "device", START_MS + after_ms, **at)])
        plain.collect([rated(genre, "ana", START_MS + after_ms, **at)])
    path.collect([identified("ana", "device", end_ms)])
    plain.collect([named("Ana", "ana", end_ms)])
    assert features(path.profile("ana")) == pytest.approx(features(plain.profile("ana")), rel=1e-9)
    assert path.profile("device").events == 0
    assert path.trail("device").events == []
    assert not path.oracle.dead_letters


@pytest.mark.parametrize("count", [TRAIL_EVENTS_MAX - 1, TRAIL_EVENTS_MAX, TRAIL_EVENTS_MAX + 1, 450])
def test_what_is_older_than_the_trail_is_handed_over_as_features(count: int) -> None:
    path, plain, chance = loop(), loop(), random.Random(count)
    for number in range(count):
        genre, at_ms = chance.choice(GENRES), START_MS + number * 7 * MINUTE_MS
        path.collect([browsed(genre, "device", at_ms)])
        plain.collect([rated(genre, "ana", at_ms)])
    kept = path.trail("device")
    path.collect([identified("ana", "device", START_MS + 4 * DAY_MS)])
    assert len(kept.events) == min(count, TRAIL_EVENTS_MAX)
    assert features(path.profile("ana")) == pytest.approx(features(plain.profile("ana")), rel=1e-9)


def test_a_replay_of_relayed_events_changes_nothing() -> None:
    path = loop()
    path.collect([browsed("jazz", "device", START_MS + n) for n in range(5)])
    path.collect([identified("ana", "device", START_MS + 10)])
    before = dict(path.oracle.cells["sample|ana"])
    relayed = [one for one in path.log if one.via]
    path.collect(relayed)
    assert path.oracle.cells["sample|ana"] == before


def test_the_anonymous_entries_become_graves_and_then_tombstones() -> None:
    path = loop()
    path.collect([browsed("jazz", "device", START_MS)])
    assert all(path.entries("device").values())
    path.collect([identified("ana", "device", START_MS + 1)])
    graves = path.entries("device")
    path.pass_time(START_MS + 1 + TOMBSTONE_AFTER_MS)
    assert all(graves.values())
    assert set(path.entries("device").values()) == {None}
    assert all(path.entries("ana").values())


def test_later_events_of_the_device_reach_the_person() -> None:
    path = loop()
    path.collect([identified("ana", "device", START_MS), browsed("jazz", "device", START_MS + 1)])
    assert tags(path, "ana") == {"jazz"}
    assert path.profile("device").events == 0


@given(st.lists(st.sampled_from(GENRES[:2]), max_size=5), st.lists(st.sampled_from(GENRES[2:]), max_size=5))
def test_a_second_person_on_a_device_inherits_nothing(first: list[str], second: list[str]) -> None:
    path = loop()
    path.collect([browsed(genre, "device", START_MS + n) for n, genre in enumerate(first)])
    path.collect([identified("ana", "device", START_MS + 100)])
    path.collect([browsed("comedy", "device", START_MS + 150)])
    path.collect([identified("bo", "device", START_MS + 200)])
    path.collect([browsed(genre, "device", START_MS + 300 + n) for n, genre in enumerate(second)])
    assert tags(path, "ana") == {*first, "comedy"}
    assert tags(path, "bo") == set(second)


def test_a_late_event_is_whose_the_device_was_when_it_happened() -> None:
    path = loop()
    path.collect([identified("ana", "device", START_MS), identified("bo", "device", START_MS + DAY_MS)])
    path.collect([browsed("jazz", "device", START_MS + 5, received_ms=START_MS + 2 * DAY_MS)])
    path.collect([browsed("drama", "device", START_MS - 5, received_ms=START_MS + 2 * DAY_MS)])
    assert tags(path, "ana") == {"jazz", "drama"}
    assert tags(path, "bo") == set()


def test_an_identify_that_comes_late_counts_from_when_it_happened() -> None:
    path = loop()
    path.collect([browsed("jazz", "device", START_MS)])
    path.collect([identified("ana", "device", START_MS - MINUTE_MS, received_ms=START_MS + 1)])
    assert tags(path, "ana") == {"jazz"}


def test_a_repeated_identify_is_one() -> None:
    path = loop()
    told = identified("ana", "device", START_MS)
    path.collect([browsed("jazz", "device", START_MS - 1), told, told])
    path.collect([identified("ana", "device", START_MS + 5), browsed("jazz", "device", START_MS + 6)])
    assert path.profile("ana").events == 2


def test_an_alias_of_two_known_persons_hands_over_features_and_passes_on() -> None:
    path = loop()
    path.collect([rated("jazz", "old", START_MS), rated("drama", "ana", START_MS + 1)])
    path.collect([aliased("ana", "old", START_MS + 2), rated("horror", "old", START_MS + 3)])
    assert tags(path, "ana") == {"jazz", "drama", "horror"}
    assert path.profile("ana").events == 3
    assert path.profile("old").events == 0


@given(st.permutations(["a", "b", "c"]))
def test_chains_of_aliases_end_with_one_person(order: list[str]) -> None:
    """a is b, b is c: told in whatever order, and with events of each before, between and after."""
    path = loop()
    path.collect([rated("jazz", name, START_MS + n) for n, name in enumerate(order)])
    path.collect([aliased("b", "a", START_MS + 10), aliased("c", "b", START_MS + 20)])
    path.collect([rated("drama", name, START_MS + 30 + n) for n, name in enumerate(order)])
    assert path.profile("c").events == 6
    assert path.profile("a").events == path.profile("b").events == 0


def test_a_ring_of_aliases_loses_nothing() -> None:
    path = loop()
    path.collect([rated("jazz", name, START_MS) for name in ("a", "b", "c")])
    path.collect([aliased("b", "a", START_MS + 1), aliased("c", "b", START_MS + 2), aliased("a", "c", START_MS + 3)])
    path.collect([rated("drama", name, START_MS + 10) for name in ("a", "b", "c")])
    assert sum(path.profile(name).events for name in ("a", "b", "c")) == 6
    assert max(path.profile(name).events for name in ("a", "b", "c")) == 6


def test_an_alias_to_oneself_changes_nothing() -> None:
    path = loop()
    path.collect([rated("jazz", "ana", START_MS), aliased("ana", "ana", START_MS + 1)])
    assert path.profile("ana").events == 1
    assert path.profile("ana").links == ()


def test_erasing_a_person_erases_the_devices_too() -> None:
    path = loop()
    path.collect([browsed("jazz", "device", START_MS), identified("ana", "device", START_MS + 1)])
    path.collect([erased("ana", START_MS + 2)])
    assert path.profile("device").is_grave
    assert path.profile("device").links == ()
    path.collect([browsed("drama", "device", START_MS + 3)])
    assert tags(path, "ana") == set()
    assert tags(path, "device") == {"drama"}


def test_of_who_was_erased_and_listed_nothing_is_left_and_nothing_comes_back() -> None:
    path = loop()
    path.collect([browsed("jazz", "device", START_MS), identified("ana", "device", START_MS + 1)])
    path.collect([erased("ana", START_MS + 2, properties={"listed": True})])
    path.pass_time(START_MS + DAY_MS)
    assert path.oracle.cells["sample|ana"] == {}
    assert path.oracle.cells["sample|device"] == {}
    path.collect([rated("jazz", "ana", START_MS + 1, received_ms=START_MS + 2 * DAY_MS)])
    path.collect([event(EventKind.REFRESH, "ana", START_MS + 2 * DAY_MS)])
    assert path.oracle.cells["sample|ana"] == {}
    path.collect([rated("drama", "ana", START_MS + 3 * DAY_MS)])
    assert tags(path, "ana") == {"drama"}
    path.collect([rated("jazz", "ana", START_MS + 1, received_ms=START_MS + 3 * DAY_MS)])
    assert tags(path, "ana") == {"drama"}


def test_of_who_was_erased_without_a_list_the_state_keeps_the_grave() -> None:
    path = loop()
    path.collect([rated("jazz", "ana", START_MS), erased("ana", START_MS + 2)])
    path.pass_time(START_MS + DAY_MS)
    assert path.profile("ana").is_grave


def test_what_was_told_of_an_address_reaches_the_person_it_belongs_to() -> None:
    path = loop()
    bounced = {"bounce_type": "hard"}
    path.collect([
        event(EventKind.TRACK, "address-1", START_MS, name="Email Bounced", properties=bounced, anonymous=True),
        event(EventKind.LINK, "address-1", START_MS + 1, linked="ana"),
    ])  # fmt: skip
    assert path.contact("ana").suppressed == {"email": Suppression("hard_bounce", START_MS)}


def test_handed_features_that_cannot_be_read_are_a_dead_letter() -> None:
    path = loop()
    path.collect([event(EventKind.MERGE, "ana", START_MS, handed=b"\x01no")])
    assert [letter.reason for letter in path.oracle.dead_letters] == ["wrong_type"]
