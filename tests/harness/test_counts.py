"""What the adapter counts: each thing that happens to people once, under the names of the table."""

import pytest
from msgspec.structs import replace

from connectors.metrics.job import (
    DEAD_LETTERS,
    DECISIONS,
    DROPPED_EVENTS,
    EVENTS,
    EXPOSURES,
    RESETS,
    REWARDS,
    STEP_TIME,
)
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.errors import Reason
from schemas.events import Event
from schemas.library import Release
from tests.support.events import HOUR_MS, START_MS, clicked, erased, event, exposed, rated
from tests.support.fixed_worlds import FixedProgram
from tests.support.operator_harness import OperatorHarness

NOTHING_AGREED = {"consent": {"categoryPreferences": {"analytics": False, "personalisation": False}}}
OF = "workspace=sample"


@pytest.fixture
def harness(sample_release: Release) -> OperatorHarness:
    return OperatorHarness(FixedProgram((encode(sample_release),)))


def counted(harness: OperatorHarness, name: str, *labels: str) -> int | None:
    return harness.counts.get((name, *labels))


def at(minutes: int, one: Event) -> Event:
    at_ms = START_MS + minutes * 60_000
    return replace(one, at_ms=at_ms, received_ms=at_ms)


def shown(harness: OperatorHarness, template: str = "newsletter") -> Communication:
    key = f"|{template}|".encode()
    return decode(Communication, next(one.value for one in reversed(harness.outputs) if key in one.key) or b"")


def test_dead_letters_and_times_are_told_before_anything_came(harness: OperatorHarness) -> None:
    told = {key: number for key, number in harness.counts.items() if key[0] == DEAD_LETTERS}
    assert told == {(DEAD_LETTERS, "step=personalize", f"reason={reason}"): 0 for reason in Reason}
    assert counted(harness, f"{STEP_TIME}_bucket", "step=personalize", "le=+Inf") == 0


def test_events_and_decisions_are_counted(harness: OperatorHarness) -> None:
    harness.send(at(0, rated("jazz")))
    assert counted(harness, EVENTS, OF) == 1
    assert counted(harness, DECISIONS, OF, "template=newsletter", "reason=new") == 1
    assert counted(harness, f"{STEP_TIME}_count", "step=personalize") == 1
    assert counted(harness, DROPPED_EVENTS, OF, "reason=repeated") == 0
    assert counted(harness, RESETS, OF, "part=person") == 0


def test_what_taught_nothing_is_counted_by_its_reason(harness: OperatorHarness) -> None:
    once = at(0, rated("jazz"))
    harness.send(once)
    harness.send(once)
    harness.send(at(1, rated("jazz", context=NOTHING_AGREED)))
    harness.send(at(5, erased()))
    harness.send(at(3, rated("jazz")))
    dropped = {key[2]: number for key, number in harness.counts.items() if key[0] == DROPPED_EVENTS}
    assert dropped == {"reason=repeated": 1, "reason=no_consent": 1, "reason=erased": 1}
    assert counted(harness, EVENTS, OF) == 5


def test_exposures_and_what_they_came_to_are_counted_once(harness: OperatorHarness) -> None:
    harness.send(at(0, rated("jazz")))
    entry = shown(harness)
    for _ in range(2):
        harness.send(at(1, exposed(entry, "s1", START_MS)))
    harness.send(at(2, exposed(entry, "s2", START_MS)))
    assert counted(harness, EXPOSURES, OF, "template=newsletter") == 2
    harness.send(at(3, clicked("s1")))
    harness.advance_event_time(START_MS + 24 * 90 * HOUR_MS)
    rewards = {key[3]: number for key, number in harness.counts.items() if key[0] == REWARDS}
    assert rewards == {"kind=click": 1, "kind=none": 1}


def test_dead_letters_are_counted_by_their_reason(harness: OperatorHarness) -> None:
    harness.send_bytes(b"sample|ana|r", b"{", START_MS)
    assert counted(harness, DEAD_LETTERS, "step=personalize", f"reason={harness.dead_letters[0].reason}") == 1
    assert counted(harness, EVENTS, OF) is None


def test_no_label_tells_of_a_person(harness: OperatorHarness) -> None:
    harness.send(at(0, event(rated("jazz").kind, "canary@example.com", name="Content Rated")))
    assert not [key for key in harness.counts if "canary" in str(key)]
