"""The collector as a process, with real Kafka and the real client of Segment."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from segment.analytics import request
from segment.analytics.client import Client

from connectors.kafka.log_reader import LogRecord, read_log
from connectors.kafka.partitioning import event_partition
from connectors.kafka.publishing import publish_snapshot
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import current_world
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.events import Event, EventKind, decode_event
from schemas.ids import UserId, WorkspaceId
from schemas.keys import SYSTEM_WORKSPACE, event_key
from schemas.models import ModelSnapshot
from schemas.topics import DEAD_LETTERS, EVENTS, PARTITIONS
from tests.support.collector_process import CollectorProcess
from tests.support.poison import ALONE, IN_LISTS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

SHOP = WorkspaceId("collector-shop")
KEY = "write-key"
BATCHES = 150
KINDS = ("identify", "track", "page", "screen", "group", "alias")


@pytest.fixture(scope="module")
def collector(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    log = tmp_path_factory.mktemp("collector") / "collector.log"
    process = CollectorProcess(log, free_port(), broker.bootstrap, FORESEND_COLLECT_KEYS=f"{KEY}:{SHOP}")
    process.start()
    process.wait_ready()
    yield process
    process.kill()


def records(broker: Broker, workspace: WorkspaceId = SHOP) -> list[tuple[LogRecord, Event]]:
    found = [(record, decode_event(record.value)) for record in read_log(KafkaSettings(broker.bootstrap), EVENTS.name)]
    return [(record, event) for record, event in found if event.workspace == workspace]


def dead_letters(broker: Broker) -> list[DeadLetter]:
    settings = KafkaSettings(broker.bootstrap)
    return [decode(DeadLetter, record.value) for record in read_log(settings, DEAD_LETTERS.name)]


def send_one_of_each(client: Client, user: str) -> list[str]:
    """Every kind of call; the ids that the client gave them."""
    sent = [
        client.identify(user, {"plan": "pro"}),
        client.track(user, "Product Viewed", {"category": "shoes", "price": 12.5}),
        client.page(user, "Docs", "Python"),
        client.screen(anonymous_id=f"{user}-phone", name="Start"),
        client.group(user, "g1", {"size": 3}),
        client.alias(f"{user}-before", user),
        client.track(user, "Order Completed", {"revenue": 1}, {"ip": "67.207.109.102"}, datetime.now(UTC)),
    ]
    return [message["messageId"] for _, message in sent]


@pytest.mark.parametrize("gzip", [False, True])
def test_segments_own_client_sends_every_kind_of_call(broker: Broker, collector: CollectorProcess, gzip: bool) -> None:
    failures: list[object] = []
    user = f"client-{gzip}"
    client = Client(KEY, host=collector.url, gzip=gzip, on_error=lambda *error: failures.append(error), max_retries=2)

    sent = send_one_of_each(client, user)
    client.shutdown()
    request._session.close()  # the client keeps its connections for ever

    assert failures == []
    found = [(record, event) for record, event in records(broker) if event.user.startswith(user)]
    mine = [(record, event) for record, event in found if event.kind is not EventKind.LINK]
    assert len(found) == len(mine) + 1, "an alias is a link too"
    assert sorted(event.id for _, event in mine) == sorted(sent)
    assert {event.kind.value for _, event in mine} == set(KINDS)
    for record, event in mine:
        assert record.key == event_key(SHOP, event.user, event.record_id)
        assert record.position.partition == event_partition(SHOP, event.user)
        assert abs(record.position.log_ms - event.received_ms) < 60_000
        assert abs(event.received_ms - event.at_ms) < 60_000
    assert not any(b"109.102" in record.value for record, _ in mine)


def test_bad_input_is_refused_or_kept_whole_and_harms_nothing(broker: Broker, collector: CollectorProcess) -> None:
    alone = [collector.post(f"/v1/{poison.kind}", poison.payload, KEY).status for poison in ALONE]
    assert set(alone) == {400, 413}
    for number, poison in enumerate(IN_LISTS):
        good = json.dumps({"type": "track", "userId": f"beside-{number}", "event": "E"}).encode()
        reply = collector.post("/v1/batch", b'{"batch": [' + poison.payload + b", " + good + b"]}", KEY)
        assert (reply.status, reply.json["accepted"]) == (202, 1), poison.name

    kept = {(letter.reason, letter.payload) for letter in dead_letters(broker) if letter.source == "collector"}
    assert {(poison.reason, poison.payload) for poison in IN_LISTS} <= kept
    beside = {event.user for _, event in records(broker) if event.user.startswith("beside-")}
    assert len(beside) == len(IN_LISTS)
    assert collector.is_ready()


def test_a_user_is_deleted_by_an_event(broker: Broker, collector: CollectorProcess) -> None:
    headers = {"Authorization": "Basic d3JpdGUta2V5Og=="}
    assert collector.request("DELETE", "/v1/users/to%7Cgo", headers=headers).status == 202
    assert any(event.kind is EventKind.ERASE and event.user == UserId("to|go") for _, event in records(broker))


def test_every_partition_hears_a_heartbeat_each_second(broker: Broker, collector: CollectorProcess) -> None:
    def beats() -> dict[int, int]:
        found: dict[int, int] = {}
        for record, event in records(broker, SYSTEM_WORKSPACE):
            assert event.kind is EventKind.HEARTBEAT
            found[record.position.partition] = found.get(record.position.partition, 0) + 1
        return found

    before = beats()
    wait_until(
        lambda: all(beats().get(number, 0) >= before.get(number, 0) + 2 for number in range(PARTITIONS)),
        20,
        "two more heartbeats in each partition",
    )


def test_an_event_names_the_world_that_was_published_before_it(broker: Broker, collector: CollectorProcess) -> None:
    settings = KafkaSettings(broker.bootstrap)
    publish_snapshot(settings, ModelSnapshot(workspace=SHOP, number=1, slots={}))
    published = current_world(settings)

    def newest() -> Event:
        assert collector.post("/v1/track", b'{"userId": "traveller", "event": "E"}', KEY).status == 202
        return max((event for _, event in records(broker) if event.user == "traveller"), key=lambda event: event.world)

    wait_until(lambda: newest().world.join(published) == newest().world, 10, "the new world in an event")


def test_sigterm_answers_what_is_under_way_and_ends_well(broker: Broker, tmp_path: Path) -> None:
    process = CollectorProcess(tmp_path / "log", free_port(), broker.bootstrap, "--workspace-id", "ending")
    process.start()
    process.wait_ready()
    accepted: list[str] = []

    def send() -> None:
        for number in range(10_000):
            body = json.dumps({"userId": "u", "event": "E", "messageId": f"m{number}"}).encode()
            if process.post("/v1/track", body).status != 202:
                return
            accepted.append(f"m{number}")

    sender = threading.Thread(target=send)
    sender.start()
    wait_until(lambda: len(accepted) > 20, 20, "some events")
    code = process.stop()
    sender.join()
    assert code == 0
    assert set(accepted) <= {event.id for _, event in records(broker, WorkspaceId("ending"))}


def test_wrong_settings_are_all_told_and_it_does_not_start(tmp_path: Path) -> None:
    process = CollectorProcess(tmp_path / "log", 70_000, "nowhere", "--host", "192.0.2.1")
    process.start()
    assert process.wait_ended() == 2
    told = (tmp_path / "log").read_text()
    for name in ("kafka.bootstrap", "collect.port", "collect.host", "collect.workspace_id"):
        assert name in told


def test_without_kafka_it_says_so_and_still_ends_when_told(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    process = CollectorProcess(tmp_path / "log", free_port(), nobody, "--workspace-id", "lonely")
    process.start()
    wait_until(lambda: process.request("GET", "/healthz").status == 200, 30, "the collector to listen")
    assert process.request("GET", "/readyz").status == 503
    reply = process.post("/v1/track", b'{"userId": "u", "event": "E"}')
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert process.stop() == 0


class Load:
    """Senders that repeat a batch until it is acknowledged, as clients do."""

    def __init__(self, collector: CollectorProcess, senders: int, batches: int) -> None:
        self._collector = collector
        self._batches = batches
        self.acknowledged: set[str] = set()
        self.refusals = 0
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(senders)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _send(self, sender: int) -> None:
        for number in range(self._batches):
            ids = [f"{sender}-{number}-{index}" for index in range(5)]
            calls = [{"type": "track", "userId": f"u{one[-1]}", "event": "E", "messageId": one} for one in ids]
            body = json.dumps({"batch": calls}).encode()

            while self._collector.post("/v1/batch", body).status != 202:
                self.refusals += 1
                threading.Event().wait(0.1)
            self.acknowledged.update(ids)


def test_a_killed_broker_loses_nothing_that_was_acknowledged(own_broker: Broker, tmp_path: Path) -> None:
    collector = CollectorProcess(tmp_path / "log", free_port(), own_broker.bootstrap, "--workspace-id", str(SHOP))
    collector.start()
    collector.wait_ready()
    load = Load(collector, senders=4, batches=BATCHES)
    load.start()
    wait_until(lambda: len(load.acknowledged) > 300, 30, "load")

    own_broker.kill()
    wait_until(lambda: load.refusals > 4, 30, "requests to be refused")
    assert collector.request("GET", "/healthz").status == 200
    own_broker.start()
    load.join()

    assert len(load.acknowledged) == 4 * BATCHES * 5
    logged = {event.id for _, event in records(own_broker)}
    assert load.acknowledged - logged == set()
    assert collector.is_ready()
    assert collector.stop() == 0
