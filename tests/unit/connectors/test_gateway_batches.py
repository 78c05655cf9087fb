"""Batches: one line for each send, bad ones in their place, no faster than they are read, and the same again."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.answers import Answer, json_body, problem_answer
from connectors.gateway.batches import BATCH_BYTES_MAX, LINE_BYTES_MAX, TURN_LINES
from connectors.gateway.problems import not_ready
from connectors.gateway.routing import Request
from tests.support.gateway import GatewayInProcess
from tests.support.messages import communication, release

PATH = "/v1/communications/news:batch"
PEOPLE = 50


@pytest.fixture
def node(tmp_path: Path) -> Iterator[GatewayInProcess]:
    made = GatewayInProcess(tmp_path / "cache")
    made.release(release(1))
    for number in range(PEOPLE):
        made.entry(communication(user=f"u{number}"))
    yield made
    made.close()


def lines_of(asked: Iterable[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(line).encode() for line in asked)


def told(node: GatewayInProcess, body: bytes, path: str = PATH) -> list[dict[str, Any]]:
    reply = node.request("POST", path, body)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in reply.body.splitlines()]


def test_each_line_is_answered_as_a_draw_of_its_own(node: GatewayInProcess) -> None:
    answers = told(node, lines_of({"user": f"u{n}", "send_id": f"s{n}"} for n in range(PEOPLE)))
    assert [(one["line"], one["send_id"], one["status"]) for one in answers] == [
        (n + 1, f"s{n}", 200) for n in range(PEOPLE)
    ]
    for number, answer in enumerate(answers):
        alone = node.post(f"/v1/communications/news/u{number}", f"s{number}").json
        assert {**alone, "line": number + 1, "send_id": f"s{number}", "status": 200} == answer
    assert len(node.told()) == PEOPLE


def test_a_batch_that_is_asked_for_again_leaves_nothing_more(node: GatewayInProcess) -> None:
    body = lines_of({"user": f"u{n}", "send_id": f"s{n}"} for n in range(PEOPLE))
    assert told(node, body) == told(node, body)
    assert len(node.told()) == PEOPLE


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        (b"nonsense", 400, "bad_line"),
        (b'{"user": "u1"}', 400, "bad_line"),
        (b'{"send_id": "s1"}', 400, "bad_line"),
        (b'{"user": "", "send_id": "s1"}', 400, "bad_line"),
        (b'{"user": "u1", "send_id": "s1", "more": 1}', 400, "bad_line"),
        (b'{"user": "\xff", "send_id": "s1"}', 400, "bad_line"),
        (b"[" * 1_000, 400, "bad_line"),
        (b'{"user": "u1", "send_id": "s1"' + b" " * LINE_BYTES_MAX + b"}", 400, "bad_line"),
        (b'{"user": "u1", "send_id": "s1", "marks": {"x": "y"}}', 400, "bad_marks"),
        (b'{"user": "u1", "send_id": "taken"}', 409, "send_id_taken"),
    ],
)
def test_a_bad_line_is_a_problem_and_not_the_end(node: GatewayInProcess, line: bytes, status: int, code: str) -> None:
    first, last = b'{"user": "u0", "send_id": "taken"}', b'{"user": "u2", "send_id": "s2"}'
    answers = told(node, b"\n".join([first, b"", line, b" \r", last, b""]))
    assert [answer["status"] for answer in answers] == [200, status, 200]
    assert answers[1]["problem"]["type"] == f"urn:foresend:problem:{code}"
    assert answers[1]["line"] == 2


def test_a_node_that_is_no_longer_ready_says_so_in_each_line(node: GatewayInProcess) -> None:
    node.progress.is_ready = False
    assert node.request("POST", PATH, b'{"user": "u0", "send_id": "s"}').status == 503


def test_a_batch_has_a_bound(node: GatewayInProcess) -> None:
    assert node.request("POST", PATH, b"\n" * (BATCH_BYTES_MAX + 1)).status == 413
    assert told(node, b"\n" * 1_000) == []


def test_a_template_that_is_not_there_is_told_in_each_line(node: GatewayInProcess) -> None:
    answers = told(node, lines_of([{"user": "u0", "send_id": "s"}]), "/v1/communications/other:batch")
    assert answers[0]["problem"]["type"] == "urn:foresend:problem:no_template"


def test_no_more_is_drawn_than_is_read(node: GatewayInProcess) -> None:
    body = lines_of({"user": f"u{n}", "send_id": f"s{n}"} for n in range(PEOPLE))
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    begun = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    async def send(message: dict[str, Any]) -> None:
        if message.get("body"):
            begun.set()
            await asyncio.Event().wait()

    async def read_little() -> None:
        scope = {"type": "http", "method": "POST", "raw_path": PATH.encode(), "query_string": b"", "headers": []}
        task = asyncio.ensure_future(node.gateway(scope, receive, send))
        await begun.wait()
        task.cancel()

    asyncio.run(read_little())
    assert len(node.told()) == TURN_LINES


def test_who_is_held_elsewhere_is_drawn_there(tmp_path: Path) -> None:
    asked: list[tuple[str, bytes]] = []

    async def elsewhere(request: Request) -> Answer:
        asked.append(("/".join(request.path), request.body))
        return json_body(200, {"user": request.id("user")}) if len(asked) == 1 else problem_answer(not_ready("soon"))

    node = GatewayInProcess(tmp_path / "cache", partitions=(), elsewhere=elsewhere)
    node.release(release(1))
    answers = told(node, lines_of({"user": user, "send_id": "s"} for user in ("a/b", "c")))
    assert answers[0] == {"line": 1, "send_id": "s", "status": 200, "user": "a/b"}
    assert (answers[1]["status"], answers[1]["problem"]["detail"]) == (503, "soon")
    assert asked[0] == ("v1/communications/news/a/b", b'{"send_id":"s","marks":{}}')
    node.close()
