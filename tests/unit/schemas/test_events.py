"""Decoding of events: what is none is refused with the right reason, and nothing but a SchemaError comes out."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.catalogue import SLATE_LENGTH_MAX
from schemas.errors import Reason, SchemaError
from schemas.events import (
    AGE_MAX_MS,
    AHEAD_MAX_MS,
    BEHAVIOUR,
    DEPTH_MAX,
    EVENT_BYTES_MAX,
    Event,
    EventKind,
    check_time,
    decode_event,
    encode_event,
)
from schemas.ids import ID_LENGTH_MAX
from schemas.worlds import WorldRef

CANARY = "canary@example.com"
PLAIN: dict[str, Any] = {
    "workspace": "shop",
    "user": "ana",
    "record_id": "r1",
    "id": "e1",
    "kind": "track",
    "at_ms": 1,
    "received_ms": 2,
}
EXPOSURE: dict[str, Any] = {
    "send_id": "s1",
    "template": "newsletter",
    "decision": "d1",
    "candidate": 0,
    "propensity": 0.5,
    "probabilities": [0.5, 0.5],
    "slots": ["hero"],
    "variants": ["sun"],
    "features": [0.25],
}


def written(**fields: Any) -> bytes:
    return json.dumps(PLAIN | fields).encode()


def exposed(**fields: Any) -> bytes:
    return written(kind="exposure", exposure=EXPOSURE | fields)


def with_number(number: str) -> bytes:
    return written(properties={"price": "@"}).replace(b'"@"', number.encode())


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


def refused(data: bytes) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        decode_event(data)
    return caught.value


def test_an_event_says_no_more_than_it_must() -> None:
    event = decode_event(written())
    assert event.world == WorldRef(0, 0)
    assert event.kind is EventKind.TRACK
    assert json.loads(encode_event(event)) == PLAIN


def test_an_exposure_comes_through_whole() -> None:
    event = decode_event(exposed())
    assert event.exposure is not None
    assert event.exposure.variants == ("sun",)
    assert decode_event(encode_event(event)) == event


def test_a_field_of_a_newer_sender_is_left_aside() -> None:
    assert decode_event(written(mood={"good": True})) == decode_event(written())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.NOT_JSON),
        (b"hello", Reason.NOT_JSON),
        (b"NaN", Reason.NOT_JSON),
        (written()[:-1], Reason.NOT_JSON),
        (written() + b"}", Reason.NOT_JSON),
        (written() + written(), Reason.NOT_JSON),
        (b"\xef\xbb\xbf" + written(), Reason.NOT_JSON),
        (written(user="@").replace(b"@", rb"\ud800"), Reason.NOT_JSON),
        (written(user="@").replace(b"@", rb"\udc00\ud800"), Reason.NOT_JSON),
        (written(user="@").replace(b"@", b"\xff"), Reason.BAD_UTF8),
        (written(user="@").replace(b"@", b"\xed\xa0\x80"), Reason.BAD_UTF8),
        (written(properties={"@": 1}).replace(b"@", b"\xc3"), Reason.BAD_UTF8),
        (written().decode().encode("utf-16"), Reason.BAD_UTF8),
        (with_number("NaN"), Reason.NOT_FINITE),
        (with_number("-NaN"), Reason.NOT_FINITE),
        (with_number("Infinity"), Reason.NOT_FINITE),
        (with_number("[1, -Infinity]"), Reason.NOT_FINITE),
        (with_number("1e999"), Reason.NOT_FINITE),
        (with_number("-1e999"), Reason.NOT_FINITE),
        (with_number("1" * 5000), Reason.NOT_FINITE),
        (written(at_ms="@").replace(b'"@"', b"1e999"), Reason.NOT_FINITE),
        (written(kind="dance"), Reason.UNKNOWN_KIND),
        (written(kind=""), Reason.UNKNOWN_KIND),
        (written(kind="TRACK"), Reason.UNKNOWN_KIND),
        (b"[]", Reason.WRONG_TYPE),
        (b"null", Reason.WRONG_TYPE),
        (b'"event"', Reason.WRONG_TYPE),
        (b"{}", Reason.WRONG_TYPE),
        (written(at_ms=-1), Reason.WRONG_TYPE),
        (written(at_ms=1 << 46), Reason.WRONG_TYPE),
        (written(received_ms=10**30), Reason.WRONG_TYPE),
        (written(at_ms=1.5), Reason.WRONG_TYPE),
        (written(world=[-1, 0]), Reason.WRONG_TYPE),
        (written(world=[0, 1 << 63]), Reason.WRONG_TYPE),
        (written(world=[0, 10**30]), Reason.WRONG_TYPE),
        (written(kind="exposure"), Reason.WRONG_TYPE),
        (written(kind="exposure", exposure=None), Reason.WRONG_TYPE),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(data: bytes, reason: Reason) -> None:
    assert refused(data).reason is reason


@pytest.mark.parametrize("field", [*PLAIN, "world", "name", "properties", "traits", "context", "exposure"])
@pytest.mark.parametrize("wrong", [None, 5, 1.5, True, CANARY, [CANARY], {CANARY: CANARY}])
def test_a_wrong_type_is_refused_and_its_value_not_told(field: str, wrong: Any) -> None:
    right = {"properties": dict, "traits": dict, "context": dict, "at_ms": int, "received_ms": int}
    if type(wrong) is right.get(field, str) or (field, wrong) in (("kind", CANARY), ("exposure", None)):
        return
    if field in ("world", "exposure"):
        wrong = wrong if wrong is not None or field == "world" else []
    error = refused(written(**{field: wrong}))
    assert error.reason is Reason.WRONG_TYPE
    assert field in str(error)
    assert CANARY not in str(error)


@pytest.mark.parametrize("field", list(PLAIN))
def test_no_field_that_says_whose_event_it_is_may_be_missing(field: str) -> None:
    data = json.dumps({name: value for name, value in PLAIN.items() if name != field}).encode()
    assert refused(data).reason is Reason.WRONG_TYPE


def test_an_unknown_kind_is_not_told_for_it_may_hold_a_person() -> None:
    error = refused(written(kind=CANARY))
    assert error.reason is Reason.UNKNOWN_KIND
    assert CANARY not in str(error)
    assert "kind" in str(error)


@pytest.mark.parametrize("field", ["workspace", "user", "record_id", "id"])
def test_ids_have_a_length(field: str) -> None:
    assert refused(written(**{field: ""})).reason is Reason.WRONG_TYPE
    assert refused(written(**{field: "é" * (ID_LENGTH_MAX + 1)})).reason is Reason.WRONG_TYPE
    assert getattr(decode_event(written(**{field: "é" * ID_LENGTH_MAX})), field) == "é" * ID_LENGTH_MAX


@pytest.mark.parametrize("field", ["send_id", "template"])
def test_ids_of_an_exposure_have_a_length(field: str) -> None:
    assert refused(exposed(**{field: ""})).reason is Reason.WRONG_TYPE
    assert refused(exposed(**{field: "x" * (ID_LENGTH_MAX + 1)})).reason is Reason.WRONG_TYPE


def test_an_exposure_of_the_fallback_has_no_decision() -> None:
    event = decode_event(exposed(decision="", candidate=-1, probabilities=[], slots=[], variants=[], features=[]))
    assert event.exposure is not None
    assert event.exposure.decision == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"variants": []},
        {"features": [0.25, 0.5]},
        {"slots": []},
        {"slots": ["s"] * 33, "variants": ["v"] * 33, "features": [0.5] * 33},
        {"variants": ["x" * (SLATE_LENGTH_MAX + 1)]},
        {"decision": "x" * (ID_LENGTH_MAX + 1)},
        {"candidate": -2},
        {"candidate": 10**30},
        {"propensity": 1.5},
        {"propensity": -0.5},
        {"features": [-0.1]},
        {"features": [1e300]},
        {"features": [None]},
        {"probabilities": [2.0]},
    ],
)
def test_an_exposure_that_no_gateway_writes_is_refused(wrong: dict[str, Any]) -> None:
    assert refused(exposed(**wrong)).reason is Reason.WRONG_TYPE


def test_numbers_of_any_size_that_a_number_can_have_are_kept() -> None:
    for number in ("1e308", "5e-324", str(2**70), str(-(2**64)), "1" * 400):
        price = decode_event(with_number(number)).properties["price"]
        assert price == json.loads(number)


@pytest.mark.parametrize("field", ["properties", "traits", "context"])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_has_a_bound(field: str, opening: str, closing: str) -> None:
    def event(levels: int) -> bytes:
        # The field itself is the first level.
        inner = opening * (levels - 1) + "1" + closing * (levels - 1)
        return written(**{field: {"x": "@"}}).replace(b'"@"', inner.encode())

    decode_event(event(DEPTH_MAX - 1))
    decode_event(event(DEPTH_MAX))
    for levels in (DEPTH_MAX + 1, 500, 10_000):
        assert refused(event(levels)).reason is Reason.TOO_DEEP


@pytest.mark.parametrize("levels", [DEPTH_MAX + 1, 500, 900, 10_000])
def test_nesting_in_a_field_of_a_newer_sender_has_the_same_bound(levels: int) -> None:
    """However deep the reader's own stack is: the job and the oracle must agree on what is an event."""
    data = written(mood="@").replace(b'"@"', nested(levels).encode())
    assert refused(data).reason is Reason.TOO_DEEP


