"""Events of each provider by their own names: the table, and what stands beside it."""

from typing import Any

import pytest

from connectors.webhooks.bounces import bounce_of
from connectors.webhooks.cutting import PIECES_MAX, cut
from connectors.webhooks.mapping import FOLDER, Bounces, load_provider, providers
from connectors.webhooks.normalising import Receipt, normalised, without_address
from connectors.webhooks.paths import text_at
from schemas.errors import ConfigError, Reason, SchemaError
from schemas.events import Event
from schemas.ids import UserId
from schemas.worlds import WorldRef
from tests.support.collecting import NOW_MS, SHOP
from tests.support.webhooks import NOW_S, SECRET

RECEIPT = Receipt(SHOP, NOW_MS, WorldRef(), SECRET)
AT = "2023-11-14T22:13:20Z"


def events(provider: str, payload: Any, receipt: Receipt = RECEIPT) -> list[Event]:
    mapping = providers()[provider]
    found = [normalised(piece, mapping, receipt) for piece in cut(payload, mapping)]
    return [event for event in found if event is not None]


def sendgrid(**fields: Any) -> dict[str, Any]:
    return {"email": "ann@example.com", "timestamp": NOW_S, "sg_event_id": "e1", **fields}


def mailgun(**fields: Any) -> dict[str, Any]:
    return {"event-data": {"recipient": "ann@example.com", "timestamp": NOW_S, "id": "e1", **fields}}


def postmark(**fields: Any) -> dict[str, Any]:
    return {"Recipient": "ann@example.com", "MessageID": "m", "ReceivedAt": AT, **fields}


def ses(**fields: Any) -> dict[str, Any]:
    return {"mail": {"timestamp": AT, "messageId": "m", "destination": ["ann@example.com"]}, **fields}


NAMES = [
    ("sendgrid", sendgrid(event="processed"), "Email Sent"),
    ("sendgrid", sendgrid(event="delivered"), "Email Delivered"),
    ("sendgrid", sendgrid(event="dropped"), "Email Suppressed"),
    ("sendgrid", sendgrid(event="spamreport"), "Email Marked as Spam"),
    ("sendgrid", sendgrid(event="group_unsubscribe"), "Unsubscribed"),
    ("sendgrid", sendgrid(event="group_resubscribe"), "Email Resubscribed"),
    ("ses", ses(eventType="Send"), "Email Sent"),
    ("ses", ses(eventType="DeliveryDelay"), "Email Deferred"),
    ("ses", ses(eventType="Rendering Failure"), "Email Failed"),
    ("ses", ses(notificationType="Bounce", bounce={"bounceSubType": "Suppressed"}), "Email Suppressed"),
    (
        "ses",
        ses(eventType="Subscription", subscription={"newTopicPreferences": {"unsubscribeAll": True}}),
        "Unsubscribed",
    ),
    ("ses", ses(eventType="Subscription", subscription={}), "Unsubscribed"),
    ("postmark", postmark(RecordType="Delivery"), "Email Delivered"),
    ("postmark", postmark(RecordType="Bounce", Type="AutoResponder", Email="ann@example.com"), "Email Received"),
    ("postmark", postmark(RecordType="SubscriptionChange", SuppressSending=False), "Email Resubscribed"),
    (
        "postmark",
        postmark(RecordType="SubscriptionChange", SuppressSending=True, SuppressionReason="HardBounce"),
        "Email Suppressed",
    ),
    ("postmark", postmark(RecordType="SubscriptionChange", SuppressSending=True), "Unsubscribed"),
    ("mailgun", mailgun(event="accepted"), "Email Sent"),
    ("mailgun", mailgun(event="failed", severity="permanent"), "Email Bounced"),
    ("mailgun", mailgun(event="failed", severity="temporary"), "Email Deferred"),
    ("mailgun", mailgun(event="failed", severity="permanent", reason="suppress-bounce"), "Email Suppressed"),
    ("mailgun", mailgun(event="complained"), "Email Marked as Spam"),
]


@pytest.mark.parametrize(("provider", "payload", "name"), NAMES)
def test_names(provider: str, payload: Any, name: str) -> None:
    assert [event.name for event in events(provider, payload)] == [name]


