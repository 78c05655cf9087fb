"""The hot path's bench: its log, the step that is watched, and that it notices when two runs disagree."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from flink_jobs.bench.program import REPORT_KEY, HotpathStep, Report
from flink_jobs.cells import PROFILE, CellName
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.records import InputRecord, state_key_of
from foresend.bench import hotpath
from foresend.bench.figures import Run
from foresend.bench.hotpath import Disagreement, HotpathSizes, figures
from foresend.bench.hotpath_bare import fold
from foresend.bench.people import OneWorld
from foresend.bench.steady_log import NEW_SHARE, Model, SteadyLog, model_people
from foresend.bench.telling import Tell
from schemas.events import decode_event
from schemas.keys import split_key
from schemas.library import Release
from schemas.topics import COMMUNICATIONS
from schemas.versions import Position

USERS, WARM_UP, EVENTS = 60, 40, 200
States = dict[str, dict[CellName, bytes]]


@pytest.fixture(scope="module")
def models(sample_release: Release) -> list[Model]:
    return model_people(sample_release, 20)


@pytest.fixture(scope="module")
def log(sample_release: Release, models: list[Model]) -> SteadyLog:
    return SteadyLog(sample_release, models, USERS, WARM_UP, EVENTS)


@pytest.fixture(scope="module")
def records(log: SteadyLog) -> list[InputRecord]:
    return [
        InputRecord(one.key, one.value, Position(one.log_ms or 0, one.partition, offset))
        for offset, one in enumerate(log.records())
    ]


def new_step(log: SteadyLog) -> HotpathStep:
    step = PersonalizeStep(OneWorld(log.release))
    return HotpathStep(step, [model.state for model in log.models], range(log.first, log.end))


def folded(log: SteadyLog, records: list[InputRecord]) -> tuple[Report, States]:
    step, states = new_step(log), States()
    fold(step, records, states)
    return step.told(), states


def test_the_log_is_states_then_events_then_the_report(log: SteadyLog, records: list[InputRecord]) -> None:
    ids = [split_key(record.key, 3)[2] for record in records]

    assert ids[:USERS] == ["bench-state"] * USERS
    assert ids[USERS : log.end] == [f"m{number}" for number in range(WARM_UP + EVENTS)]
    assert ids[log.end :] == ["bench-report"]
    times = [record.position.log_ms for record in records]
    assert all(before <= after for before, after in pairwise(times))


def test_equal_logs_are_equal_to_the_byte(log: SteadyLog) -> None:
    assert list(log.records()) == list(replace(log).records())


def test_newcomers_come_as_often_as_told_and_do_what_a_model_person_began_with(
    sample_release: Release, models: list[Model]
) -> None:
    long = SteadyLog(sample_release, models, 1_000, 1_000, 19_000)
    events = [decode_event(one.value) for one in list(long.records())[1_000:-1]]
    numbers = [int(event.user.removeprefix("user-")) for event in events]

    new = {number for number in numbers if number >= 1_000}
    assert len(new) / len(events) == pytest.approx(NEW_SHARE, rel=0.15)
    first = next(event for event, number in zip(events, numbers, strict=True) if number in new)
    history = models[int(first.user.removeprefix("user-")) % len(models)].history
    assert (first.name, first.properties, first.context) == (history[0].name, history[0].properties, history[0].context)


def test_known_users_go_on_where_their_model_person_was(log: SteadyLog, records: list[InputRecord]) -> None:
    told: Counter[str] = Counter()
    for record in records[USERS:-1]:
        event = decode_event(record.value)
        number = int(event.user.removeprefix("user-"))
        if number < USERS:
            later = log.models[number % len(log.models)].later
            expected = later[told[event.user] % len(later)]
            told[event.user] += 1
            assert (event.name, event.properties, event.traits) == (
                expected.name,
                expected.properties,
                expected.traits,
            )
    assert told


def test_a_state_record_makes_its_user_known_without_rendering(log: SteadyLog, records: list[InputRecord]) -> None:
    step, states = new_step(log), States()

    fold(step, records[:USERS], states)

    assert len(states) == USERS
    model = log.models[7 % len(log.models)]
    assert states[state_key_of(records[7].key)] == {PROFILE.name: model.state.profile}
    assert step.told() == Report(), "nothing of it counts"


def test_the_watched_step_does_what_the_step_does(log: SteadyLog, records: list[InputRecord]) -> None:
    report, states = folded(log, records)
    oracle = Oracle(PersonalizeStep(OneWorld(log.release)))
    for number in range(USERS):
        profile = log.models[number % len(log.models)].state.profile
        oracle.cells[state_key_of(records[number].key)] = {PROFILE.name: profile}
    oracle.apply(records[USERS : log.first])
    before = oracle.writes[COMMUNICATIONS.name]
    oracle.apply(records[log.first : log.end])

    assert {key: cells for key, cells in states.items() if cells} == {k: c for k, c in oracle.cells.items() if c}
    assert (report.events, report.writes) == (EVENTS, oracle.writes[COMMUNICATIONS.name] - before)
    assert 0 < report.rendered < EVENTS
    assert report.deadlines == 0
    assert len(report.profile_bytes) == 1001


def test_the_digest_does_not_depend_on_the_order_of_users(log: SteadyLog, records: list[InputRecord]) -> None:
    counted = records[log.first : log.end]
    by_user = sorted(counted, key=lambda record: state_key_of(record.key))

    report, _ = folded(log, records[: log.first] + counted)
    sorted_report, _ = folded(log, records[: log.first] + by_user)

    assert counted != by_user
    assert report.outcome == sorted_report.outcome
    assert report.digest != 0


def test_one_other_byte_of_state_is_another_digest(log: SteadyLog, records: list[InputRecord]) -> None:
    """Also where it is written once, in the middle, and overwritten later."""
    at = log.first + EVENTS // 2
    event = decode_event(records[at].value)
    other = msgspec.json.encode(msgspec.structs.replace(event, at_ms=event.at_ms - 3_600_000))
    changed = [*records]
    changed[at] = changed[at]._replace(value=other)

    assert folded(log, records)[0].outcome != folded(log, changed)[0].outcome


def test_the_report_record_makes_the_step_tell(log: SteadyLog, records: list[InputRecord]) -> None:
    step = new_step(log)
    fold(step, records[:-1], {})

    outcome = step.on_record(_NoCells(), records[-1])

    assert [output.key for output in outcome.outputs] == [REPORT_KEY]
    told = msgspec.json.decode(outcome.outputs[0].value or b"", type=Report)
    assert told.outcome == step.told().outcome
    assert told.ended_ms >= told.began_ms > 0


def report_of(**fields: Any) -> Report:
    chosen: dict[str, Any] = {
        "began_ms": 1,
        "ended_ms": 2_001,
        "seconds": 1.0,
        "events": 200,
        "rendered": 10,
        "writes": 20,
    }
    return Report(**(chosen | {"digest": 7, "profile_bytes": [1000] * 1001} | fields))


def test_the_rate_in_flink_is_told_by_when_kafka_had_the_last_message(log: SteadyLog) -> None:
    run = figures(log, report_of(), seconds=2.0, bare=report_of())

    assert run.measured == {"events_per_s": 100.0, "bare_events_per_s": 200.0, "ratio": 0.5}
    assert run.given["renders_share"] == 0.05
    assert run.given["writes_per_event"] == 0.1
    assert run.given["state_digest_equal"] is True


@pytest.mark.parametrize("other", [{"digest": 8}, {"rendered": 11}, {"writes": 21}, {"events": 199}], ids=str)
def test_any_difference_between_flink_and_the_bare_loop_is_seen(log: SteadyLog, other: dict[str, int]) -> None:
    assert figures(log, report_of(), 2.0, report_of(**other)).given["state_digest_equal"] is False


def test_events_that_were_lost_on_both_sides_are_seen(log: SteadyLog) -> None:
    lost = report_of(events=EVENTS - 1)

    assert figures(log, lost, 2.0, lost).given["state_digest_equal"] is False


@pytest.mark.parametrize(("is_equal", "told"), [(True, 2), (False, 1)])
def test_a_disagreement_fails_the_bench_once_its_line_was_told(
    monkeypatch: pytest.MonkeyPatch, models: list[Model], is_equal: bool, told: int
) -> None:
    def run(*_: object) -> Run:
        return Run({"state_digest_equal": is_equal}, {})

    monkeypatch.setattr(hotpath, "model_people", lambda *_: models)
    monkeypatch.setattr(hotpath, "_run", run)

    lines, failed = _consumed(hotpath.measure(HotpathSizes(users=(1, 2)), Tell(quiet=True)))

    assert len(lines) == told
    assert failed is not is_equal


def _consumed(lines: Iterator[Sequence[Run]]) -> tuple[list[Sequence[Run]], bool]:
    found = []
    try:
        for runs in lines:
            found.append(runs)  # noqa: PERF402 - what came before the failure is what is asked
    except Disagreement:
        return found, True
    return found, False


class _NoCells:
    def read(self, cell: CellName) -> bytes | None:
        raise AssertionError(cell)

    def write(self, cell: CellName, value: bytes) -> None:
        raise AssertionError(cell, value)