def test_many_brackets_side_by_side_are_not_deep() -> None:
    items = [{"name": "[{", "tags": ["a"]}] * 1000
    assert len(decode_event(written(properties={"items": items})).properties["items"]) == 1000


def test_deep_nesting_that_never_ends_is_refused() -> None:
    assert refused(b'{"properties":' + b'{"a":' * 10_000).reason is Reason.TOO_DEEP


def test_size_has_a_bound() -> None:
    room = EVENT_BYTES_MAX - len(written(name=""))
    assert len(decode_event(written(name="x" * room)).name) == room
    error = refused(written(name="x" * (room + 1)))
    assert error.reason is Reason.TOO_LARGE
    assert str(EVENT_BYTES_MAX) in str(error)


def test_of_two_values_the_last_counts() -> None:
    assert decode_event(written()[:-1] + b', "user": "bob"}').user == "bob"


@pytest.mark.parametrize("since_ms", [-AGE_MAX_MS, -1, 0, AHEAD_MAX_MS])
def test_a_plausible_time_passes(since_ms: int) -> None:
    check_time(AGE_MAX_MS + since_ms, received_ms=AGE_MAX_MS)


@pytest.mark.parametrize("since_ms", [-AGE_MAX_MS - 1, AHEAD_MAX_MS + 1])
def test_an_implausible_time_is_refused(since_ms: int) -> None:
    with pytest.raises(SchemaError) as caught:
        check_time(2 * AGE_MAX_MS + since_ms, received_ms=2 * AGE_MAX_MS)
    assert caught.value.reason is Reason.TIME_OUT_OF_RANGE


def test_times_at_both_ends_of_what_fits() -> None:
    last = (1 << 46) - 1
    event = decode_event(written(at_ms=0, received_ms=last))
    assert (event.at_ms, event.received_ms) == (0, last)


def test_own_kinds_move_no_features() -> None:
    assert not BEHAVIOUR & {EventKind.EXPOSURE, EventKind.ERASE, EventKind.REFRESH, EventKind.HEARTBEAT}


def test_an_event_cannot_be_changed_by_who_reads_it() -> None:
    event = decode_event(written())
    with pytest.raises(AttributeError):
        event.user = "bob"  # type: ignore[misc,assignment]
    assert replace(event, name="x") != event
    assert isinstance(event, Event)
