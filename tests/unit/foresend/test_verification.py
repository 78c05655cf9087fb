"""`foresend verify` must be able to say no: each fault it counts, made on purpose."""

import pytest

from foresend.verification import VerifyFigures, compare
from schemas.codec import encode
from schemas.decisions import Communication, Decision
from schemas.ids import DecisionId, Locale, ReleaseId, TemplateName, UserId, WorkspaceId
from schemas.keys import communication_key, user_key
from schemas.profiles import ToldProfile
from schemas.versions import Position, version_of
from schemas.worlds import WorldRef


def key(user: str = "ana") -> bytes:
    return communication_key(WorkspaceId("shop"), TemplateName("news"), UserId(user))


def entry(user: str = "ana", offset: int = 5, at_ms: int = 1) -> bytes:
    decision = Decision(
        id=DecisionId("d"),
        workspace=WorkspaceId("shop"),
        template=TemplateName("news"),
        user=UserId(user),
        release=ReleaseId("r"),
        world=WorldRef(1, 0),
        locale=Locale("en"),
        policy="softmax",
        cause="new",
        at_ms=at_ms,
        slots=(),
        candidates=(),
    )
    return encode(Communication(version_of(Position(1, 0, offset), 0), decision))


GRAVE = encode(Communication.of_grave(version_of(Position(9, 0, 9), 0)))


def test_a_cache_that_holds_what_the_log_says_is_equal() -> None:
    expected = {key("ana"): entry("ana"), key("bo"): entry("bo"), key("gone"): GRAVE, key("buried"): None}
    cached = [(key("ana"), entry("ana")), (key("bo"), entry("bo")), (key("gone"), GRAVE)]
    figures = compare(expected, cached)
    assert figures == VerifyFigures(users=2, communications=2, profiles=0, missing=0, stale=0, different=0, foreign=0)
    assert figures.is_equal


@pytest.mark.parametrize(
    ("cached", "fault"),
    [
        ([], "missing"),
        ([(key(), entry(offset=4))], "stale"),
        ([(key(), entry(at_ms=2))], "different"),
        ([(key(), entry(offset=6))], "different"),
        ([(key(), b"garbage")], "different"),
        ([(key(), entry("bo"))], "foreign"),
        ([(key(), entry()), (key("bo"), entry("bo"))], "foreign"),
        ([(key(), entry()), (key("gone"), entry("gone"))], "foreign"),
    ],
)
def test_each_fault_is_counted_as_what_it_is(cached: list[tuple[bytes, bytes]], fault: str) -> None:
    figures = compare({key(): entry(), key("gone"): GRAVE}, cached)
    assert not figures.is_equal
    faults = {name: count for name, count in figures.as_json().items() if name not in {"users", "communications"}}
    assert {name for name, count in faults.items() if count} == {fault}


PERSON = user_key(WorkspaceId("shop"), UserId("ana"))


def told(offset: int = 5, at_ms: int = 1, *, grave: bool = False) -> bytes:
    return encode(ToldProfile(version_of(Position(1, 0, offset), 0), at_ms, grave=grave))


@pytest.mark.parametrize(
    ("cached", "fault"),
    [
        ([(PERSON, told())], ""),
        ([], "missing"),
        ([(PERSON, told(offset=4))], "stale"),
        ([(PERSON, told(at_ms=2))], "different"),
        ([(PERSON, told(grave=True))], "different"),
        ([(PERSON, b"garbage")], "different"),
        ([(PERSON, told()), (b"shop|bo", told())], "foreign"),
        ([(PERSON, told()), (b"shop|bo", told(grave=True))], ""),
    ],
)
def test_what_is_told_of_persons_is_compared_alike(cached: list[tuple[bytes, bytes]], fault: str) -> None:
    figures = compare({}, [], {PERSON: told(), b"shop|gone": None, b"shop|grave": told(grave=True)}, cached)
    faults = {name for name, count in figures.as_json().items() if count and name != "profiles"}
    assert (figures.profiles, faults) == (1, {fault} - {""})


def test_a_grave_in_place_of_a_message_is_different() -> None:
    assert compare({key(): entry()}, [(key(), GRAVE)]).different == 1
