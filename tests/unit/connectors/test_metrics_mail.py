"""What becomes of mails is counted where it enters, once."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from connectors.cache.disk_sizes import DiskSizes
from connectors.metrics.mail import MailMeter, mail_event
from connectors.metrics.making import page_of
from connectors.metrics.of_collect import MAIL_EVENTS
from schemas.sending import Outcome
from tests.support.asgi import request
from tests.support.collecting import KEY, Rig
from tests.support.delivering import LedgerInProcess


@pytest.mark.parametrize(
    ("name", "properties", "event"),
    [
        ("Email Bounced", {"bounce_type": "hard"}, "bounced_hard"),
        ("Email Bounced", {"bounce_type": "block"}, "bounced_soft"),
        ("Email Bounced", {}, "bounced_soft"),
        ("Email Marked as Spam", {}, "complained"),
        ("Unsubscribed", {}, "unsubscribed"),
        ("Subscribed", {}, ""),
        ("Product Viewed", {"bounce_type": "hard"}, ""),
    ],
)
def test_an_event_tells_what_became_of_a_mail(name: str, properties: dict[str, str], event: str) -> None:
    assert mail_event(name, properties) == event
    assert not event or event in MAIL_EVENTS


def test_what_is_of_no_mail_is_not_counted() -> None:
    registry = CollectorRegistry()
    MailMeter(registry).add("shop", {"": 5, "sent": 2})
    assert [line for line in page_of(registry).decode().splitlines() if line[:1] != "#"] == [
        'foresend_mail_events_total{event="sent",workspace="shop"} 2.0'
    ]


def test_the_size_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "one.sst").write_bytes(b"x" * 1_000)
    (tmp_path / "two").write_bytes(b"x" * 24)
    sizes = DiskSizes(tmp_path)
    assert sizes.used_bytes == 1_024
    assert 0 < sizes.free_bytes < sizes.size_bytes


def samples(rig: Rig, name: str) -> dict[str, float]:
    lines = [line for line in rig.meters.page().decode().splitlines() if line.startswith(name)]
    return {labels: float(value) for labels, value in (line.rsplit(" ", 1) for line in lines)}


COMPLAINT = {"userId": "ana", "event": "Email Marked as Spam", "properties": {"send_id": "1"}}


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_the_collector_counts_what_it_is_told_of_mails(path: str) -> None:
    rig = Rig()
    body = COMPLAINT if path == "/v1/track" else {"batch": [COMPLAINT | {"type": "track"}]}

    assert rig.post(path, body).status in (200, 202)

    assert samples(rig, "foresend_mail_events_total") == {
        'foresend_mail_events_total{event="complained",workspace="shop"}': 1.0
    }


def test_what_kafka_has_not_is_not_counted() -> None:
    """Mutant: count as it is read; then a client that sends again is two complaints."""
    rig = Rig()
    rig.log.is_failing = True
    assert rig.post("/v1/track", COMPLAINT).status == 503
    assert request(rig.app, "DELETE", "/v1/users/ana", b"", {"authorization": KEY}).status == 503
    assert samples(rig, "foresend_mail_events_total") == {}
    assert samples(rig, "foresend_erasures_asked_total") == {}


def test_an_erasure_that_was_asked_for_is_counted() -> None:
    rig = Rig()
    assert request(rig.app, "DELETE", "/v1/users/ana", b"", {"authorization": KEY}).status == 202
    assert samples(rig, "foresend_erasures_asked_total") == {'foresend_erasures_asked_total{workspace="shop"}': 1.0}


def test_readiness_is_as_readyz_tells_it() -> None:
    rig = Rig()
    assert samples(rig, "foresend_ready") == {"foresend_ready": 1.0}
    rig.log.is_writable = False
    assert request(rig.app, "GET", "/readyz", b"", {}).status == 503
    assert samples(rig, "foresend_ready") == {"foresend_ready": 0.0}


def test_a_node_counts_what_its_workers_tell(tmp_path: Path) -> None:
    """Mutant: count outcomes as they are told; then one that is told again is two."""
    node = LedgerInProcess(tmp_path / "cache")
    told = (("anna", Outcome.SENT, "2.0.0"), ("bert", Outcome.HARD, "5.1.1"))
    for user, outcome, code in told:
        node.person(user)
        node.ask(f"to-{user}", user)
        [grant] = node.grant()
        node.tell(grant, outcome, code)
        node.tell(grant, outcome, code)

    lines = [line for line in page_of(node.node.registry).decode().splitlines() if "mail_events_total{" in line]
    assert sorted(line.split(",")[0] + " " + line.rsplit(" ", 1)[1] for line in lines) == [
        'foresend_mail_events_total{event="bounced_hard" 1.0',
        'foresend_mail_events_total{event="sent" 1.0',
    ]
    node.close()
