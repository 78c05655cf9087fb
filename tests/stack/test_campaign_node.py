"""A campaign as an operator meets it: a real node, a real worker that writes files, and the command."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.kafka.clients import make_producer
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend import processes
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from schemas.codec import encode
from schemas.ids import UserId
from schemas.keys import user_key
from schemas.profiles import Permission
from schemas.topics import COMMUNICATIONS, PROFILES
from tests.support.campaign_nodes import shop_workspace
from tests.support.delivering import profile, sending_release
from tests.support.messages import WORKSPACE, communication, record_of
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]
ALLOWED, DENIED = 300, 7
PATIENCE_S = 60.0


class Scene(NamedTuple):
    serve: ServeProcess
    folder: Path
    workspace: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.serve.port}"

    def type(self, *words: str) -> tuple[int, Any]:
        """The command, as a process of its own: its exit code, and the figures."""
        command = [sys.executable, "-m", "foresend.cli", "campaign", *words, "--gateway", self.url, "--json"]
        command += ["--workspace", str(self.workspace), "--out", str(self.folder / "out")]
        done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S)
        return done.returncode, json.loads(done.stdout) if done.stdout else None

    def report(self) -> Any:
        return self.type("sale", "report")[1]

    def deliver(self) -> processes.Child:
        """A worker, started."""
        command = ["deliver", "--gateway", self.url, "--folder", str(self.folder / "mail"), "--port", "0"]
        program = processes.Program(
            [sys.executable, "-m", "foresend.cli", *command],
            log=self.folder / "deliver.log",
            environment={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        return processes.start(program)

    def receivers(self) -> list[str]:
        """Of every message that was written."""
        files = [file for file in (self.folder / "mail").rglob("*.eml") if file.is_file()]
        return sorted(str(message_from_bytes(file.read_bytes(), policy=default)["To"]) for file in files)


@pytest.fixture
def scene(tmp_path: Path, own_broker: Broker) -> Iterator[Scene]:
    kafka = KafkaSettings(own_broker.bootstrap)
    ensure_topics(kafka)
    publish_release(kafka, sending_release(quiet_from=0, quiet_until=0))
    producer = make_producer(kafka)
    for number in range(ALLOWED + DENIED):
        user = f"user-{number}"
        told = profile(user, permission=Permission(number < ALLOWED, 1, "form"))
        producer.send(PROFILES.name, key=user_key(WORKSPACE, UserId(user)), value=encode(told))
        key, value = record_of(communication(user))
        producer.send(COMMUNICATIONS.name, key=key, value=value)
    producer.close()
    serve = ServeProcess(tmp_path, free_port(), own_broker.bootstrap)
    serve.start()
    serve.wait_ready()
    yield Scene(serve, tmp_path, shop_workspace(tmp_path, holdout=0.1))
    serve.kill()


def test_what_a_dry_run_tells_is_what_is_sent_once_to_each_over_a_pause_and_a_kill(scene: Scene) -> None:
    code, told = scene.type("sale", "--dry-run")
    assert code == 0
    assert told["audience"] == ALLOWED + DENIED
    assert told["skipped"]["no_permission"] == DENIED
    assert told["eligible"] + told["skipped"]["holdout"] == ALLOWED

    assert scene.type("sale", "start")[0] == 0
    # In the midst of the walk, perhaps: what was queued is on the disk, and the walk goes on where it was.
    scene.serve.kill()
    scene.serve.start()
    scene.serve.wait_ready()
    wait_until(lambda: scene.report()["queued"] == ALLOWED + DENIED, PATIENCE_S, "the walk to end")
    worker = scene.deliver()
    wait_until(lambda: scene.report()["sent"] > 20, PATIENCE_S, "some to be sent")

    code, paused = scene.type("sale", "pause")
    assert (code, paused["state"]) == (0, "paused")
    written = scene.receivers()
    assert scene.report()["sent"] == paused["sent"] >= 20
    assert scene.receivers() == written

    assert scene.type("sale", "resume")[0] == 0
    wait_until(lambda: scene.report()["waiting"] == 0, PATIENCE_S, "all to be at their ends")
    worker.end()
    worker.wait(PATIENCE_S)
    report = scene.report()

    assert report["sent"] == told["eligible"]
    assert report["skipped_by"] == told["skipped"]
    receivers = scene.receivers()
    assert len(set(receivers)) == len(receivers) == told["eligible"]


def test_a_node_that_is_away_is_told_and_so_is_a_cancellation(scene: Scene) -> None:
    assert scene.type("sale", "start", "--limit", "50")[0] == 0
    wait_until(lambda: scene.report()["state"] == "done", PATIENCE_S, "the walk to end")

    code, cancelled = scene.type("sale", "cancel")
    assert (code, cancelled["state"], cancelled["queued"]) == (0, "cancelled", 50)
    wait_until(lambda: scene.report()["cancelled"] == 50, PATIENCE_S, "all to be cancelled")

    scene.serve.kill()
    assert scene.type("sale", "pause") == (1, None)
    assert scene.receivers() == []
