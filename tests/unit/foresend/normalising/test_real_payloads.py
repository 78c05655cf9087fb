"""Real payloads of ../shared/data/webhook-payloads: what is accepted, what is refused, and twenty field by field."""

import hmac
import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from foresend.commands.events import line_of
from foresend.normalising.files import payloads
from foresend.normalising.outcomes import REASONS
from foresend.normalising.recognising import Looking

DATA = Path(__file__).parents[5] / "shared/data/webhook-payloads"
SECRET = b"a secret for looking at examples"
LOOKING = Looking(provider="", now_ms=1_700_000_000_000, secret=SECRET)
EXPECTED = YAML(typ="safe").load(Path(__file__).with_name("expected_webhooks.yaml").read_text(encoding="utf-8"))
OF_THE_FOUR = {
    "anymail-sendgrid": "sendgrid",
    "sendgrid-nodejs": "sendgrid",
    "anymail-amazon_ses": "ses",
    "anymail-postmark": "postmark",
    "anymail-mailgun": "mailgun",
}
ACCEPTED = {*OF_THE_FOUR, "segment-spec", "client-captures"}
MIXED = "aws-lambda-go"
"""Mails that SES received are taken; messages of other services are not."""

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="../shared/data/webhook-payloads is absent")


@cache
def lines() -> list[dict[str, Any]]:
    return [line_of(payload, LOOKING) for payload in payloads([DATA])]


def of_file(name: str) -> dict[str, Any]:
    found = [line for line in lines() if line["file"] == str(DATA / name)]
    if not found:
        pytest.skip(f"{name} is absent")
    return found[0]


def folder(line: dict[str, Any]) -> str:
    return Path(line["file"]).parent.name


def test_every_payload_of_providers_spec_and_clients_is_accepted() -> None:
    found = [line for line in lines() if folder(line) in ACCEPTED]

    assert [line["file"] for line in found if line["status"] != "accepted" or not line["events"] or line["lost"]] == []
    assert set(map(folder, found)) == ACCEPTED


def test_payloads_are_known_for_their_providers() -> None:
    told = {(folder(line), line["provider"]) for line in lines() if folder(line) in OF_THE_FOUR}
    assert told == set(OF_THE_FOUR.items())


def test_every_other_is_refused_with_a_reason_of_the_list() -> None:
    found = [line for line in lines() if folder(line) not in ACCEPTED | {MIXED}]

    assert found
    assert [line["file"] for line in found if line["status"] != "refused" or line["events"]] == []
    assert {line["reason"] for line in found} == {"unknown_provider", "no_call"}
    assert {line["reason"] for line in found} <= set(REASONS)


def test_of_amazon_only_mail_is_taken() -> None:
    found = {Path(line["file"]).name: line for line in lines() if folder(line) == MIXED}
    accepted = {name for name, line in found.items() if line["status"] == "accepted"}
    assert accepted == {name for name in found if name.startswith("ses-")}
    assert {line["reason"] for line in found.values()} == {"", "unknown_provider"}


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: f"{one['file']}-{one.get('event', 0)}")
def test_field_by_field(expected: dict[str, Any]) -> None:
    line = of_file(expected["file"])

    assert (line["provider"], line["status"]) == (expected["provider"], "accepted")
    assert len(line["events"]) == expected.get("events", 1)
    event = line["events"][expected.get("event", 0)]
    assert {name: event.get(name) for name in expected["is"]} == expected["is"]
    if "address" in expected:
        digest = hmac.new(SECRET, f"email|{expected['address']}".encode(), sha256).hexdigest()
        assert event["user"] == f"address-{digest[:32]}"
        assert expected["address"] not in json.dumps(event)


def test_there_are_twenty_of_them_of_every_source() -> None:
    assert len(EXPECTED) >= 20
    assert {one["provider"] for one in EXPECTED} == {"sendgrid", "ses", "postmark", "mailgun", "segment", "snowplow"}


def test_a_signed_request_verifies_and_with_any_byte_changed_it_does_not() -> None:
    request = json.loads((DATA / "sendgrid-nodejs/signed_request.json").read_text(encoding="utf-8"))
    body = request["body"]

    for number in range(len(body)):
        changed = body[:number] + chr(ord(body[number]) ^ 1) + body[number + 1 :]
        assert _reason({**request, "body": changed}) == "bad_signature"
    assert _reason({**request, "body": body.rstrip("\r\n")}) == "bad_signature"
    assert _reason(request) == ""


def _reason(value: dict[str, Any]) -> str:
    [payload] = list(payloads([DATA / "sendgrid-nodejs/signed_request.json"]))
    reason: str = line_of(type(payload)(payload.file, 0, value), LOOKING)["reason"]
    return reason


def test_looking_twice_gives_the_same() -> None:
    assert [line_of(payload, LOOKING) for payload in payloads([DATA])] == lines()
