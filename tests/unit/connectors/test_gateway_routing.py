"""The table of routes: which path leads where, what a handler is given, and what keys may do."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from connectors.gateway.answers import Answer, json_body
from connectors.gateway.keys import Bucket, Keyring, grant_of, new_key
from connectors.gateway.problems import Problem, bad_request
from connectors.gateway.routing import Handler, Request, Right, Route, Router, Streamed
from schemas.ids import WorkspaceId
from tests.support.gateway import GatewayInProcess
from tests.support.messages import WORKSPACE, release

KEYS = {right: f"key of {right}" for right in Right}


async def echo(request: Request) -> Answer:
    """What a handler is given."""
    return json_body(
        200,
        {
            "path": request.path,
            "values": dict(request.values),
            "query": dict(request.query),
            "body": request.body.decode(),
            "caller": request.caller,
            "forwarded": request.forwarded,
            "idempotency_key": request.idempotency_key,
        },
    )


def route(method: str, path: str, right: Right | None = None, handler: Handler = echo, body_max: int = 64) -> Route:
    return Route(method, tuple(path.split("/")[1:]), right, handler, body_max, about="a path of a test")


@pytest.fixture
def node_with(tmp_path: Path) -> Iterator[Callable[..., GatewayInProcess]]:
    made: list[GatewayInProcess] = []

    def make(*routes: Route, **own: Any) -> GatewayInProcess:
        door = Keyring([grant_of(key, WORKSPACE, [right]) for right, key in KEYS.items()])
        made.append(GatewayInProcess(tmp_path / f"cache{len(made)}", door, routes=routes, **own))
        made[-1].release(release(1))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("path", "led"),
    [
        ("/v1/campaigns", "/v1/campaigns"),
        ("/v1/campaigns/spring", "/v1/campaigns/{name}"),
        ("/v1/campaigns/spring:pause", "/v1/campaigns/{name}:pause"),
        ("/v1/campaigns/spring:paused", "/v1/campaigns/{name}"),
        ("/v1/campaigns/spring%3Apause", "/v1/campaigns/{name}"),
        ("/v1/campaigns/", "/v1/campaigns/{name}"),
        ("/v1/campaigns/spring/more", None),
        ("/v1/deliveries:grant", "/v1/deliveries:grant"),
        ("/v1/users/me/sends", "/v1/users/me/sends"),
        ("/v1/users/you/sends", "/v1/users/{user}/sends"),
        ("/v1/users/me/other", "/v1/users/{user}/other"),
        ("/", None),
        ("", None),
        ("/v1", None),
    ],
)
def test_a_path_leads_to_the_most_literal_route(path: str, led: str | None) -> None:
    paths = (
        "/v1/campaigns", "/v1/campaigns/{name}", "/v1/campaigns/{name}:pause", "/v1/deliveries:grant",
        "/v1/users/me/sends", "/v1/users/{user}/sends", "/v1/users/{user}/other",
    )  # fmt: skip
    found = Router([route("GET", one) for one in paths]).find(path.encode())
    assert (found and found.methods["GET"].name) == led


@pytest.mark.parametrize("paths", [("/a/{x}", "/a/{x}"), ("/a/{x}", "/a/{y}"), ("/a/x{y}",), ("/a/{y}x",)])
def test_routes_that_contradict_each_other_are_refused_at_the_start(paths: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Router([route("GET", path) for path in paths])


def test_a_handler_is_given_the_request_whole(node_with: Callable[..., GatewayInProcess]) -> None:
    node = node_with(route("POST", "/v1/things/{name}:do", Right.SEND))
    headers = {
        "Authorization": f"Bearer {KEYS[Right.SEND]}", "Idempotency-Key": '"a-1"', "X-Foresend-Forwarded": "1",
    }  # fmt: skip
    reply = node.request("POST", "/v1/things/a%2Fb%C3%BC:do?x=1&y=", b"a body of some bytes", headers)
    assert reply.json == {
        "path": ["v1", "things", "a/bü:do"],
        "values": {"name": "a/bü"},
        "query": {"x": "1", "y": ""},
        "body": "a body of some bytes",
        "caller": "shop",
        "forwarded": True,
        "idempotency_key": "a-1",
    }


def test_a_public_page_needs_no_key_and_has_no_caller(node_with: Callable[..., GatewayInProcess]) -> None:
    reply = node_with(route("GET", "/u/{token}")).get("/u/abc")
    assert (reply.status, reply.json["caller"], reply.json["values"]) == (200, None, {"token": "abc"})


@pytest.mark.parametrize("needed", [*Right])
def test_a_key_may_do_what_it_was_given_and_nothing_else(
    node_with: Callable[..., GatewayInProcess], needed: Right
) -> None:
    node = node_with(route("POST", "/v1/thing", needed))
    for right, key in KEYS.items():
        status = node.request("POST", "/v1/thing", b"", {"Authorization": f"Bearer {key}"}).status
        assert status == (200 if right is needed else 403)
    assert node.request("POST", "/v1/thing", b"", {"Authorization": "Bearer other"}).status == 401
    assert node.request("POST", "/v1/thing").status == 401


def test_draws_and_looks_need_rights_of_their_own(node_with: Callable[..., GatewayInProcess]) -> None:
    node = node_with()
    path = "/v1/communications/news/anna"
    for right, key in KEYS.items():
        head = f"Bearer {key}"
        assert node.get(path, Authorization=head).status == (200 if right is Right.READ else 403)
        assert node.post(path, "s1", Authorization=head).status == (200 if right is Right.DRAW else 403)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/thing", b"x" * 65, 413, "too_large"),
        ("PUT", "/v1/thing", b"", 405, "method"),
        ("POST", "/v1/other", b"", 404, "no_path"),
        ("POST", "/v1/bad", b"", 400, "bad_thing"),
        ("GET", "/v1/named/%FF", b"", 400, "bad_path"),
    ],
)
def test_what_is_refused_is_refused_as_a_problem(
    node_with: Callable[..., GatewayInProcess], method: str, path: str, body: bytes, status: int, code: str
) -> None:
    async def bad(_request: Request) -> Answer:
        raise bad_request("bad_thing", "expected a good thing")

    node = node_with(route("POST", "/v1/thing"), route("POST", "/v1/bad", handler=bad), route("GET", "/v1/named/{x}"))
    reply = node.request(method, path, body)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
    assert reply.json["type"] == f"urn:foresend:problem:{code}"
    assert node.metric("foresend_read_problems_total", code=code) == 1


@pytest.mark.parametrize("name", ["", "x" * 257, '""'])
def test_an_idempotency_key_has_bounds(node_with: Callable[..., GatewayInProcess], name: str) -> None:
    node = node_with(route("POST", "/v1/thing"))
    assert node.request("POST", "/v1/thing", headers={"Idempotency-Key": name}).status == 400


def test_a_body_is_not_read_of_somebody_without_a_key(node_with: Callable[..., GatewayInProcess]) -> None:
    node = node_with(route("POST", "/v1/thing", Right.SEND))

    async def receive() -> dict[str, Any]:
        raise AssertionError("expected nothing to be read")

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "raw_path": b"/v1/thing", "query_string": b"", "headers": []}
    asyncio.run(node.gateway(scope, receive, send))
    assert sent[0]["status"] == 401


# Answers that are written as they come


def counting(made: list[int], closed: list[str]) -> Handler:
    async def parts() -> AsyncGenerator[bytes, None]:
        try:
            for number in range(1_000):
                made.append(number)
                yield b"%d\n" % number
                await asyncio.sleep(0)
        finally:
            closed.append("closed")

    async def handler(_request: Request) -> Streamed:
        return Streamed(200, ((b"content-type", b"application/x-ndjson"),), parts())

    return handler


def test_an_answer_may_be_written_as_it_comes(node_with: Callable[..., GatewayInProcess]) -> None:
    made: list[int] = []
    reply = node_with(route("GET", "/v1/all", handler=counting(made, []))).get("/v1/all")
    assert reply.body.splitlines() == [b"%d" % number for number in range(1_000)]
    assert "content-length" not in reply.headers


def test_a_stream_ends_when_its_reader_hangs_up(node_with: Callable[..., GatewayInProcess]) -> None:
    made: list[int] = []
    closed: list[str] = []
    node = node_with(route("GET", "/v1/all", handler=counting(made, closed)))
    has_gone = asyncio.Event()
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await has_gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message.get("body") == b"9\n":
            has_gone.set()

    scope = {"type": "http", "method": "GET", "raw_path": b"/v1/all", "query_string": b"", "headers": []}
    asyncio.run(node.gateway(scope, receive, send))
    assert len(made) < 20
    assert closed == ["closed"]


# Other nodes


async def other_node(request: Request) -> Answer:
    return json_body(200, {"from": "the other node", "user": request.id("user"), "caller": request.caller})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_another_node_holds_is_asked_for_there(node_with: Callable[..., GatewayInProcess], method: str) -> None:
    node = node_with(partitions=(), elsewhere=other_node)
    path, body = "/v1/communications/news/anna", b'{"send_id": "s1"}'
    head = {"Authorization": f"Bearer {KEYS[Right.READ if method == 'GET' else Right.DRAW]}"}
    assert node.request(method, path, body, head).json == {"from": "the other node", "user": "anna", "caller": "shop"}
    for name, value in (("X-Foresend-Route", "direct"), ("X-Foresend-Forwarded", "1")):
        assert node.request(method, path, body, head | {name: value}).status == 421
    assert node.request(method, path, body).status == 401


def test_a_persons_features_are_asked_for_at_the_other_node_too(node_with: Callable[..., GatewayInProcess]) -> None:
    node = node_with(partitions=(), elsewhere=other_node)
    reply = node.get("/v1/users/anna/features", Authorization=f"Bearer {KEYS[Right.READ]}")
    assert reply.json["from"] == "the other node"


# Keys


def test_a_key_is_long_and_never_the_same() -> None:
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(key.startswith("fsk_") and len(key) >= 40 for key in made)


def test_settings_hold_no_key() -> None:
    key = new_key()
    grant = grant_of(key, WorkspaceId("shop"), [Right.SEND, Right.READ])
    assert key not in grant.line
    digest, _, said = grant.line.partition(":")
    assert type(grant).read(digest, said) == grant


# Too many requests


class Seconds:
    """A clock that moves by hand."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_key_that_asks_too_often_is_told_when_to_ask_again() -> None:
    clock = Seconds()
    door = Keyring([grant_of(key, WORKSPACE, Right) for key in ("a", "b")], rate_per_s=10, clock_s=clock)

    def asked(key: bytes, times: int) -> int:
        """How often the door opened."""
        opened = 0
        for _ in range(times):
            with suppress(Problem):
                door.enter(b"Bearer " + key, Right.READ)
                opened += 1
        return opened

    assert asked(b"a", 100) == 10
    with pytest.raises(Problem) as caught:
        door.enter(b"Bearer a", Right.READ)
    assert (caught.value.status, dict(caught.value.headers)) == (429, {b"retry-after": b"1"})
    assert asked(b"b", 1) == 1
    clock.now_s += 0.25
    assert asked(b"a", 100) == 2
    clock.now_s += 1_000.0
    assert asked(b"a", 100) == 10


