"""The rights that the manifests give each program in Kafka are enough for all that it does, and no more."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import TopicAuthorizationFailedError

from connectors.kafka.clients import make_producer
from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.jobs import job_order
from foresend.local.mini_cluster import MiniCluster
from foresend.local.ports import free_port
from schemas.library import Release
from schemas.topics import COMMUNICATIONS, ERASED, EVENTS, EXAMPLES, PROFILES, TOPICS
from tests.support.collector_process import CollectorProcess
from tests.support.guarded_broker import ADMIN, GuardedBroker
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
SECRET = "a secret of at least 32 characters for tests"
WAIT_S = 90
ANSWER_S = 20


class Guarded:
    """Collector, job and serve on one broker, each with its own name and its own rights."""

    def __init__(
        self, broker: GuardedBroker, collector: CollectorProcess, serving: ServeProcess, job_log: Path
    ) -> None:
        self.broker, self.collector, self.serving, self.job_log = broker, collector, serving, job_log

    def message(self, user: str) -> dict[str, Any]:
        status, body = self.serving.request("GET", f"/v1/communications/newsletter/{user}?format=json")
        return {"status": status, **json.loads(body)}


def environment(kafka: KafkaSettings) -> dict[str, str]:
    return {
        "FORESEND_KAFKA_SECURITY_PROTOCOL": kafka.security_protocol,
        "FORESEND_KAFKA_SASL_MECHANISM": kafka.sasl_mechanism,
        "FORESEND_KAFKA_SASL_USERNAME": kafka.sasl_username,
        "FORESEND_KAFKA_SASL_PASSWORD": kafka.sasl_password,
        "FORESEND_INSTALLATION_SECRET": SECRET,
    }


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, sample_release: Release) -> Iterator[Guarded]:
    folder: Path = tmp_path_factory.mktemp("guarded")
    with GuardedBroker(folder / "broker") as broker:
        ensure_topics(broker.settings_of(ADMIN))
        broker.grant()
        publish_release(broker.settings_of("foresend-tools"), sample_release)
        own = {name: environment(broker.settings_of(f"foresend-{name}")) for name in ("collect", "serve")}
        options = ["--workspace-id", "sample"]
        collector = CollectorProcess(folder / "collect.log", free_port(), broker.bootstrap, *options, **own["collect"])
        serving = ServeProcess(folder / "node", free_port(), broker.bootstrap, "sample", own["serve"])
        job = job_order(broker.settings_of("foresend-job"), EVENTS.name, folder / "job", secret=SECRET.encode())
        with MiniCluster(folder / "job", {"execution.checkpointing.interval": "1 s"}) as flink:
            try:
                collector.start()
                serving.start()
                flink.run(job)
                collector.wait_ready()
                serving.wait_ready()
                yield Guarded(broker, collector, serving, flink.log)
            finally:
                serving.kill()
                collector.kill()


def test_every_program_may_do_what_it_does(guarded: Guarded) -> None:
    """Mutant: take `profiles` from what the job writes, in foresend/kubernetes/kafka.py; then this fails."""
    rated = {"event": "Content Rated", "properties": {"genres": ["jazz"]}}
    for user in ("ana", "cy"):
        call = json.dumps({"userId": user, **rated}).encode()
        assert guarded.collector.post("/v1/track", call).status == 202
    wait_until(lambda: guarded.message("ana").get("source") == "entry", WAIT_S, "Ana to have messages")

    # A draw goes to the log by serve, as an example back by the job; the device's events go round by the collector.
    status, _ = guarded.serving.request("POST", "/v1/communications/newsletter/ana", {"send_id": "one"})
    assert status == 200
    device = json.dumps({"anonymousId": "tablet", **rated}).encode()
    assert guarded.collector.post("/v1/track", device).status == 202
    identified = json.dumps({"userId": "ana", "anonymousId": "tablet"}).encode()
    assert guarded.collector.post("/v1/identify", identified).status == 202
    admin = guarded.broker.settings_of(ADMIN)
    events = [record.key for record in read_log(admin, EVENTS.name)]
    assert events
    wait_until(lambda: any(read_log(admin, PROFILES.name)), WAIT_S, "profiles to be told")
    # An erasure is listed, and swept from everywhere.
    assert guarded.collector.request("DELETE", "/v1/users/cy").status == 202
    wait_until(lambda: any(read_log(admin, ERASED.name)), WAIT_S, "the erasure to be listed")
    wait_until(lambda: not living(admin, b"sample|cy|"), WAIT_S, "every record to have its tombstone")

    said = "".join(file.read_text() for file in (guarded.collector.log, guarded.serving.log, guarded.job_log))
    assert "uthorization" not in said


def living(kafka: KafkaSettings, start: bytes) -> set[bytes]:
    found: dict[bytes, bool] = {}
    for topic in (EVENTS, EXAMPLES):
        for record in read_log(kafka, topic.name):
            if record.key.startswith(start):
                found[record.key] = bool(record.value)
    return {key for key, is_there in found.items() if is_there}


def test_every_program_sees_that_the_topics_are_there(guarded: Guarded) -> None:
    for program in ("collect", "serve", "inbound", "train", "tools"):
        ensure_topics(guarded.broker.settings_of(f"foresend-{program}"), TOPICS)


def test_who_may_not_write_is_refused(guarded: Guarded) -> None:
    producer = make_producer(guarded.broker.settings_of("foresend-serve"), enable_idempotence=False)

    with pytest.raises(TopicAuthorizationFailedError):
        producer.send(COMMUNICATIONS.name, key=b"sample|newsletter|ana", value=b"forged").get(ANSWER_S)

    producer.close()