@pytest.mark.parametrize(
    ("provider", "payload", "machine"),
    [
        ("sendgrid", sendgrid(event="open", sg_machine_open=True), "generic"),
        ("sendgrid", sendgrid(event="open", sg_machine_open=False), None),
        ("sendgrid", sendgrid(event="open"), None),
        ("mailgun", mailgun(event="opened", **{"client-info": {"bot": "apple"}}), "apple"),
        ("mailgun", mailgun(event="opened", **{"client-info": {"bot": ""}}), None),
        ("postmark", postmark(RecordType="Open", FirstOpen=True), None),
    ],
)
def test_flags_of_machines(provider: str, payload: Any, machine: str | None) -> None:
    assert events(provider, payload)[0].properties.get("machine") == machine


@pytest.mark.parametrize(
    ("text", "word", "kind", "code"),
    [
        ("smtp; 550 5.1.1 no such user", "soft", "hard", "5.1.1"),
        ("550 5.1.2 bad host", "", "hard", "5.1.2"),
        ("556 5.1.10 null MX", "", "hard", "5.1.10"),
        ("552 5.2.2 mailbox full", "hard", "soft", "5.2.2"),
        ("550 5.7.1 policy", "hard", "block", "5.7.1"),
        ("554 5.7.606 banned", "hard", "block", "5.7.606"),
        ("451 4.7.1 try later", "hard", "soft", "4.7.1"),
        ("550 5.2.1 disabled", "hard", "soft", "5.2.1"),
        ("550 5.1.3 bad syntax", "hard", "soft", "5.1.3"),
        ("550 5.4.4 no route", "hard", "soft", "5.4.4"),
        ("550 5.1.0 rejected", "hard", "hard", "5.1.0"),
        ("550 5.7.0 policy", "hard", "block", "5.7.0"),
        ("550 5.0.0 unknown", "hard", "hard", "5.0.0"),
        ("550 unknown", "hard", "hard", "550"),
        ("452 full", "hard", "soft", "452"),
        ("blocked by 192.5.1.1", "", "soft", ""),
        ("", "", "soft", ""),
    ],
)
def test_a_bounce_is_what_its_code_says_else_what_the_provider_says(text: str, word: str, kind: str, code: str) -> None:
    bounces = Bounces(codes=("text",), paths=("word",), words={"hard": "hard", "soft": "soft"})
    assert bounce_of({"text": text, "word": word}, bounces) == (kind, code)


def test_several_recipients_are_several_events_with_ids_of_their_own() -> None:
    bounced = [
        {"emailAddress": "a@example.com", "diagnosticCode": "smtp; 550 5.1.1 x"},
        {"emailAddress": "b@example.com", "diagnosticCode": "smtp; 552 5.2.2 x"},
    ]
    payload = ses(eventType="Bounce", bounce={"bounceType": "Permanent", "bouncedRecipients": bounced, "timestamp": AT})

    first, second = events("ses", payload)

    assert first.user != second.user
    assert first.id != second.id
    assert (first.properties["bounce_type"], second.properties["bounce_type"]) == ("hard", "soft")


def test_one_that_is_received_is_its_senders() -> None:
    [told] = events("ses", {"notificationType": "Received", "mail": {"source": "ann@example.com", "timestamp": AT}})
    [same] = events("sendgrid", sendgrid(event="open"))
    assert told.user == same.user


def test_a_name_beside_an_address_is_not_part_of_it() -> None:
    header = {"message": {"headers": {"to": "Ann Lee <ann@example.com>"}}}
    [told] = events("mailgun", {"event-data": {"event": "rejected", "timestamp": NOW_S, **header}})
    [same] = events("sendgrid", sendgrid(event="open"))
    assert told.user == same.user


def test_what_bounces_may_be_no_address_and_is_not_told_either() -> None:
    [event] = events("sendgrid", sendgrid(event="bounce", email="not an address"))
    assert event.user.startswith("address-")
    assert "not an" not in repr(event)


