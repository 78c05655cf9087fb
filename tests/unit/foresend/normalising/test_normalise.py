"""What is recognised, what is filled in, and what is refused with which reason."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.webhooks.mapping import providers
from foresend import cli
from foresend.commands.events import line_of
from foresend.normalising.files import Payload, payloads
from foresend.normalising.outcomes import REASONS
from foresend.normalising.recognising import FORMATS, Looking
from tests.support.collecting import SHOP
from tests.support.webhooks import by_sendgrid, public_text, sendgrid_key

NOW_MS = 1_700_000_000_000
LOOKING = Looking("", NOW_MS, b"a secret for looking")
CALL = {"type": "track", "event": "Product Viewed", "userId": "ann", "properties": {"price": 5}}
OPEN = [{"event": "open", "email": "ann@example.com", "timestamp": 1_500_000_000, "sg_event_id": "e1"}]


def line(value: Any, provider: str = "", is_whole: bool = False) -> dict[str, Any]:
    return line_of(Payload(Path("p.json"), 0, value), Looking(provider, NOW_MS, LOOKING.secret), is_whole)


def packed(event: Any, **fields: Any) -> dict[str, Any]:
    body = json.dumps({"data": {"schema": "iglu:com.segment/track/jsonschema/1-0-0", "data": event}}).encode()
    data = [{"e": "ue", "ue_px": base64.urlsafe_b64encode(body).decode().rstrip("="), **fields}]
    return {"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": data}


def test_a_call_is_told_by_the_names_of_the_spec_and_by_ours() -> None:
    found = line({**CALL, "messageId": "m1", "timestamp": "2015-02-23T22:28:55.111Z"})

    assert (found["provider"], found["status"], found["reason"], found["filled"]) == ("segment", "accepted", "", [])
    [event] = found["events"]
    assert event["type"] == event["kind"] == "track"
    assert event["event"] == event["name"] == "Product Viewed"
    assert (event["messageId"], event["userId"], event["user"]) == ("m1", "ann", "ann")
    assert event["timestamp"] == "2015-02-23T22:28:55.111+00:00"
    assert event["properties"] == {"price": 5}


def test_a_time_that_was_corrected_is_not_corrected_again() -> None:
    times = {"timestamp": "2015-12-12T19:11:01.249Z", "sentAt": "2015-12-12T19:11:01.169Z"}
    [corrected] = line({**CALL, **times, "receivedAt": "2015-12-12T19:11:01.266Z"})["events"]
    assert corrected["timestamp"].endswith("01.249+00:00")


def test_times_that_contradict_each_other_are_examples() -> None:
    [event] = line({**CALL, "timestamp": "2012-01-01T00:00:00Z", "sentAt": "2015-01-01T00:00:00Z"})["events"]
    assert event["timestamp"].startswith("2012-01-01")


@pytest.mark.parametrize(
    ("value", "filled", "expected"),
    [
        ({"type": "track", "event": "X"}, ["user"], {"anonymousId": "unknown", "event": "X"}),
        ({"type": "track", "userId": "ann"}, ["event"], {"event": "unknown"}),
        ({"event": "X", "properties": {}}, ["type", "user"], {"type": "track"}),
        ({"traits": {"plan": "pro"}, "userId": "ann"}, ["type"], {"type": "identify"}),
        ({"context": {"locale": "de-DE"}}, ["type", "user"], {"type": "identify"}),
        ({"type": "group", "userId": "ann"}, ["group"], {"properties": {"groupId": "unknown"}}),
        ({"action": "alias", "user_id": "ann"}, ["previous"], {"linked": "unknown"}),
        ({"userId": "ann", "traits": {}, "own": 1}, ["type"], {"type": "identify", "userId": "ann"}),
        ({"groupId": "g", "traits": {}}, ["type", "user"], {"type": "group"}),
        ({"name": "Home", "properties": {}}, ["type", "user"], {"type": "page", "name": "Home"}),
    ],
)
def test_what_examples_leave_out_is_filled_in_and_told(value: Any, filled: list[str], expected: dict[str, Any]) -> None:
    found = line(value)
    assert (found["status"], found["filled"]) == ("accepted", filled)
    [event] = found["events"]
    assert {name: event.get(name) for name in expected} == expected


@pytest.mark.parametrize("told", [1_500_000_000, 1_500_000_000_000, 1_500_000_000.0])
def test_times_may_be_numbers(told: float) -> None:
    [event] = line({**CALL, "timestamp": told})["events"]
    assert event["at_ms"] == 1_500_000_000_000


def test_the_same_bytes_are_the_same_event() -> None:
    assert line(CALL)["events"][0]["id"] == line(CALL)["events"][0]["id"]


def test_of_a_batch_each_call_is_taken_or_lost_by_itself() -> None:
    found = line({"batch": [CALL, {**CALL, "properties": "no object"}, CALL], "sentAt": "2015-02-23T22:28:55Z"})
    assert (found["status"], len(found["events"])) == ("accepted", 2)
    assert [(one["index"], one["reason"]) for one in found["lost"]] == [(1, "wrong_type")]


def test_what_a_workspace_would_not_store_is_left_out_unless_all_is_asked_for() -> None:
    call = {"type": "identify", "userId": "ann", "traits": {"email": "ann@example.com", "plan": "pro"}}
    call["context"] = {"ip": "192.0.2.77"}
    [reduced] = line(call)["events"]
    [whole] = line(call, is_whole=True)["events"]
    assert (reduced["traits"], reduced["context"]["ip"]) == ({"plan": "pro"}, "192.0.2.0")
    assert (whole["traits"]["email"], whole["context"]["ip"]) == ("ann@example.com", "192.0.2.77")


def test_a_recorded_request_is_what_it_carries() -> None:
    body = base64.b64encode(gzip.compress(json.dumps({"batch": [CALL]}).encode())).decode()
    recorded = {"method": "POST", "path": "/v1/batch", "headers": {"Content-Encoding": "gzip"}, "body_b64": body}
    assert line(recorded)["events"][0]["event"] == "Product Viewed"
    assert line({**recorded, "body_b64": "AAAA"})["reason"] == "not_json"
    assert line({**recorded, "body_b64": "no base64"})["reason"] == "wrong_type"
    assert line({"headers": {}, "body": "{no"})["reason"] == "not_json"


def test_a_request_of_sendgrid_with_its_key_is_verified() -> None:
    signed = by_sendgrid(OPEN)
    body = signed.body.decode()
    request = {"headers": signed.headers, "public_key": public_text(sendgrid_key(SHOP)), "body": body}
    assert line(request)["provider"] == "sendgrid"
    assert line({**request, "body": body.replace("open", "0pen")})["reason"] == "bad_signature"
    assert line({**request, "headers": {}})["reason"] == "bad_signature"
    assert line({**request, "public_key": "none"})["reason"] == "bad_signature"


def test_a_cloud_event_is_what_it_carries() -> None:
    around = {"specversion": "1.0", "id": "1", "source": "//a", "type": "a.b"}
    data = base64.b64encode(json.dumps(CALL).encode()).decode()
    whole: list[Any] = [{"data": CALL}, {"data": json.dumps(CALL)}, {"data_base64": data}]
    for wrapped in whole:
        assert line({**around, **wrapped})["events"][0]["userId"] == "ann"
    none: list[Any] = [{"data": "Hello"}, {}, {"data": {"msg": "Hello"}}, {"data_base64": "A"}]
    for wrapped in none:
        assert line({**around, **wrapped})["reason"] == "no_call"


def test_snowplow_wraps_calls() -> None:
    [event] = line(packed({"event": "X", "properties": {"a": 1}}, uid="ann", eid="e1", dtm="1500000000123"))["events"]
    assert (event["event"], event["userId"], event["id"], event["at_ms"]) == ("X", "ann", "e1", 1_500_000_000_123)
    page = packed({}, e="pv", url="https://a.example/", page="Home", duid="d1")
    [viewed] = line(page)["events"]
    assert (viewed["type"], viewed["name"], viewed["anonymousId"]) == ("page", "Home", "d1")
    assert line(packed({}, e="pp", uid="ann"))["reason"] == "unknown_kind"


def test_metarank_and_gorse_are_converted() -> None:
    click = {
        "event": "interaction",
        "id": "1",
        "timestamp": "1599391467000",
        "user": "ann",
        "type": "click",
        "item": "i1",
    }
    [event] = line(click)["events"]
    assert (event["event"], event["user"], event["at_ms"]) == ("click", "ann", 1_599_391_467_000)
    assert event["properties"] == {"product_id": "i1"}
    ranking = {**click, "event": "ranking", "items": [{"id": "i1"}, {"id": "i2"}]}
    assert line(ranking)["events"][0]["event"] == "Product List Viewed"
    user = {**click, "event": "user", "fields": [{"name": "plan", "value": "pro"}]}
    assert line(user)["events"][0]["traits"] == {"plan": "pro"}
    assert line({**click, "event": "item"})["reason"] == "unknown_kind"

    rows = [{"FeedbackType": "read", "UserId": "ann", "ItemId": "i1", "Timestamp": "2020-01-01T00:00:00Z"}]
    [read] = line(rows)["events"]
    assert (read["event"], read["properties"]) == ("read", {"product_id": "i1"})


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, [1], {"event": "processed"}, {"type": "email.opened", "data": {}}, {"headers": {}}]
)
def test_anything_else_is_of_no_known_provider(value: Any) -> None:
    found = line(value)
    assert (found["status"], found["reason"], found["events"]) == ("refused", "unknown_provider", [])


@pytest.mark.parametrize(
    "value",
    [
        {"event": "click", "email": "a@example.com", "ts_epoch": 1_520_363_423_000, "message-id": "<1@a>"},
        [{"event": "open", "time": 1_498_093_527, "MessageID": 1, "email": "a@example.com"}],
        {"events": [{"event": "open", "email": "a@example.com", "timestamp": 1_498_093_527}]},
        [{"event": "send", "msg": {"email": "a@example.com"}, "_id": "1", "ts": 1_461_095_246}],
        {"event": "MessageHeld", "timestamp": 1_606_753_101.3, "payload": {"status": "Held"}},
        {"event": "page_view", "user_id": "ann", "event_id": "1", "app_id": "a"},
    ],
)
def test_other_vendors_are_not_taken_for_one_of_the_four(value: Any) -> None:
    assert line(value)["reason"] == "unknown_provider"


def test_a_provider_that_is_named_is_the_only_one() -> None:
    assert line(OPEN, "sendgrid")["status"] == "accepted"
    assert line(CALL, "sendgrid")["reason"] == "other_provider"
    assert line(OPEN, "segment")["reason"] == "other_provider"
    assert line("x", "ses")["reason"] == "other_provider"
    assert line([{**OPEN[0], "event": "teleport"}], "sendgrid")["reason"] == "unknown_kind"


def test_a_subscription_tells_of_nobody_and_is_accepted() -> None:
    confirmation = {"Type": "SubscriptionConfirmation", "TopicArn": "arn", "SubscribeURL": "https://a", "Message": "x"}
    assert (line(confirmation)["status"], line(confirmation)["events"]) == ("accepted", [])


def test_files_of_every_form(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(CALL), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(f"{json.dumps(CALL)}\n\n{{no\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_text("type: track\nevent: X\n---\ntype: track\nevent: Y\n", encoding="utf-8")
    (tmp_path / "d.txt").write_text("[ { email: 'ann@example.com', event: 'open', timestamp: 1 } ]", encoding="utf-8")
    (tmp_path / "e.txt").write_text("only words", encoding="utf-8")
    (tmp_path / "f.bin").write_bytes(b"\xff")

    found = [line_of(one, LOOKING) for one in payloads([tmp_path, tmp_path / "f.bin", tmp_path / "none.json"])]

    assert [(Path(one["file"]).name, one["index"], one["status"], one["reason"]) for one in found] == [
        ("a.json", 0, "accepted", ""),
        ("b.jsonl", 0, "accepted", ""),
        ("b.jsonl", 1, "refused", "not_json"),
        ("c.yaml", 0, "accepted", ""),
        ("c.yaml", 1, "accepted", ""),
        ("d.txt", 0, "accepted", ""),
        ("e.txt", 0, "refused", "not_json"),
        ("f.bin", 0, "refused", "bad_utf8"),
        ("none.json", 0, "refused", "unreadable"),
    ]


def test_the_command_prints_one_object_a_payload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(json.dumps(OPEN), encoding="utf-8")
    (tmp_path / "b.json").write_text("[]", encoding="utf-8")

    assert cli.main(["events", "normalise", str(tmp_path), "--json"]) == 0

    accepted, refused = (json.loads(one) for one in capsys.readouterr().out.splitlines())
    assert {"file", "provider", "status", "events", "reason"} <= accepted.keys()
    assert accepted["events"][0]["event"] == "Email Opened"
    assert (refused["status"], refused["reason"]) == ("refused", "unknown_provider")


def test_the_command_tells_in_words_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(json.dumps(OPEN), encoding="utf-8")
    assert cli.main(["events", "normalise", str(tmp_path / "a.json"), "--provider", "sendgrid"]) == 0
    captured = capsys.readouterr()
    assert captured.out.endswith("a.json:0: sendgrid: Email Opened\n")
    assert captured.err == "1 accepted, 0 refused\n"


def test_the_lists_are_closed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["events", "normalise", "--help"])
    printed = capsys.readouterr().out
    assert all(reason in printed for reason in REASONS)
    assert all(name in printed for name in [*providers(), *FORMATS])
