"""`foresend send` and `foresend sends`: what is asked of a gateway, and how its answers are told."""

import json
from typing import Any

import pytest

from foresend.cli import main
from tests.support.answering import gateway

SEND: dict[str, Any] = {
    "send_id": "s1",
    "template": "news",
    "state": "skipped",
    "asked_ms": 1_760_000_000_000,
    "due_ms": 1_760_000_000_000,
    "granted_ms": 0,
    "ended_ms": 1_760_000_001_000,
    "reason": "suppressed",
    "detail": "unsubscribed",
    "fallback": "",
    "status": "",
}
TOLD: dict[str, Any] = {
    "workspace": "shop",
    "user": "a/b",
    "sends": [SEND, {**SEND, "state": "sent", "reason": "", "detail": ""}],
}


def test_a_send_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.dumps({"send_id": "s1", "state": "queued", "due_ms": 5}).encode()
    with gateway(202, answer) as (url, asked):
        assert main(["send", "news", "ann", "--send-id", "s1", "--url", url, "--key", "secret", "--json"]) == 0
    assert asked == [("/v1/send", "Bearer secret")]
    assert json.loads(capsys.readouterr().out) == {"send_id": "s1", "state": "queued", "due_ms": 5}


@pytest.mark.parametrize("at", ["tomorrow", "2026-12-24T18:00:00"])
def test_a_time_without_its_zone_is_refused(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", "news", "ann", "--at", at]) == 2
    assert "--at: expected a time with its zone" in capsys.readouterr().err


def test_what_is_refused_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(404, b'{"detail": "expected a template of the newest release"}') as (url, _):
        assert main(["send", "news", "ann", "--url", url]) == 1
    assert "newest release (HTTP 404)" in capsys.readouterr().err


def test_each_send_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(200, json.dumps(TOLD).encode()) as (url, asked):
        assert main(["sends", "a/b", "--url", url, "--json"]) == 0
    assert asked[0][0] == "/v1/users/a%2Fb/sends"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"user": "a/b", **send} for send in TOLD["sends"]]


def test_people_read_what_became_of_each(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with gateway(200, json.dumps(TOLD).encode()) as (url, _):
        assert main(["sends", "a/b", "--url", url]) == 0
    _, first, second = capsys.readouterr().out.splitlines()
    assert "skipped: unsubscribed" in first
    assert "2025-10-09 08:53:21" in first
    assert "sent" in second


def test_of_whom_nothing_was_asked_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(200, json.dumps({**TOLD, "sends": []}).encode()) as (url, _):
        assert main(["sends", "ann", "--url", url]) == 0
    assert "nothing was asked" in capsys.readouterr().out
