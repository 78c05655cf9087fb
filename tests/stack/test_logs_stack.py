"""A person is put through every program, whole and broken, and stands in no log: ours, Flink's, or the broker's."""

import json
import os
import smtplib
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.kafka.clients import make_producer
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend import processes
from foresend.jobs import job_order
from foresend.local.broker import Broker
from foresend.local.mini_cluster import MiniCluster
from foresend.local.ports import free_port
from foresend.logs import FORMAT, JSON, LEVEL
from schemas.library import Release, Sender
from schemas.topics import COMMUNICATIONS, EVENTS, PROFILES, TRIGGERS
from tests.support.collector_process import CollectorProcess
from tests.support.decoding_search import Search
from tests.support.mails import standard_bounce
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
SECRET = "a secret of at least 32 characters for tests"
WORKSPACE = "sample"
USER, EMAIL, NAME, TITLE = "canary-7f3a9c", "canary.7f3a@example.org", "Kanarienne", "Zwitscherbuch"
NEEDLES = (USER, EMAIL, NAME, TITLE)
WAIT_S = 60
OWN = {FORMAT: JSON, LEVEL: "DEBUG", "FORESEND_INSTALLATION_SECRET": SECRET}
SIGNING = "k1:" + "00" * 32


class Programs:
    """All that runs, on one broker."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.folder = folder
        self.broker = broker
        self.kafka = KafkaSettings(broker.bootstrap)
        self.collector = CollectorProcess(
            folder / "collect.log", free_port(), broker.bootstrap, "--workspace-id", WORKSPACE, **OWN
        )
        serving = OWN | {"FORESEND_SERVE_SIGNING_KEYS": SIGNING}
        self.serving = ServeProcess(folder / "node", free_port(), broker.bootstrap, WORKSPACE, settings=serving)
        self.lmtp = free_port()
        self.mails = folder / "mails"

    @property
    def logs(self) -> dict[str, Path]:
        """Of our own programs."""
        return {
            "collect": self.folder / "collect.log",
            "serve": self.serving.log,
            "inbound": self.folder / "inbound.log",
            "deliver": self.folder / "deliver.log",
        }

    @contextmanager
    def program(self, *command: str, **settings: str) -> Iterator[processes.Child]:
        """One that has no class of its own."""
        child = processes.start(
            processes.Program(
                [sys.executable, "-m", "foresend.cli", *command],
                log=self.logs[command[0]],
                environment={**os.environ, **OWN, **settings},
            )
        )
        try:
            yield child
        finally:
            child.end()
            child.wait(WAIT_S)

    @contextmanager
    def running(self, release: Release) -> Iterator[MiniCluster]:
        """All of them, until they were ended in good order."""
        ensure_topics(self.kafka)
        publish_release(self.kafka, release)
        gateway = f"http://127.0.0.1:{self.serving.port}"
        inbound = ["inbound", "--port", str(self.lmtp), "--bootstrap", self.broker.bootstrap, "--gateway", gateway]
        inbound += ["--workspace-id", WORKSPACE]
        deliver = ["deliver", "--gateway", gateway, "--folder", str(self.mails), "--port", "0"]
        with ExitStack() as stack:
            flink = stack.enter_context(MiniCluster(self.folder / "job", {"execution.checkpointing.interval": "1 s"}))
            self.collector.start()
            stack.callback(self.collector.stop)
            self.serving.start()
            stack.callback(lambda: self.serving.child.wait(WAIT_S))
            stack.callback(self.serving.child.end)
            keys = {"FORESEND_INBOUND_SIGNING_KEYS": SIGNING, "FORESEND_INBOUND_METRICS_PORT": "0"}
            stack.enter_context(self.program(*inbound, **keys))
            stack.enter_context(self.program(*deliver))
            flink.run(job_order(self.kafka, EVENTS.name, self.folder / "job", secret=SECRET.encode()))
            self.collector.wait_ready()
            self.serving.wait_ready()
            yield flink


def tell(programs: Programs, kind: str, **call: Any) -> int:
    return programs.collector.post(f"/v1/{kind}", json.dumps(call).encode()).status


def whole(programs: Programs) -> None:
    """Somebody registers, agrees, is sent a message, reads."""
    assert tell(programs, "identify", userId=USER, traits={"email": EMAIL, "first_name": NAME}) == 202
    assert (
        tell(programs, "track", userId=USER, event="Subscribed", properties={"source": "form", "text_version": "1"})
        == 202
    )
    assert tell(programs, "track", userId=USER, event="Content Rated", properties={"title": TITLE}) == 202
    serving = programs.serving
    wait_until(lambda: serving.request("GET", f"/v1/users/{USER}/features")[0] == 200, WAIT_S, "the person to be told")
    assert serving.request("GET", f"/v1/communications/newsletter/{USER}")[0] == 200
    asked = {"send_id": f"send-{USER}", "template": "receipt", "user": USER}
    assert serving.request("POST", "/v1/send", asked)[0] in (200, 202)
    wait_until(lambda: any(programs.mails.rglob("*.eml")), WAIT_S, "the message to be written")


def broken(programs: Programs) -> None:
    """Whatever is no event, no request, no record and no mail, with the person in it."""
    collector, serving = programs.collector, programs.serving
    assert collector.post("/v1/track", f'{{"userId": "{USER}", "email": "{EMAIL}"'.encode()).status == 400
    assert collector.post("/v1/track", json.dumps({"userId": [USER], "event": EMAIL}).encode()).status in (400, 422)
    bad = [{"type": "track", "userId": USER, "event": TITLE, "timestamp": EMAIL}, {"type": NAME, "userId": USER}]
    assert collector.post("/v1/batch", json.dumps({"batch": bad}).encode()).status < 500
    collector.request("GET", f"/v1/users/{USER}?email={EMAIL}")
    serving.request("POST", "/v1/send", {"send_id": [EMAIL], "user": USER, "template": TITLE})
    serving.request("GET", f"/v1/communications/{TITLE}/{USER}?locale={EMAIL}")
    serving.request("GET", f"/v1/nowhere/{USER}/{EMAIL}")
    producer = make_producer(programs.kafka)
    keys = [key.encode() for key in (USER, f"{WORKSPACE}|{USER}", f"{WORKSPACE}|newsletter|{USER}")]
    for key in keys:
        for topic in (EVENTS, TRIGGERS):
            for value in (EMAIL.encode(), b"\xff\xfe" + NAME.encode(), json.dumps({"user": USER}).encode()):
                producer.send(topic.name, value, key, partition=0).get(WAIT_S)
    # What no code of this version wrote stops a node, as it must: of these topics only keys are wrong.
    for topic in (COMMUNICATIONS, PROFILES):
        producer.send(topic.name, None, keys[0], partition=0).get(WAIT_S)
    producer.close()
    with smtplib.LMTP("127.0.0.1", programs.lmtp) as client:
        client.sendmail(EMAIL, ["bounces@in.shop.example"], standard_bounce(recipient=f"rfc822;{EMAIL}"))
        client.sendmail(EMAIL, ["bounces@in.shop.example"], f"From: {NAME} <{EMAIL}>\n\n{TITLE}".encode())


def lines_of(log: Path) -> Sequence[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_nobody_stands_in_a_log(
    tmp_path: Path, own_broker: Broker, sample_release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant: log what a record, a body, a path or a mail holds, or the words of a parser's error."""
    monkeypatch.setenv(FORMAT, JSON)
    delivery = replace(
        sample_release.settings.delivery,
        sender=Sender("Shop", "post@shop.example"),
        quiet_from=0,
        quiet_until=0,
        caps=(),
        control=0.0,
    )
    release = replace(sample_release, settings=replace(sample_release.settings, delivery=delivery))
    programs = Programs(tmp_path, own_broker)
    with programs.running(release) as flink:
        whole(programs)
        broken(programs)
        wait_until(
            lambda: programs.serving.metric('foresend_topic_lag_records{topic="profiles"}') == 0,
            WAIT_S,
            "the node to have read all",
        )
        flinks = flink.home.logs

    search = Search(NEEDLES)
    assert search.found_under(own_broker.folder / "data").keys() >= {USER, EMAIL}
    for program, log in programs.logs.items():
        lines = lines_of(log)
        assert lines, program
        assert {line["program"] for line in lines} == {program}
        assert search.found_under(log) == {}, program
    assert search.found_under(flinks, own_broker.log) == {}
    # Beside Flink's own lines stands what libraries below it print.
    told = [json.loads(line) for line in (flinks / "job.log").read_text().splitlines() if line.startswith('{"time"')]
    assert {line["program"] for line in told} == {"job"}
