"""Identity and erasure in training: the log that the whole path of events makes, read as `foresend train` reads it."""

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.erasure.graveyard import Graveyard
from connectors.kafka.event_records import event_record
from connectors.kafka.log_reader import LogRecord
from foresend.training.people import owner_of
from foresend.training.reading import Log, log_of
from online_models.cells import Link
from schemas.codec import encode
from schemas.events import Event, EventKind
from schemas.examples import Example, RewardKind
from schemas.ids import Locale, SendId, SlotName, Tag, TemplateName, UserId, VariantId
from schemas.keys import join_key
from schemas.library import ConsentSettings, Release, WorkspaceSettings
from schemas.versions import Position
from tests.support.events import DAY_MS, MINUTE_MS, START_MS, WORKSPACE, erased, event, named, rated
from tests.support.relay_loop import RelayLoop

SETTINGS = WorkspaceSettings(default_locale=Locale("en"), timezone="UTC", consent=ConsentSettings(missing=True))
END_MS = 1 << 46


@pytest.fixture
def path(sample_release: Release) -> RelayLoop:
    consent = replace(sample_release.settings.consent, missing=True)
    return RelayLoop(encode(replace(sample_release, settings=replace(sample_release.settings, consent=consent))))


def browsed(device: str, minute: int, **fields: Any) -> Event:
    return rated("jazz", device, START_MS + minute * MINUTE_MS, anonymous=True, **fields)


def identified(user: str, device: str, minute: int) -> Event:
    return named("A", user, START_MS + minute * MINUTE_MS, linked=device)


def rows(events: Iterable[Event]) -> list[LogRecord]:
    found = []
    for offset, one in enumerate(events):
        record = event_record(one)
        found.append(LogRecord(record.key, record.value, Position(max(one.received_ms, START_MS), 0, offset)))
    return found


def shown(user: str, minute: int, send: str = "s") -> LogRecord:
    at_ms = START_MS + minute * MINUTE_MS
    made = Example(
        workspace=WORKSPACE, user=UserId(user), send_id=SendId(send), template=TemplateName("t"), at_ms=at_ms,
        ended_ms=at_ms + 1, slots=(SlotName("a"),), variants=(VariantId("v"),), affinities=(0.0,), vector=b"",
        propensity=0.5, kind=RewardKind.CLICK, reward=1.0, tags=((Tag("jazz"),),),
    )  # fmt: skip
    return LogRecord(join_key(WORKSPACE, user, send), encode(made), Position(at_ms + 1, 0, 0))


def read(events: list[LogRecord], examples: Iterable[LogRecord] = (), graves: Graveyard | None = None) -> Log:
    return log_of(events, examples, WORKSPACE, SETTINGS, graves)


def counts(log: Log) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in log.did:
        found[one.user] = found.get(one.user, 0) + 1
    return found


def test_what_a_device_did_before_the_log_in_is_the_persons_and_counts_once(path: RelayLoop) -> None:
    # given a device that browses, is logged in on, and browses on
    path.collect([browsed("phone", 1), browsed("phone", 2), identified("ana", "phone", 3), browsed("phone", 4)])
    # when
    log = read(rows(path.log))
    # then
    assert counts(log) == {f"{WORKSPACE}|ana": 3}
    assert sorted(one.at_ms for one in log.did) == [START_MS + minute * MINUTE_MS for minute in (1, 2, 4)]
    assert owner_of(log.links, f"{WORKSPACE}|phone", START_MS, END_MS) == f"{WORKSPACE}|ana"


def test_what_was_shown_to_the_device_keeps_the_steps_before_it(path: RelayLoop) -> None:
    path.collect([browsed("phone", 1), browsed("phone", 5), identified("ana", "phone", 9)])
    log = read(rows(path.log), [shown("phone", 3)])
    own = [one.at_ms for one in log.did if one.user == f"{WORKSPACE}|phone"]
    assert own == [START_MS + MINUTE_MS]
    assert counts(log)[f"{WORKSPACE}|ana"] == 2


