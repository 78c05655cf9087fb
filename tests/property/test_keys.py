"""What is true of keys for all texts."""

from hypothesis import example, given
from hypothesis import strategies as st

from flink_jobs.records import state_key_of
from schemas.errors import Reason, SchemaError
from schemas.ids import RecordId, UserId, WorkspaceId
from schemas.keys import event_key, join_key, split_key, user_key

tokens = st.sampled_from(["|", "%", "%7C", "%25", "%257C", "7C", "25", "a"])
parts = st.one_of(st.lists(tokens, max_size=4).map("".join), st.text(max_size=12))


@given(st.lists(parts, min_size=1, max_size=4))
def test_what_was_joined_comes_back(texts: list[str]) -> None:
    assert split_key(join_key(*texts), len(texts)) == tuple(texts)


@given(st.lists(parts, min_size=1, max_size=3), st.lists(parts, min_size=1, max_size=3))
@example(["a|b", "c"], ["a", "b|c"])
def test_different_parts_have_different_keys(one: list[str], other: list[str]) -> None:
    assert (join_key(*one) == join_key(*other)) is (one == other)


@given(parts, parts, parts)
def test_the_job_finds_the_user_in_the_key_of_each_of_his_events(workspace: str, user: str, record: str) -> None:
    owner = user_key(WorkspaceId(workspace), UserId(user))
    assert state_key_of(event_key(WorkspaceId(workspace), UserId(user), RecordId(record))) == owner.decode()


@given(st.binary(max_size=20), st.integers(1, 4))
def test_bytes_that_are_no_key_are_refused_and_nothing_else_happens(key: bytes, count: int) -> None:
    assert isinstance(state_key_of(key), str)
    try:
        found = split_key(key, count)
    except SchemaError as error:
        assert error.reason is Reason.KEY_MISMATCH  # noqa: PT017
    else:
        assert len(found) == count
