"""The local broker: it starts, keeps what it acknowledged, and never leaves anything behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from foresend.local.broker import Broker
from foresend.processes import Identity, Record
from schemas.errors import ConfigError
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

YEAR_1995_MS = 800_000_000_000
TEN_DAYS_MS = 864_000_000
PARENT = """
import pathlib, signal, sys
from foresend.local.broker import Broker
Broker(pathlib.Path(sys.argv[1])).start()
print("up", flush=True)
signal.pause()
"""


def produce(broker: Broker, topic: str, values: list[bytes]) -> None:
    """Send and wait for every acknowledgement; each record is ten days younger than the one before."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    sent = [
        producer.send(topic, value=value, timestamp_ms=YEAR_1995_MS + number * TEN_DAYS_MS)
        for number, value in enumerate(values)
    ]
    for future in sent:
        future.get(timeout=30)
    producer.close()


def read_all(broker: Broker, topic: str, expected: int) -> list[bytes]:
    consumer = KafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    found: list[bytes] = []

    def enough() -> bool:
        for records in consumer.poll(timeout_ms=200).values():
            found.extend(record.value for record in records)
        return len(found) >= expected

    try:
        wait_until(enough, timeout_s=30, what=f"{expected} records in {topic}")
    finally:
        consumer.close()
    return found


def create_topic(broker: Broker, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.create_topics([NewTopic(name, 1, 1)])
    admin.close()


def test_acknowledged_records_survive_a_sigkill_at_the_same_address(own_broker: Broker) -> None:
    create_topic(own_broker, "kept")
    values = [str(number).encode() for number in range(1000)]
    produce(own_broker, "kept", values)
    address = own_broker.bootstrap

    own_broker.kill()
    assert not own_broker.is_running
    own_broker.start()

    assert own_broker.bootstrap == address
    assert sorted(read_all(own_broker, "kept", 1000)) == sorted(values)


def test_records_of_1995_are_taken_and_do_not_cut_a_segment_each(own_broker: Broker) -> None:
    create_topic(own_broker, "old")
    produce(own_broker, "old", [b"x"] * 200)
    assert len(list((own_broker.folder / "data/old-0").glob("*.log"))) == 1
    assert len(read_all(own_broker, "old", 200)) == 200


def test_two_brokers_run_at_once_in_two_folders(broker: Broker, own_broker: Broker) -> None:
    create_topic(own_broker, "only-here")
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    assert "only-here" not in admin.list_topics()
    admin.close()
    assert broker.bootstrap != own_broker.bootstrap


def test_a_second_broker_on_the_same_folder_is_refused_and_the_first_lives_on(broker: Broker) -> None:
    second = Broker(broker.folder)
    with pytest.raises(ConfigError, match=f"already running as process {broker.pid}"):
        second.start()
    assert broker.is_running
    assert broker.record.exists()


def test_a_taken_port_is_refused_by_name(broker: Broker, tmp_path: Path) -> None:
    port = int(broker.bootstrap.rpartition(":")[2])
    with pytest.raises(ConfigError, match=f"port {port} is taken"):
        Broker(tmp_path, port=port).start()
    assert not (tmp_path / "broker.pid.json").exists()


def test_the_broker_dies_with_a_parent_that_is_killed_and_its_folder_can_be_used_again(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    orphan = Record.read(tmp_path / "broker.pid.json")
    assert orphan is not None

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    wait_until(lambda: not orphan.process.is_running, timeout_s=10, what="the broker to die with its parent")
    with Broker(tmp_path) as again:
        assert again.pid != orphan.process.pid


def test_a_record_of_a_dead_or_foreign_process_is_cleared(tmp_path: Path) -> None:
    own = Identity.of(os.getpid())
    assert own is not None
    # The pid of a living process, but of another one: it started at another time.
    foreign = Record(Identity(own.pid, own.started - 1, own.boot), None)
    foreign.write(tmp_path / "broker.pid.json")
    with Broker(tmp_path) as running:
        assert json.loads(running.record.read_text())["process"]["pid"] == running.pid
    assert Identity.of(own.pid) == own
    assert not (tmp_path / "broker.pid.json").exists()


def test_a_start_that_cannot_succeed_leaves_nothing_running(tmp_path: Path) -> None:
    first = Broker(tmp_path)
    first.start()
    first.stop()
    (tmp_path / "data/meta.properties").write_text("version=1\n")
    with pytest.raises(Exception, match=r"ended with code 1 before it was ready(?s:.*)meta.properties"):
        first.start()
    assert not first.is_running
    assert not (tmp_path / "broker.pid.json").exists()
