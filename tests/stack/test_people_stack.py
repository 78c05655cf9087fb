"""A person's way through all programs: a device that becomes somebody, a consent taken back, an erasure."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.jobs import job_order
from foresend.local.broker import Broker
from foresend.local.mini_cluster import MiniCluster
from foresend.local.ports import free_port
from schemas.events import Event, decode_event
from schemas.library import Release
from schemas.topics import ERASED, EVENTS
from tests.support.collector_process import CollectorProcess
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
SECRET = "a secret of at least 32 characters for tests"
WITHDRAWN = {"consent": {"categoryPreferences": {"analytics": False, "personalisation": False}}}
SOON_S = 5
WAIT_S = 60


class Programs:
    """Collector, job and serve on one broker."""

    def __init__(self, kafka: KafkaSettings, collector: CollectorProcess, serving: ServeProcess) -> None:
        self.kafka, self.collector, self.serving = kafka, collector, serving

    def tell(self, kind: str, **call: Any) -> None:
        assert self.collector.post(f"/v1/{kind}", json.dumps(call).encode()).status == 202

    def events(self) -> list[Event]:
        return [decode_event(one.value) for one in read_log(self.kafka, EVENTS.name) if one.value]

    def features(self, user: str) -> dict[str, Any]:
        status, body = self.serving.request("GET", f"/v1/users/{user}/features")
        return {one["name"]: one["value"] for one in json.loads(body)["features"]} if status == 200 else {}

    def message(self, user: str) -> dict[str, Any]:
        status, body = self.serving.request("GET", f"/v1/communications/newsletter/{user}?format=json")
        return {"status": status, **json.loads(body)}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, sample_release: Release) -> Iterator[Programs]:
    folder: Path = tmp_path_factory.mktemp("people")
    with Broker(folder / "broker") as broker:
        kafka = KafkaSettings(broker.bootstrap)
        ensure_topics(kafka)
        publish_release(kafka, sample_release)
        options = ["--workspace-id", "sample"]
        collector = CollectorProcess(
            folder / "collect.log", free_port(), broker.bootstrap, *options, FORESEND_INSTALLATION_SECRET=SECRET
        )
        serving = ServeProcess(folder / "node", free_port(), broker.bootstrap, "sample")
        settings = {"execution.checkpointing.interval": "1 s"}
        with MiniCluster(folder / "job", settings) as flink:
            try:
                collector.start()
                serving.start()
                flink.run(job_order(kafka, EVENTS.name, folder / "job", secret=SECRET.encode()))
                collector.wait_ready()
                serving.wait_ready()
                yield Programs(kafka, collector, serving)
            finally:
                serving.kill()
                collector.kill()


def viewed(genre: str) -> dict[str, Any]:
    return {"event": "Content Rated", "properties": {"genres": [genre]}}


def test_what_a_device_did_becomes_its_persons(path: Programs) -> None:
    for _ in range(3):
        path.tell("track", anonymousId="tablet", **viewed("jazz"))
    wait_until(lambda: path.message("tablet").get("source") == "entry", WAIT_S, "the device to have messages")
    path.tell("identify", userId="ana", anonymousId="tablet", traits={"first_name": "Ana"})
    path.tell("track", anonymousId="tablet", **viewed("drama"))

    def relayed() -> int:
        return sum(1 for one in path.events() if one.user == "ana" and one.via == ("tablet",) and one.name)

    wait_until(lambda: relayed() == 4, WAIT_S, "four events to go round")
    path.tell("identify", userId="ana", traits={"first_name": "Anna"})
    wait_until(lambda: path.features("ana").get("events") == 4, WAIT_S, "Ana's features to be told")
    assert path.message("tablet")["status"] == 410
    assert path.message("ana")["source"] == "entry"


def test_what_is_done_in_an_app_and_with_a_push_message_moves_features(path: Programs) -> None:
    phone = {"device": {"type": "ios"}}
    path.tell("screen", userId="di", name="Records", context=phone)
    path.tell("track", userId="di", event="Application Opened", context=phone)
    path.tell("track", userId="di", event="Push Notification Received", context=phone)
    path.tell("track", userId="di", event="Push Notification Tapped", context=phone)
    # Who asks for features has them told anew.
    wait_until(lambda: path.features("di").get("events", 0.0) >= 3, WAIT_S, "Di's features to be told")
    assert path.features("di")["devices"] == {"ios": 1.0}


def test_after_withdrawal_default_content_is_served_within_seconds(path: Programs) -> None:
    path.tell("track", userId="bo", **viewed("jazz"))
    wait_until(lambda: path.message("bo").get("source") == "entry", WAIT_S, "Bo to have messages")
    path.tell("track", userId="bo", event="Segment Consent Preference Updated", context=WITHDRAWN)
    wait_until(lambda: path.message("bo").get("source") == "fallback", SOON_S, "default content")
    assert path.message("bo")["reason"] == "consent"


def test_who_asks_to_be_erased_is_and_the_log_forgets(path: Programs) -> None:
    path.tell("track", anonymousId="phone", **viewed("horror"))
    path.tell("identify", userId="cy", anonymousId="phone", traits={"first_name": "Cyprian"})
    wait_until(lambda: any(one.user == "cy" and one.via for one in path.events()), WAIT_S, "the phone to be Cy's")
    path.tell("track", userId="cy", **viewed("horror"))
    wait_until(lambda: path.message("cy").get("source") == "entry", WAIT_S, "Cy to have messages")
    assert path.collector.request("DELETE", "/v1/users/cy").status == 202
    wait_until(lambda: path.message("cy")["status"] == 410, SOON_S, "the cache to forget")

    def left() -> set[bytes]:
        living: dict[bytes, bool] = {}
        for record in read_log(path.kafka, EVENTS.name):
            if record.key.startswith((b"sample|cy|", b"sample|phone|")):
                living[record.key] = bool(record.value)
        return {key for key, is_there in living.items() if is_there}

    wait_until(lambda: not left(), WAIT_S, "every record to have its tombstone")
    listed = list(read_log(path.kafka, ERASED.name))
    assert len({record.key for record in listed}) == 2
    assert not any(name in record.value for record in listed for name in (b"cy", b"phone") if len(name) > 2)
