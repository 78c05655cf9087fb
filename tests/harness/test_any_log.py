"""Whatever a log holds: woken by timers or not, restored or not, in Flink's adapter or in the oracle, all is equal."""

import json
import random
from typing import Any

import pytest
from msgspec.structs import replace

from flink_jobs.personalize.oracle import Oracle
from flink_jobs.records import InputRecord, OutputRecord
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.events import decode_event
from schemas.ids import ReleaseId
from schemas.keys import event_key
from schemas.library import Release
from schemas.models import ModelSnapshot, SlotPrior
from schemas.topics import EXAMPLES, PROFILES
from schemas.versions import Position
from tests.support.events import DAY_MS, HOUR_MS, START_MS, WORKSPACE
from tests.support.fixed_worlds import FixedProgram
from tests.support.logs import GENRES
from tests.support.operator_harness import OperatorHarness
from tests.support.releases import another_release

EVENTS = 80
USERS = ("ana", "bo", "c|y%", "\x00")
KINDS = ("track",) * 6 + ("identify", "page", "screen", "group", "alias", "exposure", "exposure", "erase", "refresh")
NAMES = (
    "Content Rated", "Order Completed", "Email Link Clicked", "Email Bounced", "Email Opened", "Email Delivered", "",
)  # fmt: skip
ODD_KEYS = (
    "userAgent",
    "method",
    "machine",
    "link_url",
    "provider",
    "genres",
    "products",
    "category",
    "type",
    "device",
    "first_name",
    "send_id",
    "locale",
    "timezone",
)
ODD_VALUES = (None, True, 5, -1e300, 2**70, "", "x" * 500, "Ána", "\x00", "<script>", "{{7*7}}", "de-DE", "localtime")


class Script:
    """A made-up log of a few users, in order of log time, from one seed."""

    def __init__(self, seed: int, release: Release) -> None:
        self._chance = random.Random(seed)
        self._release = release
        self._sends = ["s"]
        self._at_ms = START_MS
        self._world = [1, 0]
        self.records = [self._record(number) for number in range(EVENTS)]

    def _record(self, number: int) -> InputRecord:
        chance = self._chance
        self._at_ms += chance.choice([0, 1, 1000, HOUR_MS, DAY_MS, 5 * DAY_MS])
        if chance.random() < 0.05:
            self._world = [chance.randrange(1, 4), chance.randrange(0, 3)]
        kind = chance.choice(KINDS)
        said: dict[str, Any] = {
            "workspace": WORKSPACE,
            "user": chance.choice(USERS),
            "record_id": f"r{number}",
            "id": f"e{number if chance.random() < 0.9 else chance.randrange(number + 1)}",
            "kind": kind,
            "at_ms": self._at_ms - chance.choice([0, 0, 0, 1000, 89 * DAY_MS]),
            "received_ms": self._at_ms,
            "world": chance.choice([self._world, self._world, [1, 0], [0, 0]]),
            "name": chance.choice(NAMES),
            "properties": self._odd_object() | {"genres": chance.choice(GENRES), "send_id": chance.choice(self._sends)},
            "traits": self._odd_object(),
            "context": self._odd_object(),
        }
        if kind == "exposure":
            said["exposure"] = self._exposure(number)
        event = decode_event(json.dumps(said).encode())
        key = event_key(event.workspace, event.user, event.record_id)
        return InputRecord(key, json.dumps(said).encode(), Position(self._at_ms, 0, number))

    def _exposure(self, number: int) -> dict[str, Any]:
        chance = self._chance
        template = chance.choice(self._release.templates)
        self._sends.append(f"s{number}")
        return {
            "send_id": chance.choice(self._sends),
            "template": chance.choice([template.name, template.name, "gone"]),
            "decision": "d",
            "candidate": chance.choice([0, 0, 0, -1]),
            "propensity": 0.5,
            "slots": [slot.name for slot in template.slots],
            "variants": [chance.choice(slot.variants).id for slot in template.slots],
            "features": [chance.random() for _ in template.slots],
        }

    def _odd_object(self) -> dict[str, Any]:
        return {self._chance.choice(ODD_KEYS): self._odd(0) for _ in range(self._chance.randrange(3))}

    def _odd(self, depth: int) -> Any:
        if depth > 2 or self._chance.random() < 0.5:
            return self._chance.choice(ODD_VALUES)
        if self._chance.random() < 0.5:
            return [self._odd(depth + 1) for _ in range(3)]
        return {self._chance.choice(ODD_KEYS): self._odd(depth + 1)}


