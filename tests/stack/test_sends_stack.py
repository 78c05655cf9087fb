"""Triggers by Kafka into the ledger of a real node, which is killed again and again: none lost, none repeated."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.clients import make_producer
from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from schemas.codec import decode, encode
from schemas.dead_letters import DeadLetter
from schemas.events import decode_event
from schemas.ids import UserId
from schemas.keys import user_key
from schemas.topics import DEAD_LETTERS, EVENTS, PROFILES, TRIGGERS
from tests.support.delivering import RECEIPT, profile, sending_release
from tests.support.messages import WORKSPACE
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack
USERS = [f"user-{number}" for number in range(30)]
PATIENCE_S = 60.0


@pytest.fixture
def serve(tmp_path: Path, own_broker: Broker) -> Iterator[ServeProcess]:
    """A node with people, of whom each may be sent receipts at any hour."""
    kafka = KafkaSettings(own_broker.bootstrap)
    ensure_topics(kafka)
    publish_release(kafka, sending_release(quiet_from=0, quiet_until=0))
    producer = make_producer(kafka)
    for user in USERS:
        producer.send(PROFILES.name, key=user_key(WORKSPACE, UserId(user)), value=encode(profile(user)))
    producer.close()
    settings = {"FORESEND_SERVE_LEASE_S": "1", "FORESEND_SERVE_UNHEARD_S": "2"}
    made = ServeProcess(tmp_path, free_port(), own_broker.bootstrap, settings=settings)
    made.start()
    made.wait_ready()
    yield made
    made.kill()


def ask(broker: Broker, users: list[str], stem: str) -> None:
    producer = make_producer(KafkaSettings(broker.bootstrap))
    for user in users:
        body = {"send_id": f"{stem}-{user}", "template": RECEIPT, "user": user}
        producer.send(TRIGGERS.name, key=user_key(WORKSPACE, UserId(user)), value=json.dumps(body).encode())
    producer.send(TRIGGERS.name, key=user_key(WORKSPACE, UserId("user-0")), value=b"no trigger")
    producer.close()


def posted(serve: ServeProcess, path: str, body: Any) -> Any:
    status, answer = serve.request("POST", path, body)
    return json.loads(answer) if status == 200 else None


def sent(serve: ServeProcess, seen: list[str]) -> None:
    """Take what is granted, and tell that it was sent."""
    granted = posted(serve, "/v1/deliveries:grant", {"max": 7, "channels": ["file"]})
    for grant in granted["grants"] if granted else ():
        seen.append(grant["send_id"])
        result = {"workspace": WORKSPACE, "send_id": grant["send_id"], "attempt": grant["attempt"], "outcome": "sent"}
        assert posted(serve, "/v1/deliveries:told", {"results": [result]}) is not None


def states(serve: ServeProcess) -> list[str]:
    found = []
    for user in USERS:
        told = json.loads(serve.request("GET", f"/v1/users/{user}/sends")[1])
        found += [f"{send['send_id']} {send['state']}" for send in told["sends"]]
    return found


def test_triggers_are_sent_once_each_though_the_node_is_killed(own_broker: Broker, serve: ServeProcess) -> None:
    seen: list[str] = []
    for stem in ("a", "b", "c"):
        ask(own_broker, USERS, stem)
        sent(serve, seen)
        serve.kill()
        serve.start()
        serve.wait_ready()
    expected = sorted(f"{stem}-{user}" for stem in "abc" for user in USERS)

    def all_sent() -> bool:
        sent(serve, seen)
        return len({*seen}) == len(expected)

    wait_until(all_sent, PATIENCE_S, "all to be sent")
    assert sorted(seen) == expected
    assert sorted(states(serve)) == [f"{send} sent" for send in expected]
    wait_until(lambda: serve.metric("foresend_outbox_pending_records") == 0, PATIENCE_S, "the outbox to empty")
    kafka = KafkaSettings(own_broker.bootstrap)
    events = [decode_event(record.value) for record in read_log(kafka, EVENTS.name) if record.value]
    exposed = [event.exposure.send_id for event in events if event.exposure is not None]
    assert sorted({*exposed}) == expected
    letters = {(record.key, decode(DeadLetter, record.value).reason) for record in read_log(kafka, DEAD_LETTERS.name)}
    assert [reason for _, reason in letters] == ["not_json"] * 3


def test_a_node_that_lost_its_ledger_sends_nothing_again(own_broker: Broker, serve: ServeProcess) -> None:
    seen: list[str] = []
    ask(own_broker, USERS, "a")

    def all_sent() -> bool:
        sent(serve, seen)
        return len(seen) == len(USERS)

    wait_until(all_sent, PATIENCE_S, "all to be sent")
    serve.kill()
    shutil.rmtree(serve.cache)
    serve.start()
    serve.wait_ready()
    ask(own_broker, USERS[:1], "b")
    wait_until(lambda: states(serve) != [], PATIENCE_S, "the new trigger to be taken")
    assert states(serve) == [f"b-{USERS[0]} queued"]
