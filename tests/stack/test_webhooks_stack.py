"""A provider's request, from a socket to Kafka's bytes."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.kafka.log_reader import LogRecord, read_log
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.events import decode_event
from schemas.keys import split_key
from schemas.topics import DEAD_LETTERS, EVENTS, WEBHOOKS
from schemas.webhooks import RawWebhook
from tests.support.collector_process import CollectorProcess

pytestmark = pytest.mark.stack

WORKSPACE = "heard"
CREDENTIALS = "name:a password of the shop"
ADDRESS = "ann.webhook@example.com"
SECRET = "a secret of this installation only"


@pytest.fixture(scope="module")
def collector(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    ensure_topics(KafkaSettings(broker.bootstrap))
    started = CollectorProcess(
        tmp_path_factory.mktemp("heard") / "collector.log",
        free_port(),
        broker.bootstrap,
        "--workspace-id",
        WORKSPACE,
        FORESEND_INSTALLATION_SECRET=SECRET,
        FORESEND_WEBHOOKS_POSTMARK=f"{WORKSPACE}:{CREDENTIALS}",
    )
    started.start()
    started.wait_ready()
    yield started
    started.stop()


def records(broker: Broker, topic: str) -> list[LogRecord]:
    return list(read_log(KafkaSettings(broker.bootstrap), topic))


def bounce(kind: str) -> bytes:
    told = {"RecordType": kind, "Type": "HardBounce", "MessageID": "m1", "Email": ADDRESS, "Details": "550 5.1.1 none"}
    return json.dumps({**told, "BouncedAt": datetime.now(UTC).isoformat()}).encode()


def test_a_bounce_is_in_kafka_raw_and_normalised_and_its_address_in_the_raw_only(
    broker: Broker, collector: CollectorProcess
) -> None:
    headers = {"Authorization": "Basic " + base64.b64encode(CREDENTIALS.encode()).decode()}

    assert collector.request("POST", "/webhooks/postmark", bounce("Bounce"), headers).status == 200
    assert collector.request("POST", "/webhooks/postmark", bounce("Teleport"), headers).status == 200
    assert collector.request("POST", "/webhooks/postmark", bounce("Bounce")).status == 401
    assert collector.request("POST", "/webhooks/sendgrid", bounce("Bounce")).status == 404

    events = [one for one in records(broker, EVENTS.name) if one.key.startswith(f"{WORKSPACE}|".encode())]
    [event] = [decode_event(one.value) for one in events]
    assert (event.name, event.properties["bounce_type"], event.anonymous) == ("Email Bounced", "hard", True)
    assert ADDRESS.encode() not in events[0].value
    raw = [one for one in records(broker, WEBHOOKS.name) if split_key(one.key, 3)[0] == WORKSPACE]
    assert sorted(b"Teleport" in decode(RawWebhook, one.value).body for one in raw) == [False, True]
    letters = [decode(DeadLetter, one.value) for one in records(broker, DEAD_LETTERS.name)]
    [letter] = [one for one in letters if one.source == "webhooks/postmark"]
    assert letter.reason == "unknown_kind"
    page = collector.request("GET", "/metrics").body
    assert b'foresend_webhooks_total{outcome="accepted",provider="postmark"} 1.0' in page
    assert ADDRESS.encode() not in page


def test_nothing_of_a_person_or_a_secret_is_logged(collector: CollectorProcess) -> None:
    log = Path(collector.log).read_text(encoding="utf-8")
    assert ADDRESS not in log
    assert SECRET not in log
    assert CREDENTIALS not in log