@pytest.fixture(scope="module")
def program(sample_release: Release) -> FixedProgram:
    """Three releases, of which the last has lost a template, and a snapshot that no honest learner made."""
    fewer = replace(sample_release, id=ReleaseId("fewer"), templates=sample_release.templates[:1])
    slot = f"{sample_release.templates[0].name}/{sample_release.templates[0].slots[0].name}"
    snapshots = [SlotPrior(weights={"affinity": 5.0}), SlotPrior(bias=1e300, weights={"affinity": -1e300})]
    return FixedProgram(
        tuple(encode(one) for one in (sample_release, another_release(sample_release), fewer)),
        tuple(encode(ModelSnapshot(WORKSPACE, n, {slot: prior})) for n, prior in enumerate(snapshots)),
    )


def by_key(outputs: list[OutputRecord]) -> dict[bytes, list[bytes | None]]:
    found: dict[bytes, list[bytes | None]] = {}
    for output in outputs:
        found.setdefault(output.key, []).append(output.value)
    return found


def restored(harness: OperatorHarness, program: FixedProgram) -> OperatorHarness:
    again = OperatorHarness(program, restored=harness.snapshot())
    again.outputs, again.told, again.dead_letters = harness.outputs, harness.told, harness.dead_letters
    return again


@pytest.mark.parametrize("seed", [11, 12])
def test_timers_restores_and_flink_itself_make_no_difference(
    seed: int, program: FixedProgram, sample_release: Release
) -> None:
    records = Script(seed, sample_release).records
    end_ms = records[-1].position.log_ms + 400 * DAY_MS
    chance = random.Random(seed)
    slept, woken, oracle = OperatorHarness(program), OperatorHarness(program), Oracle(program.open())
    for record in records:
        if chance.random() < 0.5:
            woken.advance_event_time(record.position.log_ms - 1)
        if chance.random() < 0.1:
            woken = restored(woken, program)
        slept.send_record(record)
        woken.send_record(record)
        oracle.apply([record])
    for harness in (slept, woken):
        harness.advance_event_time(end_ms)
    oracle.advance(end_ms)

    assert woken.snapshot() == slept.snapshot()
    assert by_key(woken.outputs) == by_key(slept.outputs)
    assert woken.dead_letters == slept.dead_letters
    assert {key: values[-1] for key, values in by_key(slept.outputs).items()} == oracle.communications
    for topic in (PROFILES.name, EXAMPLES.name):
        assert by_key(woken.told[topic]) == by_key(slept.told[topic])
        assert {key: values[-1] for key, values in by_key(slept.told[topic]).items()} == oracle.told[topic]
        assert oracle.told[topic]
    assert {key: cells for key, cells in oracle.cells.items() if cells} == slept.snapshot()[0]


@pytest.mark.parametrize("seed", [13])
def test_what_is_written_for_a_user_is_always_whole(seed: int, program: FixedProgram, sample_release: Release) -> None:
    harness = OperatorHarness(program)
    for record in Script(seed, sample_release).records:
        harness.send_record(record)
    for values in by_key(harness.outputs).values():
        written = [decode(Communication, value) for value in values if value]
        versions = [entry.version for entry in written]
        assert versions == sorted(set(versions))
        for entry in written:
            assert entry.grave is (entry.decision is None)
            if entry.decision:
                shares = [candidate.probability for candidate in entry.decision.candidates]
                assert sum(shares) == pytest.approx(1.0, abs=1e-9)
                assert len(shares) == len(entry.bodies) == len(entry.valid_until_ms)
                for index, slot in enumerate(entry.decision.slots):
                    shown = {candidate.choice[index] for candidate in entry.decision.candidates}
                    assert shown == set(range(len(slot.variants)))
