"""Demographics on Kafka's own bytes: what a real collector wrote, by what the newest release lets through."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from schemas.events import Event, EventKind, decode_event
from schemas.ids import WorkspaceId
from schemas.library import Release, TraitSettings
from schemas.topics import EVENTS, TOPICS
from tests.support.collector_process import CollectorProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

SHOP = WorkspaceId("reduced-shop")
KEY = "write-key"
FOLLOW_S = 30.0
PERSON = {
    "first_name": "Canary",
    "city": "Lissabon-Canary",
    "email": "Canary.Bird@Coal.example",
    "phone": "+351 211 234 567",
    "birthday": "1987-06-05",
    "address": {"street": "Rua Canary 7", "postalCode": "1100-148", "state": "Lisboa", "country": "PT"},
    "religion": "canarian",
    "politicalViews": "canary-yellow",
    "loyalty": "canary-gold",
    "shoe_size": "canary-42",
}  # fmt: skip
GONE = [
    b"Canary.Bird", b"canary.bird", b"Coal.example", b"coal.example", b"211 234", b"211234", b"1987-06", b"Rua Canary",
    b"1100-148", b"canarian", b"canary-yellow", b"canary-42", b"192.0.2.77", b"canary-push", b"secret-token",
]  # fmt: skip


@pytest.fixture
def collector(broker: Broker, tmp_path: Path, sample_release: Release) -> Iterator[CollectorProcess]:
    kafka = KafkaSettings(broker.bootstrap)
    ensure_topics(kafka)
    publish_release(kafka, msgspec.structs.replace(sample_release, workspace=SHOP))
    process = CollectorProcess(
        tmp_path / "collector.log", free_port(), broker.bootstrap, FORESEND_COLLECT_KEYS=f"{KEY}:{SHOP}"
    )
    process.start()
    process.wait_ready()
    yield process
    process.kill()


def written(broker: Broker, user: str) -> list[tuple[bytes, Event]]:
    records = [record.value for record in read_log(KafkaSettings(broker.bootstrap), EVENTS.name)]
    found = [(value, decode_event(value)) for value in records]
    return [(value, event) for value, event in found if (event.workspace, event.user) == (SHOP, user)]


def identify(collector: CollectorProcess, user: str) -> None:
    call: dict[str, Any] = {
        "userId": user,
        "traits": PERSON,
        "context": {
            "ip": "192.0.2.77",
            "traits": PERSON,
            "device": {"type": "ios", "token": "canary-push"},
            "page": {"url": "https://shop.example/?token=secret-token&email=canary.bird%40coal.example"},
        },
    }
    assert collector.post("/v1/identify", json.dumps(call).encode(), KEY).status == 202


def test_of_a_person_only_what_is_allowed_reaches_kafka(broker: Broker, collector: CollectorProcess) -> None:
    identify(collector, "canary-1")

    (_, event), *beside = [one for one in written(broker, "canary-1") if one[1].kind is EventKind.IDENTIFY]
    assert beside == []
    expected = {
        "first_name": "Canary",
        "city": "Lissabon-Canary",
        "age_band": "35-44",
        "country": "PT",
        "region": "Lisboa",
    }
    assert event.traits == expected
    assert event.context["traits"] == expected
    contacts = [one for _, one in written(broker, "canary-1") if one.kind is EventKind.CONTACT]
    assert sorted(one.properties["address"] for one in contacts) == ["+351211234567", "Canary.Bird@coal.example"]


def test_nothing_else_stands_in_any_topic_but_the_address_in_its_contact_event(
    broker: Broker, collector: CollectorProcess
) -> None:
    identify(collector, "canary-2")
    assert written(broker, "canary-2")

    kafka = KafkaSettings(broker.bootstrap)
    for topic in TOPICS:
        for record in read_log(kafka, topic.name):
            bytes_there = record.value or b""
            if topic is EVENTS and decode_event(bytes_there).kind is EventKind.CONTACT:
                continue
            assert [secret for secret in GONE if secret in bytes_there] == [], topic.name


def test_a_newer_release_is_followed(broker: Broker, collector: CollectorProcess, sample_release: Release) -> None:
    settings = msgspec.structs.replace(sample_release.settings, traits=TraitSettings(kept=("loyalty", "religion")))
    release = msgspec.structs.replace(sample_release, workspace=SHOP, settings=settings)
    publish_release(KafkaSettings(broker.bootstrap), release)
    users = iter(range(1000))

    def is_followed() -> bool:
        user = f"canary-later-{next(users)}"
        identify(collector, user)
        (event,) = (one for _, one in written(broker, user) if one.kind is EventKind.IDENTIFY)
        assert "religion" not in event.traits, "a special category passes nowhere"
        return event.traits.get("loyalty") == "canary-gold"

    wait_until(is_followed, FOLLOW_S, "the newer release's traits")