def test_our_arguments_may_be_headers_of_the_mail() -> None:
    headers = [{"name": "x-foresend-send-id", "value": "s1"}, {"name": "X-Foresend-User", "value": "ann"}]
    payload = {"eventType": "Open", "mail": {"destination": ["a@example.com"], "timestamp": AT, "headers": headers}}
    [event] = events("ses", payload)
    assert (event.user, event.properties["send_id"]) == ("ann", "s1")


@pytest.mark.parametrize("bad", ["noon", "NaN", "Infinity", -1, 1e30, 10**400, "1e999999"])
def test_times_that_are_none(bad: Any) -> None:
    with pytest.raises(SchemaError):
        events("sendgrid", sendgrid(event="open", timestamp=bad))


def test_a_time_of_seven_decimals_and_another_zone() -> None:
    [event] = events("postmark", postmark(RecordType="Open", ReceivedAt="2023-11-14T18:13:19.1239999-04:00"))
    assert event.at_ms == NOW_MS - 877


def test_without_a_time_it_happened_when_it_was_told() -> None:
    [event] = events("mailgun", {"event-data": {"event": "opened", "recipient": "ann@example.com"}})
    assert event.at_ms == NOW_MS


def test_old_is_refused_at_the_door_and_looked_at_all_the_same() -> None:
    old = sendgrid(event="open", timestamp=1_400_000_000)
    with pytest.raises(SchemaError) as caught:
        events("sendgrid", old)
    looking = Receipt(SHOP, NOW_MS, WorldRef(), SECRET, is_past=True)
    assert caught.value.reason is Reason.TIME_OUT_OF_RANGE
    assert events("sendgrid", old, looking)[0].received_ms == 1_400_000_000_000


def test_nobody_is_refused_unless_one_only_looks() -> None:
    nobody = {"event-data": {"event": "opened", "timestamp": NOW_S}}
    with pytest.raises(SchemaError) as caught:
        events("mailgun", nobody)
    looking = Receipt(SHOP, NOW_MS, WorldRef(), SECRET, unknown=UserId("unknown"))
    assert caught.value.reason is Reason.UNMAPPED
    assert events("mailgun", nobody, looking)[0].user == "unknown"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.example/x?p=1", "https://a.example/x?p=1"),
        ("https://a.example/x?e=ANN%40example.com&p=1", "https://a.example/x"),
        ("https://a.example/x#ann@example.com", "https://a.example/x"),
        ("https://a.example/ann%2540example.com/x", ""),
    ],
)
def test_a_link_does_not_tell_the_address(url: str, kept: str) -> None:
    assert without_address(url, "ann@example.com") == kept


def test_a_list_of_another_system_is_not_one_of_ours() -> None:
    [event] = events("sendgrid", sendgrid(event="group_unsubscribe", asm_group_id=10))
    assert event.properties["provider_list_id"] == "10"
    assert "list_id" not in event.properties


def test_only_mail_that_was_received_has_no_name() -> None:
    [received] = events("mailgun", {"recipient": "us@shop.example", "sender": "ann@example.com", "body-plain": "Hi"})
    assert received.name == "Email Received"
    for provider in ("mailgun", "postmark", "ses"):
        with pytest.raises(SchemaError) as caught:
            events(provider, {"recipient": "ann@example.com", "Recipient": "ann@example.com"})
        assert caught.value.reason is Reason.UNKNOWN_KIND


def test_pieces_are_bounded() -> None:
    assert len(cut([sendgrid(event="open")] * (PIECES_MAX + 1), providers()["sendgrid"])) == PIECES_MAX


def test_paths_lead_through_lists_and_miss_quietly() -> None:
    value = {"a": [{"b": 1}, {"b": 2}], "h": [{"name": "X-A", "value": "v"}], "n": None}
    assert text_at(value, ["a.1.b"]) == "2"
    assert text_at(value, ["h.[x-a]"]) == "v"
    assert text_at(value, ["n", "a.9.b", "a.x", "h.[none]", "a.b.c"]) == ""


def test_a_mapping_with_a_mistake_tells_file_and_line(tmp_path: Any) -> None:
    text = (FOLDER / "postmark.yaml").read_text(encoding="utf-8")
    file = tmp_path / "postmark.yaml"
    file.write_text(text.replace("unit: iso", "unit: hours"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"postmark.yaml:\d+: time.unit"):
        load_provider(file)
