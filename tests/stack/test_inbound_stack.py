"""Who may be written to, through all programs: erased and imported again, erased and back, bounced, unsubscribed."""

import json
import os
import smtplib
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.contacts.addresses import address_name
from connectors.contacts.events import Import
from connectors.contacts.importing import EventWriter, now_ms
from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import current_world, ensure_topics
from foresend import processes
from foresend.jobs import job_order
from foresend.local.broker import Broker
from foresend.local.mini_cluster import MiniCluster
from foresend.local.ports import free_port
from schemas.contacts import ContactChange
from schemas.ids import UserId, WorkspaceId
from schemas.keys import split_key
from schemas.library import Release, Sender
from schemas.topics import EVENTS, SUPPRESSIONS
from tests.support.collector_process import CollectorProcess
from tests.support.mails import standard_bounce, unsubscription
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
SECRET = "a secret of at least 32 characters for tests"
KEYS = "k1:" + "00" * 32
SHOP = WorkspaceId("sample")
WAIT_S = 60
NEWS, RECEIPT = "newsletter", "receipt"


class Programs:
    """Collector, job, node, and inbound mail, on one broker."""

    def __init__(self, kafka: KafkaSettings, collector: CollectorProcess, serving: ServeProcess, lmtp: int) -> None:
        self.kafka, self.collector, self.serving, self._lmtp = kafka, collector, serving, lmtp
        self._numbers = count()

    def tell(self, kind: str, **call: Any) -> None:
        assert self.collector.post(f"/v1/{kind}", json.dumps(call).encode()).status == 202

    def opt_in(self, user: str) -> None:
        """Somebody registers and asks for messages."""
        self.tell("identify", userId=user, traits={"email": address_of(user)})
        self.tell("track", userId=user, event="Subscribed", properties={"source": "form", "text_version": "1"})

    def imported(self, user: str, address: str) -> None:
        """A file of contacts says that somebody agreed to be written to."""
        at_ms = now_ms()
        change = ContactChange(channel="email", at_ms=at_ms, address=address)
        proof = replace(change, address="", granted=True, source="form", text_version="1")
        order = Import(SHOP, current_world(self.kafka), at_ms, SECRET.encode())
        with EventWriter(self.kafka) as send:
            for one in (change, proof):
                send(order.contact(UserId(user), one))

    def erase(self, user: str) -> None:
        """The collector is told to."""
        assert self.collector.request("DELETE", f"/v1/users/{user}").status == 202

    def suppressed(self, address: str) -> set[str]:
        """Why an address may not be written to, as all nodes are told."""
        name = address_name(SECRET.encode(), "email", address)
        keys = [split_key(record.key, 4) for record in read_log(self.kafka, SUPPRESSIONS.name)]
        return {key[3] for key in keys if key[2] == name}

    def sent(self, user: str, template: str = NEWS) -> dict[str, Any] | str:
        """What comes of asking for a message: its grant, or why there is none."""
        send_id = f"{user}-{next(self._numbers)}"
        asked = {"send_id": send_id, "template": template, "user": user}
        status, body = self.serving.request("POST", "/v1/send", asked)
        assert status in (200, 202), body
        status, body = self.serving.request("POST", "/v1/deliveries:grant", {"max": 10, "channels": ["file"]})
        assert status == 200, body
        granted = [one for one in json.loads(body)["grants"] if one["send_id"] == send_id]
        if granted:
            told = {"workspace": SHOP, "send_id": send_id, "attempt": 1, "outcome": "sent", "at_ms": now_ms()}
            assert self.serving.request("POST", "/v1/deliveries:told", {"results": [told]})[0] == 200
            found: dict[str, Any] = granted[0]
            return found
        _, body = self.serving.request("GET", f"/v1/users/{user}/sends")
        record = next((one for one in json.loads(body)["sends"] if one["send_id"] == send_id), None)
        if record is None:
            return "erased"  # An erasure takes records along, also one that was made a moment before it.
        return str(record.get("detail") or record.get("reason") or record["state"])

    def is_known(self, user: str) -> bool:
        """Whether the node knows how to reach somebody."""
        return self.sent(user, RECEIPT) not in ("unknown", "no_address", "erased")

    def hand_in(self, mail: bytes, to: str, sender: str = "") -> None:
        """A mail server hands a mail over; returns once it is taken in."""
        with smtplib.LMTP("127.0.0.1", self._lmtp) as client:
            client.sendmail(sender, [to], mail)


