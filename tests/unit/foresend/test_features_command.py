"""`foresend features`: what a gateway tells, as a table and as JSON; and what is said where it tells nothing."""

import json
from typing import Any

import pytest

from foresend.cli import main
from tests.support.answering import gateway

TOLD: dict[str, Any] = {
    "workspace": "shop",
    "user": "a/b",
    "at": "2026-01-01T00:00:00.000Z",
    "features": [
        {"name": "orders", "value": 2.0, "at": "2026-01-01T00:00:00.000Z", "age_s": 7200.0},
        {"name": "tags", "value": {"jazz": 0.75, "folk": 0.25}, "at": "2026-01-01T00:00:00.000Z", "age_s": 30.0},
        {"name": "last_order_ms", "value": 1760000000000.0, "at": "2026-01-01T00:00:00.000Z", "age_s": 90.0},
        {"name": "spent", "value": 0.5, "at": None, "age_s": None},
    ],
}


def test_each_feature_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(200, json.dumps(TOLD).encode()) as (url, asked):
        assert main(["features", "a/b", "--wait", "0", "--url", url, "--key", "secret", "--json"]) == 0
    assert asked == [("/v1/users/a%2Fb/features", "Bearer secret")]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"user": "a/b", **feature} for feature in TOLD["features"]]


def test_people_read_a_table_with_ages(capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(200, json.dumps(TOLD).encode()) as (url, _):
        assert main(["features", "a/b", "--wait", "0", "--url", url]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [
        ["orders", "2", "2", "h"],
        ["tags", "jazz", "75%,", "folk", "25%", "30", "s"],
        ["last_order_ms", "2025-10-09", "08:53:20+00:00", "2", "min"],
        ["spent", "0.500", "never"],
    ]


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (404, b'{"detail": "expected a person of whom something is known"}', "something is known (HTTP 404)"),
        (410, b'{"detail": "this user was erased"}', "erased (HTTP 410)"),
        (200, b"<html>", "expected JSON from a gateway"),
    ],
)
def test_what_a_gateway_does_not_tell_is_said(
    status: int, body: bytes, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway(status, body) as (url, _):
        assert main(["features", "ana", "--wait", "0", "--url", url]) == 1
    told = capsys.readouterr()
    assert word in told.err
    assert told.out == ""


@pytest.mark.parametrize("url", ["127.0.0.1:8090", "ftp://x", "http://"])
def test_an_address_that_is_none_is_wrong_use(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features", "ana", "--wait", "0", "--url", url]) == 2
    assert "--url" in capsys.readouterr().err
