"""What is true of decoding events for all bytes and all JSON."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Reason, SchemaError
from schemas.events import Event, EventKind, decode_event, encode_event

CANARY = "canary@example.com"
PLAIN: dict[str, Any] = {
    "workspace": "shop",
    "user": "ana",
    "record_id": "r1",
    "id": "e1",
    "kind": "exposure",
    "at_ms": 1,
    "received_ms": 2,
    "world": [3, 4],
    "name": "Viewed",
    "properties": {"price": 9.5, "items": [{"tags": ["a", "b"]}]},
    "traits": {"name": "Ána"},
    "context": {"locale": "de"},
    "exposure": {
        "send_id": "s1",
        "template": "newsletter",
        "decision": "d1",
        "candidate": 0,
        "propensity": 0.5,
        "probabilities": [0.5, 0.5],
        "slots": ["hero"],
        "variants": ["sun"],
        "features": [0.25],
    },
}
SAID = json.dumps(PLAIN, ensure_ascii=False).encode()
REFUSALS = frozenset(Reason) - {Reason.KEY_MISMATCH, Reason.UNKNOWN_WORKSPACE, Reason.UNMAPPED}

anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(CANARY)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=10,
)


def refusal(data: bytes) -> SchemaError | None:
    """Why it is no event; None where it is one, which then comes back from its own bytes."""
    try:
        event = decode_event(data)
    except SchemaError as error:
        assert error.reason in REFUSALS  # noqa: PT017
        return error
    assert isinstance(event, Event)
    assert decode_event(encode_event(event)) == event
    return None


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_reason(data: bytes) -> None:
    assert refusal(data)


@given(st.data())
def test_an_event_with_a_few_wrong_bytes_is_an_event_or_refused(data: st.DataObject) -> None:
    said = bytearray(SAID)
    for _ in range(data.draw(st.integers(1, 3))):
        said[data.draw(st.integers(0, len(said) - 1))] = data.draw(st.integers(0, 255))
    refusal(bytes(said))
    assert refusal(bytes(said[: data.draw(st.integers(0, len(said) - 1))]))


@given(st.sampled_from(sorted(PLAIN)), anything)
def test_an_event_with_anything_for_a_field_is_an_event_or_refused_without_a_word_of_it(field: str, value: Any) -> None:
    error = refusal(json.dumps(PLAIN | {field: value}).encode())
    assert CANARY not in str(error)


@given(st.sampled_from(sorted(PLAIN["exposure"])), anything)
def test_the_same_for_the_fields_of_an_exposure(field: str, value: Any) -> None:
    error = refusal(json.dumps(PLAIN | {"exposure": PLAIN["exposure"] | {field: value}}).encode())
    assert CANARY not in str(error)


@settings(max_examples=20)
@given(anything)
def test_any_json_that_is_no_object_is_refused(value: Any) -> None:
    assert refusal(json.dumps([value]).encode())


@settings(max_examples=20)
@given(st.integers(1, 3000), st.sampled_from(["[", '{"a":']), st.sampled_from(["properties", "context", "mood"]))
def test_depth_is_told_alike_for_every_field(levels: int, opening: str, field: str) -> None:
    closing = {"[": "]"}.get(opening, "}")
    inner = opening * (levels - 1) + "1" + closing * (levels - 1)
    data = json.dumps(PLAIN | {field: {"x": "@"}}).replace('"@"', inner).encode()
    error = refusal(data)
    assert (error is not None and error.reason is Reason.TOO_DEEP) is (levels > 100)


@given(st.builds(dict, kind=st.sampled_from(sorted(set(EventKind) - {EventKind.EXPOSURE})), name=st.text()))
def test_every_kind_comes_back(said: dict[str, Any]) -> None:
    assert refusal(json.dumps(PLAIN | said).encode()) is None
