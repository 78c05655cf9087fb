"""Is the harness telling the truth? One script through it and through Flink's mini-cluster: equal output."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release, publish_snapshot
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from flink_jobs.population.step import PopulationStep
from flink_jobs.records import InputRecord, OutputRecord, PlainCells
from foresend.jobs import job_order
from foresend.local.broker import Broker
from foresend.local.mini_cluster import MiniCluster
from foresend.local.stillness import wait_taken
from foresend.verification import fold_log
from schemas.codec import decode, encode
from schemas.dead_letters import DeadLetter
from schemas.decisions import Communication
from schemas.errors import Reason
from schemas.events import Event
from schemas.library import Release
from schemas.models import ModelSnapshot, SlotPrior
from schemas.topics import DEAD_LETTERS, EXAMPLES, MODELS, PROFILES, replay_topic
from schemas.worlds import WorldRef
from tests.support.events import DAY_MS, START_MS, WORKSPACE, clicked, erased, exposed, rated
from tests.support.fixed_worlds import FixedProgram
from tests.support.logs import behaviour, settled, write_heartbeats, write_log, written_communications, written_to
from tests.support.operator_harness import OperatorHarness
from tests.support.releases import another_release

pytestmark = pytest.mark.stack
LOG = replay_topic("conformance")
END_MS = START_MS + 60 * DAY_MS
POISON = (b"{", b"\xff", b'{"kind": 1}', b"[" * 10_000, b'{"workspace": NaN}')


def test_one_script_gives_equal_output_in_harness_oracle_and_flink(
    own_broker: Broker, sample_release: Release, tmp_path: Path
) -> None:
    kafka = KafkaSettings(own_broker.bootstrap)
    ensure_topics(kafka)
    ensure_topics(kafka, [LOG])
    learning = replace(sample_release.settings.learning, snapshot_every=1)
    settings = replace(sample_release.settings, learning=learning)
    program = _publish_worlds(kafka, replace(sample_release, settings=settings))
    _write_script(kafka, program)

    with MiniCluster(tmp_path / "job", {"execution.checkpointing.interval": "1 s"}) as flink:
        job = flink.run(job_order(kafka, LOG.name, tmp_path / "job"))
        wait_taken(kafka, LOG, flink.rest, timeout_s=120)
        assert flink.rest.restarts(job) == 0
    in_flink = written_communications(kafka)
    refused_in_flink = [decode(DeadLetter, record.value) for record in read_log(kafka, DEAD_LETTERS.name)]

    harness = OperatorHarness(program)
    for record in read_log(kafka, LOG.name):
        harness.send_record(InputRecord(*record))
    harness.advance_event_time(END_MS)
    assert in_flink == _by_key(harness.outputs)
    for topic in (PROFILES, EXAMPLES):
        assert written_to(kafka, topic) == _by_key(harness.told[topic.name])
        assert harness.told[topic.name], f"nothing was told in {topic.name}"
    assert _learnt(kafka) == _learnt_of(harness, program)
    assert _places(refused_in_flink) == _places(harness.dead_letters)
    assert {letter.payload for letter in refused_in_flink} > set(POISON)
    assert [letter.reason for letter in refused_in_flink].count(Reason.UNKNOWN_WORLD) == 1
    oracle = fold_log(kafka, LOG.name)
    assert settled(in_flink) == {key: v for key, v in oracle.communications.items() if v and not _is_grave(v)}
    assert in_flink[b"sample|newsletter|gone"][-1] is None, "the tombstone was not on the wire"


def _by_key(outputs: list[OutputRecord]) -> dict[bytes, list[bytes | None]]:
    found: dict[bytes, list[bytes | None]] = {}
    for output in outputs:
        found.setdefault(output.key, []).append(output.value)
    return found


def _learnt(kafka: KafkaSettings) -> list[bytes]:
    """The population's snapshots that the job published."""
    return [record.value for record in read_log(kafka, MODELS.name)][1:]


def _learnt_of(harness: OperatorHarness, program: FixedProgram) -> list[bytes]:
    """What the population's step makes of the examples that were handed on: all are one person's, so in one order."""
    settings = decode(Release, program.releases[0]).settings
    step, cells = PopulationStep(lambda *_: settings, "test"), PlainCells()
    found = [output.value for record in harness.handed_on for output in step.on_record(cells, record).outputs]
    assert len(found) == len(harness.handed_on) > 1
    return [value for value in found if value is not None]


def _publish_worlds(kafka: KafkaSettings, release: Release) -> FixedProgram:
    """Two releases and a snapshot; the script names three of the worlds they make."""
    other = another_release(release)
    template = release.templates[0]
    prior = SlotPrior(weights={"affinity": 1.0, f"variant:{template.slots[0].variants[0].id}": 1.5})
    name = f"{template.name}/{template.slots[0].name}"
    snapshot = ModelSnapshot(workspace=WORKSPACE, number=1, slots={name: prior})
    publish_release(kafka, release)
    publish_snapshot(kafka, snapshot)
    publish_release(kafka, other)
    return FixedProgram((encode(release), encode(other)), (encode(snapshot),), source=LOG.name)


def _write_script(kafka: KafkaSettings, program: FixedProgram) -> None:
    """Behaviour under the first world, the model switched in mid-log, then the release; sends, clicks and poison."""
    first = behaviour(seed=1, users=40, count=400)
    modelled = _in_world(behaviour(2, 40, 400, START_MS + 11 * DAY_MS), WorldRef(1, 1))
    probe = OperatorHarness(program)
    probe.send(first[0])
    entry = decode(Communication, probe.outputs[0].value or b"")
    sends = [exposed(entry, f"s{n}", START_MS + 21 * DAY_MS + n, world=WorldRef(1, 1)) for n in range(3)]
    rewards = [clicked("s1", first[0].user, START_MS + 22 * DAY_MS, world=WorldRef(1, 1))]
    nowhere = [rated("comedy", "lost", START_MS, world=WorldRef(1_000_000, 0))]
    gone = [rated("comedy", "gone", START_MS), erased("gone", START_MS + 1)]
    released = _in_world(behaviour(3, 40, 400, START_MS + 23 * DAY_MS), WorldRef(2, 1))
    write_log(kafka, LOG.name, [*gone, *nowhere, *first, *modelled, *sends, *rewards, *released], POISON)
    write_heartbeats(kafka, LOG.name, END_MS)


def _in_world(events: list[Event], world: WorldRef) -> list[Event]:
    return [replace(event, world=world) for event in events]


def _places(letters: list[DeadLetter]) -> list[tuple[int, int, str, bytes]]:
    return sorted((one.partition, one.offset, one.reason, one.payload) for one in letters)


def _is_grave(value: bytes) -> bool:
    return decode(Communication, value).grave
