"""`foresend features`: what a gateway tells, as a table and as JSON; and what is said where it tells nothing."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from foresend.cli import main

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


@contextmanager
def gateway(status: int, body: bytes) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Answers everything alike; tells its address, and which paths it was asked with which keys."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("authorization", "")))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
