"""Is a person really gone? One search through every wrapping, in every place, before and after, while others go on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from msgspec.structs import replace

from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.erasing import Installation, erase, reapply
from foresend.exporting import export
from foresend.jobs import group_of, job_order
from foresend.local.broker import Broker
from foresend.local.flink_cluster import FlinkCluster
from foresend.local.ports import free_port
from foresend.local.stillness import wait_taken
from schemas import topics
from schemas.events import Event, EventKind
from schemas.ids import UserId, WorkspaceId
from schemas.library import Release
from schemas.relays import decode_relay
from tests.support.decoding_search import Search
from tests.support.events import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, event, named, rated
from tests.support.logs import behaviour, write_heartbeats, write_log
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(500)]
LOG = topics.replay_topic("erasure")
SECRET = b"an installation's secret for tests"
WORKSPACE = WorkspaceId("sample")
USER, DEVICE = "canary-7f3a9c", "device-canary-55e1"
NAME, EMAIL, PHONE, NETWORK = "Kanarienne", "canary.7f3a@example.org", "+4917012345678", "198.51.100.0"
NEEDLES = (USER, DEVICE, NAME, EMAIL, PHONE, NETWORK)
END_MS = START_MS + 30 * DAY_MS
QUICK = {
    "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "500",
    "delete.retention.ms": "0",
    "file.delete.delay.ms": "100",
}


def canary() -> list[Event]:
    """A person who leaves traces everywhere: as a device first, then known, with addresses."""
    where = {"context": {"ip": NETWORK, "device": {"type": "mobile"}}}
    return [
        rated("jazz", DEVICE, START_MS, anonymous=True, **where),
        named(NAME, USER, START_MS + MINUTE_MS, linked=DEVICE, **where),
        event(EventKind.LINK, DEVICE, START_MS + MINUTE_MS, linked=USER, **where),
        event(EventKind.CONTACT, USER, START_MS + MINUTE_MS + 1, properties=_address("email", EMAIL)),
        event(EventKind.CONTACT, USER, START_MS + MINUTE_MS + 2, properties=_address("sms", PHONE)),
        *(rated("drama", USER, START_MS + n * HOUR_MS, **where) for n in range(1, 20)),
    ]


def _address(channel: str, address: str) -> dict[str, Any]:
    return {"channel": channel, "at_ms": START_MS, "address": address}


def test_an_erased_person_is_found_nowhere_also_after_a_restore(
    own_broker: Broker, sample_release: Release, tmp_path: Path
) -> None:
    kafka = KafkaSettings(own_broker.bootstrap)
    ensure_topics(kafka)
    ensure_topics(kafka, [LOG])
    _compact_quickly(kafka)
    publish_release(kafka, sample_release)
    search = Search(NEEDLES, [sample_release.dictionary])
    places = _Places(own_broker, tmp_path)
    write_log(kafka, LOG.name, sorted([*canary(), *behaviour(1, 50, 500)], key=lambda one: one.received_ms))
    serving = ServeProcess(tmp_path / "node", free_port(), own_broker.bootstrap, WORKSPACE)
    settings = {"execution.checkpointing.interval": "1 s"}
    with FlinkCluster(tmp_path / "flink", settings=settings) as flink, _served(serving):
        flink.submit(job_order(kafka, LOG.name, tmp_path, secret=SECRET))
        write_heartbeats(kafka, LOG.name, START_MS + 11 * DAY_MS)
        wait_taken(kafka, LOG, flink.rest, timeout_s=120)
        _relay(kafka)
        wait_taken(kafka, LOG, flink.rest, timeout_s=60)
        wait_until(lambda: serving.request("GET", f"/v1/users/{USER}/features")[0] == 200, 30, "the canary to be told")
        before = flink.rest.stop_with_savepoint(_job(flink), canonical=True)

        assert search.found_under(Path(before.removeprefix("file:"))).keys() >= {USER, DEVICE, EMAIL, PHONE}
        assert search.found_under(places.broker).keys() == set(NEEDLES)
        wait_until(lambda: search.found_under(places.cache).keys() >= {USER, EMAIL}, 30, "the canary in the cache")
        assert export(kafka, LOG, WORKSPACE, UserId(USER))["profile"]["traits"] == {"first_name": NAME}

        flink.submit(job_order(kafka, LOG.name, tmp_path, savepoint=before, secret=SECRET))
        with _load(kafka):
            where = Installation(kafka, SECRET, group_of(LOG.name), LOG, gateway=f"http://127.0.0.1:{serving.port}")
            certificate = erase(where, WORKSPACE, UserId(USER), wait_s=60, clock_ms=lambda: START_MS + 12 * DAY_MS)
            wait_until(lambda: not search.found_under(places.cache), 5, "the cache to have forgotten")
            wait_until(lambda: not _in_topics(search, places), 120, "topics to be compacted")
        assert certificate.complete
        assert {place.name: place.found for place in certificate.places}["cache"] == 0
        assert certificate.user_hmac
        assert not search.found_in(repr(certificate).encode())
        wait_taken(kafka, LOG, flink.rest, timeout_s=60)
        after = flink.rest.stop_with_savepoint(_job(flink), canonical=True)
        assert search.found_under(Path(after.removeprefix("file:"))) == {}
        assert search.found_under(*places.logs) == {}
        assert not search.found_in(serving.request("GET", "/metrics")[1])

        flink.submit(job_order(kafka, LOG.name, tmp_path, savepoint=before, secret=SECRET))
        assert reapply(where, lambda: START_MS + 24 * DAY_MS) == 2
        write_heartbeats(kafka, LOG.name, START_MS + 25 * DAY_MS)
        wait_taken(kafka, LOG, flink.rest, timeout_s=60)
        restored = flink.rest.stop_with_savepoint(_job(flink), canonical=True)
        assert search.found_under(Path(restored.removeprefix("file:"))) == {}
        wait_until(lambda: not search.found_under(places.cache), 30, "the cache to have forgotten again")
    assert export(kafka, LOG, WORKSPACE, UserId(USER))["events"][0]["kind"] == "erase"


class _Places:
    """Where things are kept on disk."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.broker = broker.folder
        self.cache = folder / "node" / "cache"
        self.logs = (folder / "node" / "serve.log", folder / "flink" / "logs")