def test_a_second_person_on_the_device_inherits_nothing(path: RelayLoop) -> None:
    path.collect([browsed("tv", 1), identified("ana", "tv", 2), identified("ben", "tv", 5), browsed("tv", 6)])
    log = read(rows(path.log))
    assert counts(log) == {f"{WORKSPACE}|ana": 1, f"{WORKSPACE}|ben": 1}
    at = [owner_of(log.links, f"{WORKSPACE}|tv", START_MS + minute * MINUTE_MS, END_MS) for minute in (1, 3, 7)]
    assert [one.partition("|")[2] for one in at] == ["ana", "ana", "ben"]


def test_a_link_that_comes_later_is_not_known_before() -> None:
    links = {"w|phone": (Link("ana", 50),), "w|ana": (Link("anna", 70, True),)}
    assert owner_of(links, "w|phone", 10, 40) == "w|phone"
    assert owner_of(links, "w|phone", 10, 60) == "w|ana"
    assert owner_of(links, "w|phone", 10, 90) == "w|anna"
    assert owner_of({"w|a": (Link("b", 1),), "w|b": (Link("a", 1),)}, "w|a", 5, 9) == "w|b"


def test_an_event_that_came_twice_counts_once() -> None:
    once = browsed("phone", 1)
    assert counts(read(rows([once, once]))) == {f"{WORKSPACE}|phone": 1}


def test_an_erased_person_is_left_out_with_what_the_device_did(path: RelayLoop) -> None:
    path.collect([browsed("phone", 1), identified("ana", "phone", 2), browsed("phone", 3)])
    path.collect([erased("ana", START_MS + 10 * MINUTE_MS)])
    log = read(rows(path.log), [shown("phone", 1, "a"), shown("ana", 4, "b"), shown("ana", 60, "later")])
    assert log.did == []
    assert [one.send_id for one in log.examples] == ["later"]


def test_an_erasure_that_has_not_come_to_the_device_yet_counts_for_it(path: RelayLoop) -> None:
    path.collect([browsed("phone", 1), identified("ana", "phone", 2), browsed("phone", 3)])
    before = [one for one in path.log if one.kind is not EventKind.ERASE]
    log = read(rows([*before, erased("ana", START_MS + 10 * MINUTE_MS)]), [shown("phone", 1)])
    assert log.did == []
    assert log.examples == []


def test_who_is_on_the_list_of_the_erased_is_left_out_where_the_log_does_not_say_so() -> None:
    # given a log that was restored from before the erasure
    graves = Graveyard()
    graves.bury(WORKSPACE, UserId("ana"), START_MS + 10 * MINUTE_MS)
    events = rows([rated("jazz", "ana", START_MS + minute * MINUTE_MS) for minute in (1, 20)])
    # when
    log = read(events, [shown("ana", 2, "a"), shown("ana", 30, "later")], graves)
    unknown = read([], [shown("ana", 2, "a"), shown("ana", 30, "later")], graves)
    # then only what came after it is learnt from
    assert [one.at_ms for one in log.did] == [START_MS + 20 * MINUTE_MS]
    assert [one.send_id for one in log.examples] == ["later"]
    assert [one.send_id for one in unknown.examples] == ["later"]


def test_an_event_whose_tombstone_came_is_none_any_more() -> None:
    events = rows([rated("jazz", "ana", START_MS), rated("jazz", "ana", START_MS + 1)])
    gone = LogRecord(events[0].key, b"", Position(START_MS + DAY_MS, 0, 9))
    assert [one.at_ms for one in read([*events, gone]).did] == [START_MS + 1]


def test_consent_of_the_person_holds_for_the_device() -> None:
    denied = {"consent": {"categoryPreferences": {"analytics": False}}}
    link = event(EventKind.LINK, "phone", START_MS + 2, linked="ana", anonymous=True)
    said = event(EventKind.TRACK, "ana", START_MS + 3, name="X", context=denied)
    assert read(rows([browsed("phone", 0), link, said]), [shown("phone", 0)]).examples == []
