"""Kafka in: topics that other producers write, through SIGKILL at any moment."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from connectors.collector.kafka_in import COMMIT_RECORDS_MAX
from connectors.kafka.clients import make_producer
from connectors.kafka.log_reader import GroupProgress, read_log
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.errors import Reason
from schemas.events import Event, decode_event
from schemas.ids import UserId, WorkspaceId
from schemas.keys import event_key
from schemas.topics import DEAD_LETTERS, EVENTS, RECORD_BYTES_MAX
from tests.stack.conftest import NewTopicName
from tests.support.collector_process import CollectorProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

SEED = 3
PARTITIONS = 3
RECORDS = 1_500
KILLS = 3
BAD = {
    b"not json": Reason.NOT_JSON,
    b'{"who": "u1"}': Reason.UNMAPPED,
    b'{"who": "u1", "when": 1000, "what": "E"}': Reason.TIME_OUT_OF_RANGE,
    b'{"who": "u1", "when": "soon", "what": "E"}': Reason.WRONG_TYPE,
    b"x" * (RECORD_BYTES_MAX - 1_000): Reason.TOO_LARGE,
}
BAD_EVERY = 300
"""Each 300th record is bad, so that each bad one comes once; the last is as large as a topic lets it be."""
MAPPING = """\
version: 1
workspace: {workspace}
sources:
  - topic: {topic}
    kind: track
    name: {{column: what}}
    user: who
    at: {{column: when, unit: ms}}
    properties: {{total: basket.total, lines: basket.lines}}
"""


class Feed:
    """A topic as another producer writes it: good records, and some bad ones among them."""

    def __init__(self, broker: Broker, topic: str, now_ms: int) -> None:
        self._broker = broker
        self._topic = topic
        self.good: set[str] = set()
        self.bad: dict[tuple[int, int], bytes] = {}
        chance = random.Random(SEED)
        self._records = [self._record(number, chance, now_ms) for number in range(RECORDS)]

    def _record(self, number: int, chance: random.Random, now_ms: int) -> tuple[bytes, bytes]:
        user = f"u{chance.randrange(20)}"
        if number % BAD_EVERY == BAD_EVERY // 2:
            return user.encode(), list(BAD)[number // BAD_EVERY]
        body = {
            "who": user,
            "when": now_ms - chance.randrange(1_000_000),
            "what": "Order Completed",
            "basket": {"total": number, "lines": [{"sku": "a"}]},
        }
        return user.encode(), json.dumps(body).encode()

    def write(self) -> None:
        producer = make_producer(KafkaSettings(self._broker.bootstrap))
        sent = [(value, producer.send(self._topic, value, key)) for key, value in self._records]
        for value, future in sent:
            place = future.get(30)
            if value in BAD:
                self.bad[place.partition, place.offset] = value
            else:
                self.good.add(f"{self._topic}-{place.partition}-{place.offset}")
        producer.close()


def events(broker: Broker, workspace: WorkspaceId) -> list[tuple[bytes, Event]]:
    log = read_log(KafkaSettings(broker.bootstrap), EVENTS.name)
    found = [(record.key, decode_event(record.value)) for record in log]
    return [(key, event) for key, event in found if event.workspace == workspace]


def dead_letters(broker: Broker, source: str) -> list[DeadLetter]:
    log = read_log(KafkaSettings(broker.bootstrap), DEAD_LETTERS.name)
    return [letter for letter in (decode(DeadLetter, record.value) for record in log) if letter.source == source]


def test_killed_again_and_again_it_loses_nothing_and_repeats_only_what_has_the_same_id(
    broker: Broker, new_topic: NewTopicName, tmp_path: Path, now_ms: int
) -> None:
    topic, workspace = new_topic("orders", PARTITIONS), WorkspaceId("kafka-in-shop")
    ensure_topics(KafkaSettings(broker.bootstrap))
    feed = Feed(broker, topic, now_ms)
    feed.write()
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING.format(workspace=workspace, topic=topic))
    collector = CollectorProcess(
        tmp_path / "log",
        free_port(),
        broker.bootstrap,
        *("--workspace-id", str(workspace), "--kafka", topic, "--mapping", str(mapping), "--kafka-group", topic),
        *("--kafka-instance", "one"),
    )
    progress = GroupProgress(KafkaSettings(broker.bootstrap), topic, topic)
    chance = random.Random(SEED)

    for kill in range(1, KILLS + 1):
        collector.start()
        target = kill * RECORDS // (KILLS + 1) - chance.randrange(COMMIT_RECORDS_MAX)
        wait_until(lambda wanted=target: progress.total() >= wanted, 60, f"{target} committed records")  # type: ignore[misc]
        collector.kill()
    collector.start()
    wait_until(lambda: progress.total() == RECORDS, 60, "all records to be committed")
    assert collector.stop() == 0
    progress.close()

    logged = events(broker, workspace)
    times = Counter(event.id for _, event in logged)
    assert set(times) == feed.good
    assert sum(times.values()) - len(times) <= KILLS * COMMIT_RECORDS_MAX
    for key, event in logged:
        assert str(event.record_id) == str(event.id)
        assert key == event_key(workspace, UserId(event.user), event.record_id)
    assert {event.properties["lines"][0]["sku"] for _, event in logged} == {"a"}

    letters = dead_letters(broker, topic)
    assert {(letter.partition, letter.offset): letter.payload for letter in letters} == feed.bad
    assert {letter.payload: letter.reason for letter in letters} == BAD
    assert all(letter.key.startswith(b"u") for letter in letters)


def test_a_mapping_that_does_not_know_the_topic_stops_the_start(broker: Broker, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING.format(workspace="shop", topic="orders"))
    collector = CollectorProcess(
        tmp_path / "log",
        free_port(),
        broker.bootstrap,
        *("--workspace-id", "shop", "--kafka", "sales", "--mapping", str(mapping)),
    )
    collector.start()
    assert collector.wait_ended() == 2
    assert "topic: sales" in (tmp_path / "log").read_text()
