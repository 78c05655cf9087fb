"""What may be trained on: agreed to, not erased, behaviour only."""

from itertools import count
from typing import Any

from connectors.kafka.log_reader import LogRecord
from foresend.training.reading import Log, log_of
from online_models.terms import hash_of_name
from schemas.codec import encode
from schemas.events import Event, EventKind, encode_event
from schemas.examples import Example, RewardKind
from schemas.ids import EventId, Locale, RecordId, SendId, SlotName, Tag, TemplateName, UserId, VariantId, WorkspaceId
from schemas.keys import event_key, join_key
from schemas.library import ConsentSettings, WorkspaceSettings
from schemas.versions import Position

SETTINGS = WorkspaceSettings(default_locale=Locale("en"), timezone="UTC", consent=ConsentSettings(missing=True))
SAMPLE = WorkspaceId("w")
_numbers = count(1)


def event(at_ms: int, user: str = "u", workspace: str = "w", **fields: Any) -> LogRecord:
    number = str(next(_numbers))
    told: dict[str, Any] = {"kind": EventKind.TRACK, "name": "Product Viewed"} | fields
    made = Event(
        workspace=WorkspaceId(workspace), user=UserId(user), record_id=RecordId(number), id=EventId(number),
        at_ms=at_ms, received_ms=at_ms, **told,
    )  # fmt: skip
    return LogRecord(
        event_key(made.workspace, made.user, made.record_id), encode_event(made), Position(at_ms, 0, at_ms)
    )


def example(ended_ms: int, user: str = "u", send: str = "s") -> LogRecord:
    made = Example(
        workspace=SAMPLE, user=UserId(user), send_id=SendId(send), template=TemplateName("t"), at_ms=ended_ms - 1,
        ended_ms=ended_ms, slots=(SlotName("a"),), variants=(VariantId("v"),), affinities=(0.0,), vector=b"",
        propensity=0.5, kind=RewardKind.CLICK, reward=1.0, tags=((Tag("jazz"),),),
    )  # fmt: skip
    return LogRecord(join_key(SAMPLE, user, send), encode(made), Position(ended_ms, 0, ended_ms))


def read(events: list[LogRecord], examples: list[LogRecord]) -> Log:
    return log_of(events, examples, SAMPLE, SETTINGS)


def consent(given: bool) -> dict[str, Any]:
    told = {category: given for category, _ in SETTINGS.consent.categories}
    return {"context": {"consent": {"categoryPreferences": told}}}


def test_behaviour_and_examples_are_read_in_the_order_of_the_log() -> None:
    log = read([event(5), event(9, name="Cart Viewed")], [example(8, send="b"), example(7, send="a")])
    assert [(one.user, one.step.kind, one.step.at_ms) for one in log.did] == [
        ("w|u", hash_of_name("Product Viewed"), 5),
        ("w|u", hash_of_name("Cart Viewed"), 9),
    ]
    assert [one.send_id for one in log.examples] == ["a", "b"]
    assert log.newest_ms == 9


def test_what_is_no_behaviour_or_anothers_is_not_read() -> None:
    events = [
        event(1, kind=EventKind.IDENTIFY),
        event(2, name="Email Link Clicked", properties={"machine": True}),
        event(2, name="Email Delivered"),
        event(3, name="Outcome Told"),
        event(4, workspace="ww"),
        event(5, name="Unsubscribed"),
        LogRecord(b"w|u|9", b"{", Position(6, 0, 6)),
        LogRecord(b"w|u|9", b"", Position(7, 0, 7)),
    ]
    assert read(events, []).did == []


def test_a_persons_click_is_behaviour_from_when_it_ended_its_exposure() -> None:
    # given a click that waited, one of nothing shown, and an open
    clicks = [
        event(at_ms, name="Email Link Clicked", properties={"send_id": send}) for at_ms, send in ((5, "s"), (6, "t"))
    ]
    log = read([*clicks, event(7, name="Email Opened")], [example(9)])
    # then the open counts at once, the click when it was found to be a person's, the other not at all
    assert sorted((one.step.at_ms, one.at_ms) for one in log.did) == [(7, 7), (9, 5)]
    assert read(clicks, []).did == []


def test_an_erased_person_begins_anew() -> None:
    log = read([event(5), event(6, kind=EventKind.ERASE), event(9)], [example(4), example(8, send="later")])
    assert [one.step.at_ms for one in log.did] == [9]
    assert [one.send_id for one in log.examples] == ["later"]


def test_who_does_not_agree_any_more_is_not_learnt_from() -> None:
    log = read([event(5, **consent(True)), event(9, **consent(False)), event(5, user="other")], [example(7)])
    assert [one.user for one in log.did] == ["w|other"]
    assert log.examples == []


def test_a_tombstone_removes_an_example() -> None:
    gone = example(7)._replace(value=b"")
    assert read([], [example(7), gone, example(8, send="kept")]).examples[0].send_id == "kept"
    assert len(read([], [example(7), gone]).examples) == 0
