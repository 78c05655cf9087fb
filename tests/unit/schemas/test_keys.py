"""Keys: readable, and never the same for two different things."""

import pytest

from schemas.errors import Reason, SchemaError
from schemas.ids import RecordId, TemplateName, UserId, WorkspaceId
from schemas.keys import communication_key, event_key, join_key, split_key, user_key

SHOP, ANA = WorkspaceId("shop"), UserId("ana")


def test_keys_read_as_they_are_told() -> None:
    assert user_key(SHOP, ANA) == b"shop|ana"
    assert event_key(SHOP, ANA, RecordId("r1")) == b"shop|ana|r1"
    assert communication_key(SHOP, TemplateName("news"), ANA) == b"shop|news|ana"


def test_the_key_of_an_event_begins_with_its_user() -> None:
    user = UserId("a|b%7C")
    assert event_key(SHOP, user, RecordId("r")).startswith(user_key(SHOP, user) + b"|")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a|b", "c"), ("a", "b|c")),
        (("a%7Cb", "c"), ("a|b", "c")),
        (("a%257Cb",), ("a%7Cb",)),
        (("a", ""), ("a",)),
        (("", "a"), ("a", "")),
        (("A",), ("a",)),
    ],
)
def test_parts_that_look_alike_give_different_keys(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert join_key(*one) != join_key(*other)


@pytest.mark.parametrize("part", ["%", "%%", "%7", "%7C", "%25", "%257C", "%2525", "|%7C|", "\x00", "é", "😀", "\n"])
def test_odd_parts_come_back(part: str) -> None:
    assert split_key(join_key(part, part), 2) == (part, part)


@pytest.mark.parametrize("key", [b"", b"shop", b"shop|ana|r1", b"\xff|ana", b"shop|\xed\xa0\x80"])
def test_what_is_no_key_of_two_parts_is_refused(key: bytes) -> None:
    with pytest.raises(SchemaError) as caught:
        split_key(key, 2)
    assert caught.value.reason is Reason.KEY_MISMATCH
    assert "ana" not in str(caught.value)
