"""Recorded requests of published clients, sent once more as they were: they work unchanged."""

import base64
import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.collector.app import CollectorApp
from connectors.collector.keys import WriteKeys
from connectors.collector.meters import Meters
from schemas.events import Event, EventKind
from tests.support.asgi import Response, request
from tests.support.collecting import SHOP, FixedWorld, MemoryLog

CAPTURES = Path(__file__).parents[4] / "shared/data/webhook-payloads/client-captures"
KEY = "testwritekey"
SKEW_MS = 3 * 3_600_000
SENT_AT = "2026-11-23T00:21:16.000Z"
SENT_MS = int(datetime.fromisoformat(SENT_AT).timestamp() * 1000)


def sent(requests: list[dict[str, Any]], clock_ms: int = SENT_MS) -> tuple[list[Response], list[Event]]:
    """What a collector answers to recorded requests, and the events it writes of them."""
    log = MemoryLog()
    app = CollectorApp(WriteKeys({KEY: SHOP}), log, FixedWorld(), Meters(), clock=lambda: clock_ms)
    answers = []
    for one in requests:
        body = base64.b64decode(one["body_b64"]) if "body_b64" in one else one["body"].encode()
        answers.append(request(app, one["method"], one["path"], body, one["headers"]))
    return answers, [event for event in log.events if event.kind not in (EventKind.CONTACT, EventKind.LINK)]


def calls_of(recorded: dict[str, Any]) -> list[dict[str, Any]]:
    body = recorded["body"].encode() if "body" in recorded else gzip.decompress(base64.b64decode(recorded["body_b64"]))
    calls: list[dict[str, Any]] = json.loads(body)["batch"]
    return calls


def small_capture(as_gzip: bool) -> dict[str, Any]:
    """A request as `segment-analytics-python` 2.4.0 sends it."""
    batch = [
        {
            "integrations": {},
            "anonymousId": None,
            "properties": {"account_name": "Initech"},
            "timestamp": "2026-11-23T00:21:15.902+00:00",
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "userId": "019mr8mf4r",
            "type": "track",
            "event": "Account Created",
            "messageId": "3b3e2d49-3775-42ca-9d29-e99d464edde2",
        }
    ]
    body = json.dumps({"batch": batch, "sentAt": SENT_AT}).encode()
    headers = {
        "User-Agent": "analytics-python/2.4.0",
        "Authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode(),
    }
    if as_gzip:
        packed = base64.b64encode(gzip.compress(body)).decode()
        return {
            "method": "POST",
            "path": "/v1/batch",
            "headers": {**headers, "Content-Encoding": "gzip"},
            "body_b64": packed,
        }
    return {"method": "POST", "path": "/v1/batch", "headers": headers, "body": body.decode()}


@pytest.mark.parametrize("as_gzip", [False, True])
@pytest.mark.parametrize("skew_ms", [0, SKEW_MS, -SKEW_MS])
def test_a_client_with_a_wrong_clock_is_set_right(as_gzip: bool, skew_ms: int) -> None:
    answers, events = sent([small_capture(as_gzip)], clock_ms=SENT_MS + skew_ms)

    assert [answer.status for answer in answers] == [202]
    (event,) = events
    assert (event.user, event.anonymous, event.name) == ("019mr8mf4r", False, "Account Created")
    assert event.received_ms - event.at_ms == 98, "as long before it was received as before it was sent"


@pytest.mark.parametrize("file", sorted(CAPTURES.glob("segment-*.jsonl")) or ["none"], ids=lambda file: Path(file).stem)
def test_recorded_requests_are_taken_whole(file: Path | str) -> None:
    if isinstance(file, str):
        pytest.skip("../shared/data/webhook-payloads is absent")
    requests = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    calls = [call for one in requests for call in calls_of(one)]

    answers, events = sent(requests)

    assert {answer.status for answer in answers} == {202}
    assert [answer.json["refused"] for answer in answers] == [[]] * len(requests)
    assert [event.id for event in events] == [call["messageId"] for call in calls]
    for event, call in zip(events, calls, strict=True):
        assert event.kind == call["type"]
        assert event.user == str(call.get("userId") or call.get("anonymousId"))
        assert event.anonymous == (not call.get("userId"))
        assert event.name == call.get("event", call.get("name") or "")
