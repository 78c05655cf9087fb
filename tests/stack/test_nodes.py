"""Three nodes as processes: who holds whom, what is passed on, what a node that is away takes with it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest

from connectors.gateway.nodes import Nodes
from connectors.gateway.tokens import Claim, Purpose, Signer
from connectors.kafka.clients import make_producer
from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.local.broker import Broker
from foresend.local.ports import LOOPBACK, free_port
from foresend.verification import reading
from schemas.events import decode_event
from schemas.ids import SendId, UserId
from schemas.keys import split_key
from schemas.topics import COMMUNICATIONS, EVENTS
from tests.support.messages import NEWS, WORKSPACE, communication, record_of, release
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack
SECRET = "00112233445566778899aabbccddeeff"
USERS = [f"user {number}" for number in range(40)]
PATIENCE_S = 60.0


class Cluster:
    """Nodes by their names, and where each person should be."""

    def __init__(self, folder: Path, bootstrap: str, names: tuple[str, ...]) -> None:
        ports = {name: free_port() for name in names}
        urls = {name: f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
        told = {
            "FORESEND_SERVE_NODES": ",".join(f"{name}:{url}" for name, url in urls.items()),
            "FORESEND_SERVE_SIGNING_KEYS": f"k1:{SECRET}",
        }
        self.nodes = {
            name: ServeProcess(folder / name, port, bootstrap, settings={**told, "FORESEND_SERVE_NODE": name})
            for name, port in ports.items()
        }
        self.assigned = Nodes(urls, names[0])

    def owners(self, user: str) -> list[ServeProcess]:
        return [self.nodes[name] for name in self.assigned.owners_of(WORKSPACE, UserId(user))]

    def stranger(self, user: str) -> ServeProcess:
        return next(node for node in self.nodes.values() if node not in self.owners(user))


@pytest.fixture
def cluster(tmp_path: Path, own_broker: Broker) -> Iterator[Cluster]:
    """Three nodes, with the newsletters of forty persons."""
    kafka = KafkaSettings(own_broker.bootstrap)
    ensure_topics(kafka)
    publish_release(kafka, release(1))
    write(kafka)
    made = Cluster(tmp_path, own_broker.bootstrap, ("one", "two", "three"))
    with ExitStack() as stack:
        for node in made.nodes.values():
            node.start()
            stack.callback(node.kill)
        for node in made.nodes.values():
            node.wait_ready()
        yield made


def look(node: ServeProcess, user: str) -> int:
    return node.request("GET", f"/v1/communications/{NEWS}/{quote(user)}")[0]


def use(node: ServeProcess, user: str, right: str) -> int:
    return node.request("POST", f"/v1/users/{quote(user)}/rights", {"right": right})[0]


def test_three_nodes_are_one_gateway(cluster: Cluster, own_broker: Broker) -> None:
    # Each person is on two nodes and no third, and any node answers for anybody.
    for node in cluster.nodes.values():
        assert held_by(node) == {user for user in USERS if node in cluster.owners(user)}
        assert {look(node, user) for user in USERS} == {200}

    # A caller that goes to owners itself is told who.
    user = USERS[0]
    direct = {"x-foresend-route": "direct"}
    path = f"/v1/communications/{NEWS}/{quote(user)}"
    status, body = cluster.stranger(user).request("GET", path, headers=direct)
    assert (status, json.loads(body)["type"]) == (421, "urn:foresend:problem:other_partition")

    # What draws heed holds at both nodes of the person, wherever it was told.
    assert use(cluster.stranger(user), user, "erase") == 200
    assert [look(node, user) for node in cluster.nodes.values()] == [410] * 3

    # A node that is killed takes no reads with it, and no right is acknowledged that it did not hear of.
    gone = cluster.owners(user)[0]
    others = [node for node in cluster.nodes.values() if node is not gone]
    gone.kill()
    assert {look(node, one) for node in others for one in USERS if one != user} == {200}
    acted = next(one for one in USERS if cluster.owners(one)[0] is gone and one != user)
    claim = Claim(Purpose.UNSUBSCRIBE, WORKSPACE, NEWS, UserId(acted), SendId("s1"))
    page = f"/u/{Signer({'k1': bytes.fromhex(SECRET)}).sign(claim)}"
    for node in others:
        assert use(node, acted, "unsubscribe") == 503
        assert node.request("POST", page)[0] == 503

    # When it is back it holds what it had acknowledged, and takes rights again.
    gone.start()
    gone.wait_ready()
    assert look(gone, user) == 410
    assert others[0].request("POST", page)[0] == 200
    wait_until(lambda: acted in unsubscribed(own_broker), PATIENCE_S, "the job to be told")


def test_a_node_whose_partitions_changed_reads_them_anew(tmp_path: Path, own_broker: Broker) -> None:
    kafka = KafkaSettings(own_broker.bootstrap)
    ensure_topics(kafka)
    publish_release(kafka, release(1))
    write(kafka)
    alone = ServeProcess(tmp_path / "one", free_port(), own_broker.bootstrap)
    alone.start()
    alone.wait_ready()
    assert held_by(alone) == {*USERS}
    assert alone.stop() == 0

    # One of three now: what it does not hold any more would grow old unseen.
    cluster = Cluster(tmp_path, own_broker.bootstrap, ("one", "two", "three"))
    node = cluster.nodes["one"]
    node.start()
    try:
        node.wait_ready()
        assert node.metric('foresend_cache_rebuilds_total{reason="other_partitions"}') == 1
        assert held_by(node) == {user for user in USERS if node in cluster.owners(user)} != {*USERS}
    finally:
        node.kill()


def held_by(node: ServeProcess) -> set[str]:
    with reading(node.cache) as reader:
        return {split_key(key, 3)[2] for key, _ in reader.entries()}


def write(kafka: KafkaSettings) -> None:
    producer = make_producer(kafka)
    for user in USERS:
        key, value = record_of(communication(user))
        producer.send(COMMUNICATIONS.name, key=key, value=value)
    producer.close()


def unsubscribed(broker: Broker) -> set[str]:
    events = [decode_event(record.value) for record in read_log(KafkaSettings(broker.bootstrap), EVENTS.name)]
    return {event.user for event in events if event.name == "Unsubscribed"}
