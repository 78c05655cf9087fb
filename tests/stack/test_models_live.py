"""What is learnt over all users changes while the job runs: published, replaced, rolled back, damaged; no restart."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.kafka.clients import make_producer
from connectors.kafka.publishing import publish_part, publish_release, publish_snapshot
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import end_offsets, ensure_topics
from foresend.cli import main
from foresend.jobs import job_order
from foresend.local.broker import Broker
from foresend.local.mini_cluster import MiniCluster
from schemas.codec import decode
from schemas.decisions import TERMS, Communication, Decision
from schemas.events import OUTCOME, Event, EventKind
from schemas.library import Release
from schemas.models import ModelSnapshot, PartKind
from schemas.topics import MODELS, replay_topic
from schemas.worlds import WorldRef
from templates.workspace import SAMPLE
from tests.support.events import MINUTE_MS, START_MS, event, rated, served
from tests.support.fixed_worlds import Published
from tests.support.logs import write_log, written_communications
from tests.support.switching import badly_shaped, sequence, snapshot
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
LOG = replay_topic("switched")
KEY = b"sample|newsletter|ana"
WAIT_S = 90.0
GARBAGE = Published(b"sample|part|sequence|nobody", b"\x01garbage")


class Ana:
    """One person, and the job that answers her."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._minutes = count()
        self._answers = 0

    def tell(self, told: Event) -> None:
        """Write an event now, in the world as a collector would stamp it."""
        at_ms = START_MS + next(self._minutes) * MINUTE_MS
        world = WorldRef(1, end_offsets(self._kafka, MODELS)[0])
        write_log(self._kafka, LOG.name, [replace(told, at_ms=at_ms, received_ms=at_ms, world=world)])

    def decision(self) -> Decision:
        """Ask for a message, and wait for what is decided."""
        self._answers = len(self._written())
        self.tell(event(EventKind.REFRESH))
        wait_until(lambda: len(self._written()) > self._answers, WAIT_S, "the job to answer")
        decision = decode(Communication, self._written()[-1] or b"").decision
        assert decision is not None
        return decision

    def _written(self) -> list[bytes | None]:
        return written_communications(self._kafka).get(KEY, [])


@pytest.fixture
def kafka(own_broker: Broker, sample_release: Release) -> KafkaSettings:
    settings = KafkaSettings(own_broker.bootstrap)
    ensure_topics(settings)
    ensure_topics(settings, [LOG])
    learning = replace(sample_release.settings.learning, snapshot_every=1)
    publish_release(settings, replace(sample_release, settings=replace(sample_release.settings, learning=learning)))
    return settings


@pytest.fixture
def job(kafka: KafkaSettings, tmp_path: Path) -> Iterator[tuple[MiniCluster, str]]:
    with MiniCluster(tmp_path / "job", {"execution.checkpointing.interval": "1 s"}) as flink:
        yield flink, flink.run(job_order(kafka, LOG.name, tmp_path / "job"))


def put(kafka: KafkaSettings, *records: Published) -> None:
    """Write to `models` what no program of ours would."""
    producer = make_producer(kafka)
    for record in records:
        producer.send(MODELS.name, key=record.key, value=record.value, partition=0).get(30)
    producer.close()


def command(kafka: KafkaSettings, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """What `foresend models` prints."""
    capsys.readouterr()
    options = ["--json", "--bootstrap", kafka.bootstrap, "--workspace", str(SAMPLE)]
    assert main(["models", *words, *options]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def said(decision: Decision, term: str) -> list[tuple[float, ...]]:
    """What a term adds, slot by slot."""
    return [slot.contributions().get(term, ()) for slot in decision.slots]


def test_what_is_published_is_used_from_the_next_event_on(
    kafka: KafkaSettings,
    job: tuple[MiniCluster, str],
    sample_release: Release,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ana = Ana(kafka)
    ana.tell(rated("jazz"))
    # given somebody whom nothing was learnt for
    before = ana.decision()
    assert [*before.slots[0].contributions()] == [*TERMS[:2], "all"]
    # when weights are published by hand
    publish_snapshot(kafka, decode(ModelSnapshot, snapshot(sample_release, 1)))
    by_hand = ana.decision()
    assert said(by_hand, "prior") != said(before, "prior")
    # when a part is trained, and then another one
    first, second = sequence(sample_release, 1), sequence(sample_release, 2)
    publish_part(kafka, first)
    with_first = ana.decision()
    assert [*with_first.slots[0].contributions()] == [*TERMS, "all"]
    assert any(any(column) for column in said(with_first, "sequence"))
    assert said(with_first, "prior") == said(by_hand, "prior")
    publish_part(kafka, second)
    assert said(ana.decision(), "sequence") != said(with_first, "sequence")
    # when the second is taken back
    (back,) = command(kafka, capsys, "rollback", "sequence")
    assert (back["kind"], back["number"]) == ("sequence", first.number)
    assert said(ana.decision(), "sequence") == said(with_first, "sequence")
    # when parts come that are damaged, badly shaped, or nothing at all
    put(
        kafka,
        Published.part(replace(second, checksum=b"another"), "8"),
        Published.part(badly_shaped(PartKind.SEQUENCE), "9"),
        GARBAGE,
    )
    after = ana.decision()
    assert after.world.models == end_offsets(kafka, MODELS)[0]
    assert said(after, "sequence") == said(with_first, "sequence")
    listed = command(kafka, capsys, "list")
    reasons = [one["refused"] for one in listed if one["refused"]]
    assert [reason.split(" ")[0] for reason in reasons] == ["expected", "sequence:", "cannot"], reasons
    assert [one["offset"] for one in listed if one["used"] and one["kind"] == "sequence"] == [back["offset"]]
    # when she is shown something, and what it came to is told
    ana.tell(served(after, "s1", START_MS))
    ana.tell(event(EventKind.TRACK, name=OUTCOME, properties={"send_id": "s1", "reward": 1}))

    def taught() -> list[dict[str, Any]]:
        return [one for one in command(kafka, capsys, "list") if one["kind"] == "population" and one["used"]]

    wait_until(lambda: taught()[0]["offset"] > back["offset"], WAIT_S, "the job to publish what it learnt")
    learnt = ana.decision()
    assert said(learnt, "prior") != said(by_hand, "prior"), "what the job learnt is in use"
    flink, running = job
    assert flink.rest.restarts(running) == 0
