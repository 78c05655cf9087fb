"""Providers' requests at the collector's door."""

import gzip
import json

import pytest

from connectors.contacts.addresses import address_user
from schemas.errors import Reason
from schemas.keys import split_key
from tests.support.asgi import request
from tests.support.collecting import NOW_MS, SHOP
from tests.support.sns_signing import CERTIFICATE_URL, SUBSCRIBE_URL, confirmation
from tests.support.webhooks import (
    NOW_S,
    SECRET,
    SIGNINGS,
    STORE,
    Signed,
    WebhookRig,
    by_mailgun,
    by_postmark,
    by_sendgrid,
    sns_signer,
)

CLICK = {
    "event": "click",
    "email": "ann@example.com",
    "timestamp": NOW_S - 60,
    "sg_event_id": "e1",
    "url": "https://shop.example/",
    "ip": "192.0.2.77",
    "foresend_send_id": "s1",
    "foresend_user": "ann",
}


@pytest.fixture
def rig() -> WebhookRig:
    return WebhookRig()


def test_what_is_believed_is_written_raw_and_normalised(rig: WebhookRig) -> None:
    signed = by_sendgrid([CLICK])

    answer = rig.post("sendgrid", signed, **{"content-type": "application/json"})

    assert (answer.status, answer.json) == (200, {"accepted": 1, "refused": []})
    raw, event = rig.log.records
    assert (raw.topic, event.topic) == ("webhooks", "events")
    assert split_key(raw.key, 3)[:2] == (SHOP, "sendgrid")
    [kept] = rig.raw
    assert (kept.body, kept.provider, kept.received_ms) == (signed.body, "sendgrid", NOW_MS)
    assert kept.content_type == "application/json"
    [found] = rig.log.events
    assert (found.user, found.name, found.anonymous) == ("ann", "Email Link Clicked", False)
    assert found.properties["send_id"] == "s1"
    assert found.context == {"ip": "192.0.2.0"}
    assert b"ann@example.com" not in event.value
    assert rig.counted("sendgrid", "accepted") == 1


def test_whoever_has_no_name_is_named_by_the_address(rig: WebhookRig) -> None:
    rig.post("sendgrid", by_sendgrid([{**CLICK, "foresend_user": ""}], STORE))

    [found] = rig.log.events
    assert (found.workspace, found.user) == (STORE, address_user(SECRET, "ann@example.com"))
    assert found.anonymous


@pytest.mark.parametrize("provider", SIGNINGS)
def test_a_changed_body_is_refused_and_nothing_written(rig: WebhookRig, provider: str) -> None:
    signed = SIGNINGS[provider]({"event": "open"})
    tampered = {
        "sendgrid": Signed(signed.body.replace(b"open", b"0pen"), signed.headers),
        "ses": Signed(signed.body.replace(b"open", b"0pen")),
        "postmark": Signed(signed.body, {}),
        "mailgun": Signed(signed.body.replace(b"aaaa", b"aaab", 1)),
    }[provider]

    answer = rig.post(provider, tampered)

    assert answer.status in (401, 403)
    assert answer.headers["content-type"] == "application/problem+json"
    assert rig.log.records == []
    assert rig.counted(provider, answer.json["reason"]) == 1


def test_postmark_is_asked_for_a_password(rig: WebhookRig) -> None:
    assert rig.post("postmark", Signed(b"{}")).headers["www-authenticate"].startswith("Basic")


def test_an_unknown_event_goes_to_the_dead_letters_and_is_not_sent_again(rig: WebhookRig) -> None:
    answer = rig.post("sendgrid", by_sendgrid([CLICK, {**CLICK, "event": "teleport"}, {**CLICK, "timestamp": "noon"}]))

    assert (answer.status, answer.json["accepted"]) == (200, 1)
    assert answer.json["refused"] == ["unknown_kind", "wrong_type"]
    assert [letter.reason for letter in rig.log.dead_letters] == [Reason.UNKNOWN_KIND, Reason.WRONG_TYPE]
    assert json.loads(rig.log.dead_letters[0].payload)["event"] == "teleport"
    assert rig.log.dead_letters[0].source == "webhooks/sendgrid"
    assert len(rig.raw) == 1


def test_what_happened_too_long_ago_is_refused_at_the_door(rig: WebhookRig) -> None:
    rig.post("sendgrid", by_sendgrid([{**CLICK, "timestamp": NOW_S - 91 * 86_400}]))
    assert [letter.reason for letter in rig.log.dead_letters] == [Reason.TIME_OUT_OF_RANGE]


def test_nobody_at_all_is_refused(rig: WebhookRig) -> None:
    rig.post("mailgun", by_mailgun({"event": "opened", "timestamp": NOW_S}))
    assert [letter.reason for letter in rig.log.dead_letters] == [Reason.UNMAPPED]


def test_what_is_no_json_is_a_dead_letter_if_it_is_believed(rig: WebhookRig) -> None:
    for provider, signed in (("sendgrid", by_sendgrid(b"{no")), ("postmark", by_postmark(b"{no"))):
        answer = rig.post(provider, signed)
        assert (answer.status, answer.json["reason"]) == (400, "not_json")
    assert [letter.payload for letter in rig.log.dead_letters] == [b"{no", b"{no"]
    assert rig.raw == []


def test_what_is_no_json_and_cannot_be_believed_leaves_nothing(rig: WebhookRig) -> None:
    for provider in ("ses", "mailgun"):
        assert rig.post(provider, Signed(b"{no")).status == 400
    assert rig.log.records == []


def test_a_body_may_be_compressed(rig: WebhookRig) -> None:
    signed = by_sendgrid([CLICK])
    packed = Signed(gzip.compress(signed.body), signed.headers)

    assert rig.post("sendgrid", packed, **{"content-encoding": "gzip"}).status == 200
    assert rig.raw[0].body == signed.body


def test_broker_down_is_503_and_mailgun_may_send_its_token_again(rig: WebhookRig) -> None:
    event = {"event": "opened", "timestamp": NOW_S, "recipient": "ann@example.com", "id": "m1"}
    rig.log.is_failing = True
    assert rig.post("mailgun", by_mailgun(event)).status == 503

    rig.log.is_failing = False
    assert rig.post("mailgun", by_mailgun(event)).status == 200
    assert rig.post("mailgun", by_mailgun(event)).status == 403
    assert len(rig.log.events) == 1
    assert rig.counted("mailgun", "replayed") == 1


def test_a_subscription_is_confirmed_and_tells_of_nobody(rig: WebhookRig) -> None:
    answer = rig.post("ses", Signed(sns_signer().sign(confirmation())))

    assert (answer.status, answer.json["accepted"]) == (200, 0)
    assert rig.amazon.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]
    assert (rig.log.events, rig.log.dead_letters) == ([], [])


def test_a_subscription_that_cannot_be_confirmed_now_is_sent_again(rig: WebhookRig) -> None:
    rig.amazon.is_away = True
    answer = rig.post("ses", Signed(sns_signer().sign(confirmation())))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_paths_and_methods(rig: WebhookRig) -> None:
    assert rig.post("brevo", by_sendgrid([CLICK])).status == 404
    assert request(rig.app, "GET", "/webhooks/sendgrid").status == 405


def test_the_same_bytes_are_the_same_event(rig: WebhookRig) -> None:
    event = {**CLICK, "sg_event_id": ""}
    for _ in range(2):
        rig.post("sendgrid", by_sendgrid([event]))
    first, second = rig.log.events
    assert first.id == second.id
    assert first.record_id != second.record_id