def _in_topics(search: Search, places: "_Places") -> set[str]:
    """What compacted topics hold; `relays` is not one of them: it ages out within a day, as the certificate says."""
    partitions = [one for one in (places.broker / "data").iterdir() if not one.name.startswith("relays-")]
    return set(search.found_under(*partitions))


def _relay(kafka: KafkaSettings) -> None:
    """What the collector does, into the topic of this test."""
    now_ms = START_MS + 11 * DAY_MS
    relayed = [event for record in read_log(kafka, topics.RELAYS.name) for event in decode_relay(record.value)]
    write_log(kafka, LOG.name, [replace(one, received_ms=max(one.received_ms, now_ms)) for one in relayed])


def _job(flink: FlinkCluster) -> str:
    jobs = flink.rest.get("/jobs")["jobs"]
    return next(str(job["id"]) for job in jobs if job["status"] == "RUNNING")


@contextmanager
def _served(serving: ServeProcess) -> Iterator[None]:
    serving.start()
    try:
        serving.wait_ready()
        yield
    finally:
        serving.kill()


@contextmanager
def _load(kafka: KafkaSettings) -> Iterator[None]:
    """Others go on meanwhile; this also makes every topic begin new segments."""
    stop = threading.Event()

    def go_on() -> None:
        part = 0
        while not stop.wait(0.5):
            part += 1
            write_log(kafka, LOG.name, behaviour(100 + part, 50, 50, START_MS + 12 * DAY_MS + part * MINUTE_MS))
            # In every partition something is written, as the collector's heart does it.
            write_heartbeats(kafka, LOG.name, START_MS + 22 * DAY_MS + part * MINUTE_MS)
            write_heartbeats(kafka, topics.EVENTS.name, START_MS)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _compact_quickly(kafka: KafkaSettings) -> None:
    """What takes a week else."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    personal = [one.name for one in topics.TOPICS if one.personal and "compact" in one.config["cleanup.policy"]]
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, QUICK) for name in (LOG.name, *personal)])
    admin.close()
