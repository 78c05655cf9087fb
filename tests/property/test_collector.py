"""Whatever is sent to the collector, nothing breaks it and nothing is lost in it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.collecting import Rig


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["/v1/track", "/v1/batch"]))
def test_no_bytes_whatsoever_break_it(body: bytes, path: str) -> None:
    assert Rig().post(path, body).status in (202, 400)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    ["type", "userId", "anonymousId", "event", "properties", "context", "timestamp", "messageId", "traits"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(_NAMES, _VALUES, max_size=6), max_size=4))
def test_every_call_of_a_batch_is_an_event_or_a_dead_letter(calls: list[dict[str, Any]]) -> None:
    rig = Rig()
    answer = rig.post("/v1/batch", {"batch": calls})
    assert answer.status == 202
    assert len(rig.log.events) == answer.json["accepted"]
    assert len(rig.log.dead_letters) == len(answer.json["refused"])
    assert len(rig.log.records) == len(calls)