def address_of(user: str) -> str:
    return f"{user}@there.example"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, sample_release: Release) -> Iterator[Programs]:
    folder: Path = tmp_path_factory.mktemp("inbound")
    delivery = replace(
        sample_release.settings.delivery,
        sender=Sender("Shop", "post@shop.example"),
        quiet_from=0,
        quiet_until=0,
        caps=(),
        control=0.0,
    )
    release = replace(sample_release, settings=replace(sample_release.settings, delivery=delivery))
    with Broker(folder / "broker") as broker:
        kafka = KafkaSettings(broker.bootstrap)
        ensure_topics(kafka)
        publish_release(kafka, release)
        options = ["--workspace-id", "sample"]
        collector = CollectorProcess(
            folder / "collect.log", free_port(), broker.bootstrap, *options, FORESEND_INSTALLATION_SECRET=SECRET
        )
        own = {"FORESEND_INSTALLATION_SECRET": SECRET, "FORESEND_SERVE_SIGNING_KEYS": KEYS}
        serving = ServeProcess(folder / "node", free_port(), broker.bootstrap, "sample", settings=own)
        lmtp = free_port()
        command = ["inbound", "--port", str(lmtp), "--bootstrap", broker.bootstrap, "--workspace-id", "sample"]
        command += ["--gateway", f"http://127.0.0.1:{serving.port}"]
        settings = {
            "FORESEND_INSTALLATION_SECRET": SECRET,
            "FORESEND_INBOUND_SIGNING_KEYS": KEYS,
            "FORESEND_INBOUND_METRICS_PORT": "0",
        }
        inbound = processes.start(
            processes.Program(
                [sys.executable, "-m", "foresend.cli", *command],
                log=folder / "inbound.log",
                environment={**os.environ, **settings},
            )
        )
        with MiniCluster(folder / "job", {"execution.checkpointing.interval": "1 s"}) as flink:
            try:
                collector.start()
                serving.start()
                flink.run(job_order(kafka, EVENTS.name, folder / "job", secret=SECRET.encode()))
                collector.wait_ready()
                serving.wait_ready()
                yield Programs(kafka, collector, serving, lmtp)
            finally:
                inbound.kill()
                serving.kill()
                collector.kill()


def registered(path: Programs, user: str) -> None:
    path.opt_in(user)
    wait_until(lambda: path.is_known(user), WAIT_S, f"{user} to be known")
    wait_until(lambda: isinstance(path.sent(user), dict), WAIT_S, f"{user} to be written to")


def test_who_was_erased_and_is_imported_again_is_not_mailed(path: Programs) -> None:
    """Given the same address under another id, then nothing of marketing goes there; what was bought is told."""
    registered(path, "ana")
    path.erase("ana")
    wait_until(lambda: path.suppressed(address_of("ana")) == {"erased"}, WAIT_S, "the erasure to be told")
    path.imported("ana-again", address_of("ana"))
    wait_until(lambda: path.is_known("ana-again"), WAIT_S, "the import to be known")
    assert path.sent("ana-again") == "erased"
    assert isinstance(path.sent("ana-again", RECEIPT), dict)
    path.imported("bo", address_of("bo"))
    wait_until(lambda: isinstance(path.sent("bo"), dict), WAIT_S, "somebody else to be written to")


def test_who_was_erased_and_asks_anew_is_mailed_and_starts_empty(path: Programs) -> None:
    registered(path, "cy")
    path.tell("track", userId="cy", event="Content Rated", properties={"genres": ["jazz"]})
    path.erase("cy")
    wait_until(lambda: path.suppressed(address_of("cy")) == {"erased"}, WAIT_S, "the erasure to be told")
    wait_until(lambda: path.sent("cy") == "erased", WAIT_S, "the node to know")
    registered(path, "cy")
    _, body = path.serving.request("GET", "/v1/users/cy/features")
    told = json.loads(body)
    assert not {one["name"]: one["value"] for one in told["features"]}.get("tags")


def test_a_bounce_to_a_send_s_own_address_suppresses_its_person_and_every_other_id(path: Programs) -> None:
    registered(path, "di")
    granted = path.sent("di")
    assert isinstance(granted, dict)
    token = granted["headers"]["return_token"]
    path.hand_in(standard_bounce(recipient="rfc822;passed-on@else.example"), f"bounces+{token}@in.shop.example")
    wait_until(lambda: path.sent("di") == "hard_bounce", WAIT_S, "the bounce to hold")
    assert path.sent("di", RECEIPT) == "hard_bounce"
    assert path.suppressed("passed-on@else.example") == set()
    path.imported("di-too", address_of("di"))
    wait_until(lambda: path.sent("di-too", RECEIPT) == "hard_bounce", WAIT_S, "the address to be known")


def test_a_mail_that_unsubscribes_holds_when_it_is_acknowledged(path: Programs) -> None:
    registered(path, "ed")
    granted = path.sent("ed")
    assert isinstance(granted, dict)
    token = granted["headers"]["unsubscribe_token"]
    path.hand_in(unsubscription(subject=token), "unsubscribe@in.shop.example", address_of("ed"))
    assert path.sent("ed") == "unsubscribed"
    assert isinstance(path.sent("ed", RECEIPT), dict)
    wait_until(lambda: path.suppressed(address_of("ed")) == {"unsubscribed"}, WAIT_S, "the address to be told")
