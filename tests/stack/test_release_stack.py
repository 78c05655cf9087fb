"""Releases on a real broker: published, listed, compared, rolled back; and a node that asks for what is outdated."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from msgspec.structs import replace

from connectors.cache.follower import now_ms
from connectors.kafka.clients import make_producer
from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend import cli
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from schemas.events import Event, EventKind, decode_event
from schemas.topics import COMMUNICATIONS, EVENTS
from templates.workspace import SAMPLE
from tests.support.messages import communication, record_of, release
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack
USERS = [f"user-{number}" for number in range(30)]
PATIENCE_S = 60.0
ROLL_BACK_S = 60.0


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_release_is_published_compared_and_rolled_back_within_a_minute(
    tmp_path: Path, own_broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORESEND_KAFKA_BOOTSTRAP", own_broker.bootstrap)
    changed = tmp_path / "shop"
    for file in SAMPLE.rglob("*"):
        if file.is_file():
            copy = changed / file.relative_to(SAMPLE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = file.read_bytes()
            copy.write_bytes(text.replace(b"Friday Reel", b"Monday Reel"))
    assert cli.main(["release", "--workspace", str(SAMPLE), "--json"]) == 0
    assert cli.main(["release", "--workspace", str(changed), "--json"]) == 0
    first, second = said(capsys)
    assert first["release"] != second["release"]
    assert cli.main(["release", "diff", "--workspace", str(SAMPLE), "--json"]) == 0
    assert any("Monday Reel" in str(line["before"]) and "Friday Reel" in str(line["after"]) for line in said(capsys))
    started = monotonic()
    assert cli.main(["release", "rollback", "--workspace", str(changed), "--json"]) == 0
    assert monotonic() - started < ROLL_BACK_S
    assert [line["release"] for line in said(capsys)] == [first["release"]]
    assert cli.main(["release", "list", "--workspace", str(SAMPLE), "--json"]) == 0
    listed = said(capsys)
    assert [line["release"] for line in listed] == [first["release"], second["release"], first["release"]]
    assert [line["used"] for line in listed] == [False, False, True]


@pytest.fixture
def serve(tmp_path: Path, own_broker: Broker) -> Iterator[ServeProcess]:
    """A node whose entries are of the first release."""
    kafka = KafkaSettings(own_broker.bootstrap)
    ensure_topics(kafka)
    publish_release(kafka, release(1))
    write(kafka, USERS, 1)
    made = ServeProcess(tmp_path, free_port(), own_broker.bootstrap)
    made.start()
    made.wait_ready()
    yield made
    made.kill()


def write(kafka: KafkaSettings, users: list[str], number: int) -> None:
    producer = make_producer(kafka)
    for user in users:
        entry = communication(user, number, release_id=f"release-{number}")
        assert entry.decision is not None
        key, value = record_of(replace(entry, decision=replace(entry.decision, at_ms=now_ms())))
        producer.send(COMMUNICATIONS.name, key=key, value=value)
    producer.close()


def refreshes(kafka: KafkaSettings) -> list[Event]:
    events = [decode_event(record.value) for record in read_log(kafka, EVENTS.name) if record.value]
    return [event for event in events if event.kind is EventKind.REFRESH]


def test_a_node_asks_for_everybody_after_a_release_and_after_a_restart_for_those_that_are_left(
    own_broker: Broker, serve: ServeProcess
) -> None:
    kafka = KafkaSettings(own_broker.bootstrap)
    publish_release(kafka, release(2))
    wait_until(lambda: len(refreshes(kafka)) >= len(USERS), PATIENCE_S, "everybody asked for")
    asked = refreshes(kafka)
    assert {event.properties["reason"] for event in asked} == {"release"}
    assert sorted(str(event.user) for event in asked) == sorted(USERS)
    # The job sees the release that it is asked for.
    assert {event.world.library for event in asked} == {2}
    serve.kill()
    write(kafka, USERS[5:], 2)
    publish_release(kafka, release(3))
    publish_release(kafka, release(2))
    before = len(asked)
    serve.start()
    serve.wait_ready()
    wait_until(lambda: len(refreshes(kafka)) >= before + 5, PATIENCE_S, "those asked for that are left")
    again = Counter(str(event.user) for event in refreshes(kafka)) - Counter(USERS)
    assert again == Counter(USERS[:5])
