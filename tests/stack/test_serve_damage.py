"""A node whose cache is damaged, taken away or copied: it is rebuilt from Kafka to the same bytes, or goes on."""

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest

from connectors.cache.places import database_path
from connectors.kafka.clients import make_producer
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend import cli
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from foresend.verification import compare, reading
from schemas.topics import COMMUNICATIONS
from tests.support.messages import NEWS, communication, record_of, release
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack
USERS = [f"user-{number}" for number in range(400)]
PATIENCE_S = 60.0


@pytest.fixture
def serve(tmp_path: Path, own_broker: Broker) -> Iterator[ServeProcess]:
    # Its own, for the cache is held against all that the topics hold.
    kafka = KafkaSettings(own_broker.bootstrap)
    ensure_topics(kafka)
    publish_release(kafka, release(1))
    write(kafka, USERS)
    made = ServeProcess(tmp_path, free_port(), own_broker.bootstrap)
    made.start()
    made.wait_ready()
    yield made
    made.kill()


def write(kafka: KafkaSettings, users: list[str], number: int = 1) -> None:
    producer = make_producer(kafka)
    for user in users:
        key, value = record_of(communication(user, number))
        producer.send(COMMUNICATIONS.name, key=key, value=value)
    producer.close()


def require_equal_to_the_log(serve: ServeProcess, number: int = 1) -> None:
    """Hold the cache against what was written, byte by byte."""
    oracle: dict[bytes, bytes | None] = dict(record_of(communication(user, number)) for user in USERS)
    with reading(serve.cache) as reader:
        figures = compare(oracle, reader.entries())
    assert figures.is_equal
    assert figures.communications == len(USERS)


def flip_a_byte(cache: Path) -> None:
    """Within the entries: their rows hold the record's own key in clear, and are not compressed by RocksDB."""
    user = USERS[len(USERS) // 3].encode()
    table, data = next(
        (path, data)
        for path, data in ((path, bytearray(path.read_bytes())) for path in database_path(cache).glob("*.sst"))
        if user in data
    )
    data[data.index(user)] ^= 0x10
    table.write_bytes(data)


def draw_for_all(serve: ServeProcess, name: str) -> list[bytes]:
    """Draw for everybody; only whole messages of the person's own, or none: 500 and 503 are no message."""
    found = []
    for user in USERS:
        status, body = serve.draw(NEWS, user, f"{name}-{user}")
        assert status in (200, 500, 503, 0)
        if status == 200:
            assert f"entry {user} ".encode() in body
            found.append(body)
    return found


def test_a_flipped_byte_is_never_served_and_the_node_rebuilds_while_it_runs(serve: ServeProcess) -> None:
    assert serve.stop() == 0
    flip_a_byte(serve.cache)
    serve.start()
    wait_until(lambda: serve.request("GET", "/healthz")[0] == 200, PATIENCE_S, "serve to answer")
    draw_for_all(serve, "damaged")
    wait_until(lambda: serve.metric("foresend_cache_quarantines_total") == 1, PATIENCE_S, "the damage to be noticed")
    serve.wait_ready()
    require_equal_to_the_log(serve)
    assert len(draw_for_all(serve, "rebuilt")) == len(USERS)
    assert len([*serve.cache.glob("quarantine-*")]) == 1
    assert "moved to quarantine-" in serve.log.read_text()


def test_files_removed_under_a_running_node_are_rebuilt(serve: ServeProcess) -> None:
    child = serve.child
    rmtree(database_path(serve.cache))
    wait_until(lambda: serve.metric("foresend_cache_quarantines_total") == 1, PATIENCE_S, "the loss to be noticed")
    serve.wait_ready()
    require_equal_to_the_log(serve)
    assert serve.child is child
    assert serve.stop() == 0


def test_a_log_cut_after_a_kill_is_rebuilt_or_read_on(serve: ServeProcess) -> None:
    serve.draw(NEWS, USERS[0], "before")
    serve.kill()
    log = max(database_path(serve.cache).glob("*.log"), key=lambda path: path.stat().st_size)
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size // 2)
    serve.start()
    serve.wait_ready()
    require_equal_to_the_log(serve)


def test_a_restored_node_reads_on_from_the_offsets_of_its_copy(
    serve: ServeProcess, tmp_path: Path, own_broker: Broker
) -> None:
    copy, elsewhere = tmp_path / "copy", tmp_path / "elsewhere"
    assert cli.main(["cache", "backup", str(copy), "--folder", str(serve.cache)]) == 0
    write(KafkaSettings(own_broker.bootstrap), USERS, number=2)
    assert serve.stop() == 0
    assert cli.main(["cache", "restore", str(copy), "--folder", str(elsewhere / "cache")]) == 0
    assert cli.main(["cache", "verify", "--folder", str(elsewhere / "cache"), "--json"]) == 0
    other = ServeProcess(elsewhere, free_port(), own_broker.bootstrap)
    other.start()
    try:
        other.wait_ready()
        assert other.metric('foresend_cache_rebuilds_total{reason="new"}') == -1
        require_equal_to_the_log(other, number=2)
    finally:
        other.kill()
