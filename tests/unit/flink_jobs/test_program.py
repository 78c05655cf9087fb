"""Between the log's bytes and the step: what is no record of a user becomes a dead letter, and nothing breaks."""

from typing import Any

import pytest

from flink_jobs.cells import PROFILE
from flink_jobs.records import MALFORMED, InputRecord, state_key_of
from online_models.cells import Profile
from schemas.codec import decode, encode
from schemas.decisions import Exposure
from schemas.errors import Reason
from schemas.events import EventKind, encode_event
from schemas.ids import DecisionId, SendId, SlotName, TemplateName, UserId, VariantId, WorkspaceId
from schemas.keys import HEARTBEAT_USER, SYSTEM_WORKSPACE, event_key
from schemas.library import Release
from schemas.versions import Position
from schemas.worlds import WorldRef
from tests.support.events import START_MS, event, rated
from tests.support.fixed_worlds import FixedProgram
from tests.support.operator_harness import OperatorHarness


@pytest.fixture
def harness(sample_release: Release) -> OperatorHarness:
    return OperatorHarness(FixedProgram((encode(sample_release),)))


@pytest.mark.parametrize(
    ("key", "state_key"),
    [
        (b"shop|ana|r1", "shop|ana"),
        (b"shop|a%7Cb|r1", "shop|a%7Cb"),
        ("shop|é😀|r1".encode(), "shop|é😀"),
        (b"||", "|"),
        (b"", MALFORMED),
        (None, MALFORMED),
        (b"shop|ana", MALFORMED),
        (b"shop|ana|r|1", MALFORMED),
        (b"shop|\xff|r1", "shop|\ufffd"),
    ],
)
def test_a_record_is_kept_with_the_user_its_key_begins_with(key: bytes | None, state_key: str) -> None:
    assert state_key_of(key) == state_key


def test_no_user_shares_his_state_with_malformed_keys() -> None:
    assert "|" not in MALFORMED


@pytest.mark.parametrize("log_ms", [-1, -(2**63), 1 << 46])
def test_a_record_without_a_plausible_log_time_is_refused(harness: OperatorHarness, log_ms: int) -> None:
    """A replay topic takes any time that a producer gives, and -1 means none."""
    one = rated("comedy")
    key = event_key(one.workspace, one.user, one.record_id)
    harness.send_record(InputRecord(key, encode_event(one), Position(log_ms, 0, 0)))
    assert [letter.reason for letter in harness.dead_letters] == [Reason.TIME_OUT_OF_RANGE]
    assert harness.snapshot() == ({}, [])


def test_the_first_millisecond_is_a_log_time_too(harness: OperatorHarness) -> None:
    harness.send(rated("comedy", at_ms=0), log_ms=0)
    assert harness.dead_letters == []
    assert len(harness.outputs) > 0


@pytest.mark.parametrize("key", [b"", b"sample|ana", b"sample|bob|r", b"\xff", b"sample|ana|other", b"SAMPLE|ana|r"])
def test_an_event_under_another_key_is_refused_whole(harness: OperatorHarness, key: bytes) -> None:
    value = encode_event(rated("comedy", record_id="r"))
    harness.send_bytes(key, value, START_MS)
    (letter,) = harness.dead_letters
    assert (letter.reason, letter.key, letter.payload) == (Reason.KEY_MISMATCH, key, value)
    assert harness.snapshot() == ({}, [])


@pytest.mark.parametrize("fields", [{"workspace": SYSTEM_WORKSPACE}, {"kind": EventKind.HEARTBEAT}])
def test_the_systems_own_names_are_nobodys(harness: OperatorHarness, fields: dict[str, Any]) -> None:
    harness.send(event(**({"kind": EventKind.TRACK} | fields)))
    assert [letter.reason for letter in harness.dead_letters] == [Reason.KEY_MISMATCH]


def test_heartbeats_and_tombstones_of_events_change_nothing(harness: OperatorHarness) -> None:
    beat = event(EventKind.HEARTBEAT, workspace=SYSTEM_WORKSPACE, user=HEARTBEAT_USER, record_id="0")
    harness.send(beat)
    harness.send_bytes(b"sample|ana|r1", b"", START_MS)
    assert (harness.dead_letters, harness.outputs, harness.snapshot()) == ([], [], ({}, []))


def test_nothing_hides_behind_a_key_like_a_heartbeats(harness: OperatorHarness) -> None:
    harness.send_bytes(b"-|heartbeat|zz", encode_event(event(EventKind.TRACK)), START_MS)
    assert [letter.reason for letter in harness.dead_letters] == [Reason.KEY_MISMATCH]


def test_odd_users_are_users(harness: OperatorHarness) -> None:
    users = ["a|b", "a%7Cb", "%", "é😀", "\x00", " ", "\n", "x" * 256]
    for user in users:
        harness.send(rated("comedy", user=user))
    assert harness.dead_letters == []
    assert len(harness.snapshot()[0]) == len(users)
    assert len({output.key for output in harness.outputs}) == len(harness.outputs)


def test_an_exposure_of_another_life_of_the_library_teaches_nothing_and_breaks_nothing(
    harness: OperatorHarness,
) -> None:
    gone = Exposure(
        send_id=SendId("s1"),
        template=TemplateName("gone"),
        decision=DecisionId("d"),
        candidate=0,
        propensity=1.0,
        slots=(SlotName("hero"),),
        variants=(VariantId("sun"),),
        features=(1.0,),
    )
    harness.send(event(EventKind.EXPOSURE, exposure=gone))
    harness.advance_event_time(START_MS + 3650 * 86_400_000)
    assert harness.dead_letters == []
    assert harness.cell(PROFILE.name, "sample|ana")


def test_a_world_of_the_past_goes_on_with_the_users_newest(sample_release: Release) -> None:
    older = encode(sample_release)
    harness = OperatorHarness(FixedProgram((older, older)))
    harness.send(rated("comedy", world=WorldRef(2, 0)))
    harness.send(rated("comedy", at_ms=START_MS + 1, world=WorldRef(0, 0)))
    assert harness.dead_letters == []
    assert decode(Profile, harness.cell(PROFILE.name, "sample|ana") or b"").world == WorldRef(2, 0)


def test_a_users_name_is_not_in_the_reason_of_a_dead_letter(harness: OperatorHarness) -> None:
    harness.send(rated("comedy", user=UserId("canary"), workspace=WorkspaceId("canary")))
    harness.send_bytes(b"sample|canary|r", encode_event(rated("comedy", user="canary")), START_MS)
    harness.send_bytes(b"sample|canary|r", b'{"user": "canary", "kind": "canary"}', START_MS)
    assert len(harness.dead_letters) == 3
    assert not [letter for letter in harness.dead_letters if "canary" in letter.message]
