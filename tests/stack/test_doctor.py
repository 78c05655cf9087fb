"""`foresend doctor` against a real broker, and against faults that are made for real."""

import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.doctor.kafka_checks import kafka_findings
from foresend.local.broker import Broker
from tests.support.documents import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

HOUR_MS = 3_600_000
IN_A_ROOM = ["unshare", "--map-root-user", "--mount"]
"""In namespaces of its own one may mount, also as nobody in particular."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def doctor(
    folder: Path, *words: str, before: list[str] | None = None, python: str = "", **environment: str
) -> dict[str, dict[str, Any]]:
    """What it says of each check, and that its exit code agrees.

    before  what runs it;  python  options of the interpreter
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("FORESEND_")}
    code = "import sys; from foresend.cli import main; sys.exit(main())"
    done = subprocess.run(
        [*(before or []), sys.executable, *python.split(), "-c", code, "doctor", "--json", *words],
        cwd=folder,
        env={**own, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode == 0) is all(line["ok"] for line in told)
    return {line["check"]: line for line in told}


def of_kafka(broker: Broker, ahead_ms: int = 0) -> dict[str, Any]:
    """What is found by a machine whose clock is ahead by so much."""
    settings = KafkaSettings(broker.bootstrap)
    found = kafka_findings(settings, lambda: time.time_ns() // 1_000_000 + ahead_ms)
    return {one.check: one for one in found}


@pytest.fixture
def changing(own_broker: Broker) -> Iterator[KafkaAdminClient]:
    ensure_topics(KafkaSettings(own_broker.bootstrap))
    client = KafkaAdminClient(bootstrap_servers=own_broker.bootstrap)
    yield client
    client.close()


def test_a_broker_where_all_is_well_and_then_each_fault(own_broker: Broker, changing: KafkaAdminClient) -> None:
    well = of_kafka(own_broker)
    assert [name for name, one in well.items() if not one.ok] == [], well
    assert well["kafka.clock"].found == "even"

    changing.create_partitions({"events": NewPartitions(13)})
    changing.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "profiles", {"cleanup.policy": "delete"})])
    changing.delete_topics(["webhooks"])
    wrong = ["kafka.topics", "kafka.partitions", "kafka.topic_settings"]
    # A broker answers by what it has heard of: changes reach it a moment later.
    wait_until(lambda: [name for name, one in of_kafka(own_broker).items() if not one.ok] == wrong, 30, "the faults")

    found = of_kafka(own_broker)
    assert found["kafka.topics"].found == "missing: webhooks"
    assert found["kafka.partitions"].found == "events has 13, not 12"
    assert "fixed for life" in found["kafka.partitions"].expected
    assert found["kafka.partitions"].mend.startswith("stop collect, job and serve at once")
    assert "profiles: cleanup.policy is delete, not compact" in found["kafka.topic_settings"].found


@pytest.mark.parametrize(("ahead_ms", "told"), [(HOUR_MS, "ahead"), (-HOUR_MS, "behind")])
def test_clocks_that_differ(broker: Broker, ahead_ms: int, told: str) -> None:
    finding = of_kafka(broker, ahead_ms)["kafka.clock"]

    assert not finding.ok
    seconds = re.fullmatch(rf"this machine's is ([0-9.]+) s {told}", finding.found)
    assert seconds is not None
    assert float(seconds[1]) == pytest.approx(3_600, abs=30)
    assert "chrony" in finding.mend


def test_a_second_between_clocks_is_borne(broker: Broker) -> None:
    assert of_kafka(broker, 1_000)["kafka.clock"].ok


def test_a_broker_that_is_down(folder: Path) -> None:
    with Broker(folder / "broker") as gone:
        bootstrap = gone.bootstrap

    found = doctor(folder, "--for", "serve", "--bootstrap", bootstrap)

    assert found["kafka.broker"]["found"] == f"{bootstrap}: nobody listens there"
    assert "foresend local up" in found["kafka.broker"]["mend"]
    assert not found["kafka.partitions"]["ok"], "what nobody could look at is not well"


def test_java_8_and_no_java(folder: Path) -> None:
    java = folder / "old" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'java version \"1.8.0_402\"' >&2\n")
    java.chmod(0o755)

    old = doctor(folder, "--for", "local", PATH=str(java.parent), JAVA_HOME="")
    none = doctor(folder, "--for", "local", PATH=str(folder), JAVA_HOME="")

    assert old["java"]["found"] == f"8 at {java}"
    assert none["java"]["found"] == "none on the PATH"
    assert "openjdk-17" in none["java"]["mend"]


def test_a_port_that_is_taken(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = str(door.getsockname()[1])
        found = doctor(folder, "--for", "deliver", FORESEND_DELIVER_PORT=port)["port.deliver"]

    assert not found["ok"]
    assert f"taken by process {os.getpid()} " in found["found"]
    assert "FORESEND_DELIVER_PORT" in found["mend"]


def test_an_extra_that_is_missing(folder: Path) -> None:
    packages = folder / "packages"
    packages.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("pyflink", "apache_flink")):
            (packages / entry.name).symlink_to(entry)

    # -S: nothing but what is named.
    found = doctor(folder, "--for", "job", python="-S", PYTHONPATH=f"{ROOT}{os.pathsep}{packages}")

    assert not found["extra.flink"]["ok"]
    assert "no module pyflink" in found["extra.flink"]["found"]
    assert "foresend[flink]" in found["extra.flink"]["mend"]
    assert found["packages"]["ok"]


@pytest.fixture
def small_disk(folder: Path) -> Path:
    """Where a disk of its own can be mounted."""
    place = folder / "disk"
    place.mkdir()
    mounted = subprocess.run([*IN_A_ROOM, "mount", "-t", "tmpfs", "none", str(place)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount in a namespace of its own")
    return place


def mounting(place: Path, then: str) -> list[str]:
    """Run what follows where a disk of 8 MB is mounted, after something was done there."""
    script = f'mount -t tmpfs -o size=8m none "{place}" && cd "{place}" && {then} && cd .. && exec "$@"'
    return [*IN_A_ROOM, "sh", "-c", script, "sh"]


def test_a_disk_that_is_nearly_full(folder: Path, small_disk: Path) -> None:
    def found(then: str) -> dict[str, Any]:
        told = doctor(folder, "--for", "deliver", before=mounting(small_disk, then), FORESEND_DELIVER_FOLDER="disk")
        return told["disk.mail"]

    assert found("true")["ok"]
    full = found("head -c 6m /dev/zero > big")
    assert not full["ok"]
    assert str(small_disk) in full["found"]
    assert "make room" in full["mend"]


def test_a_checkpoint_folder_that_cannot_be_written_to(folder: Path, small_disk: Path) -> None:
    conf = folder / "conf"
    conf.mkdir()
    (conf / "config.yaml").write_text(f"execution.checkpointing.dir: {small_disk.as_uri()}/checkpoints\n")

    def found(then: str) -> dict[str, Any]:
        told = doctor(folder, "--for", "job", before=mounting(small_disk, then), FLINK_CONF_DIR=str(conf))
        return told["folder.checkpoints"]

    assert found("true")["ok"]
    refused = found(f'mkdir checkpoints && mount -o remount,ro none "{small_disk}"')
    assert not refused["ok"]
    assert "Read-only file system" in refused["found"]
    assert f"mount {small_disk}/checkpoints for writing" in refused["mend"]