@pytest.mark.parametrize("rate_per_s", [0.1, 1.0])
def test_a_slow_rate_lets_one_through_and_then_waits(rate_per_s: float) -> None:
    clock = Seconds()
    bucket = Bucket(rate_per_s, clock)
    bucket.take()
    with pytest.raises(Problem) as caught:
        bucket.take()
    clock.now_s += int(dict(caught.value.headers)[b"retry-after"])
    bucket.take()


def test_who_is_told_to_wait_is_told_by_a_problem(tmp_path: Path) -> None:
    clock = Seconds()
    door = Keyring([grant_of("key", WORKSPACE, Right)], rate_per_s=2, clock_s=clock)
    node = GatewayInProcess(tmp_path / "cache", door, routes=[route("POST", "/v1/thing", Right.SEND)])
    node.release(release(1))
    for method, path in (("POST", "/v1/thing"), ("GET", "/v1/communications/news/anna")):
        clock.now_s += 100.0
        head = {"Authorization": "Bearer key"}
        assert [node.request(method, path, b"", head).status for _ in range(3)] == [200, 200, 429]
    reply = node.get("/v1/communications/news/anna", **head)
    assert (reply.headers["retry-after"], reply.json["type"]) == ("1", "urn:foresend:problem:rate")
    node.close()
