"""The gateway as a bare ASGI application. What is answered stands with those who added a `Route`.

Draws and looks come first and take a short way: one synchronous turn of the event loop from the whole request to the
whole answer. Everything else goes by the table of routes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from http import HTTPStatus
from time import perf_counter
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from connectors.gateway.answers import Answer, json_body, problem_answer
from connectors.gateway.batches import Batches
from connectors.gateway.communications import BODY_BYTES_MAX, READS_PATH, Communications, query_of
from connectors.gateway.keys import Door
from connectors.gateway.meters import ReadMeters
from connectors.gateway.openapi import openapi_route
from connectors.gateway.problems import FAILURES, OTHER_NODE, Problem, not_found, problem_of
from connectors.gateway.reads import Reads
from connectors.gateway.routing import Handler, Matched, Request, Route, Router, Streamed, decoded
from schemas.errors import PersonalizationError
from schemas.ids import WorkspaceId

FORWARDED = b"x-foresend-forwarded"
"""A node sends it with what it passes on: it is answered here, or not at all."""
DIRECT = b"x-foresend-route"
"""`direct`: the caller finds the owner itself, and is told 421 by the others."""

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Headers = Sequence[tuple[bytes, bytes]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

READS_SLASHES = 4
"""In the path of a draw or a look; a user's own slashes are percent-encoded."""


class Health(Protocol):
    """Whether this node may be sent reads."""

    is_ready: bool
    lag_records: int


class Gateway:
    """The application that uvicorn serves.

    routes     of every part; those of draws, looks, health and metrics are the gateway's own
    elsewhere  answers a draw or a look that another node holds; None: it is refused with 421
    """

    quick_start = READS_PATH
    quick_body_max = BODY_BYTES_MAX

    def __init__(
        self,
        reads: Reads,
        door: Door,
        health: Health,
        meters: ReadMeters,
        registry: CollectorRegistry,
        routes: Sequence[Route] = (),
        elsewhere: Handler | None = None,
    ) -> None:
        self._communications = Communications(reads, door, meters)
        self._door = door
        self._health = health
        self._meters = meters
        self._registry = registry
        self._elsewhere = elsewhere
        batches = Batches(self._communications, elsewhere)
        known = [*self._communications.routes(), *batches.routes(), *self._own_routes(), *routes]
        self._router = Router([*known, openapi_route(known)])

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every path that is answered."""
        return self._router.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["raw_path"].startswith(READS_PATH) and scope["raw_path"].count(b"/") == READS_SLASHES:
            body = await _body(receive, BODY_BYTES_MAX) if scope["method"] == "POST" else b""
            if body is not None:
                await _answer(receive, send, await self._communication(scope, body))
            return
        answer = await self._routed(scope, receive)
        if answer is not None:
            await _answer(receive, send, answer)

    def answer_now(self, method: str, url: bytes, headers: Headers, body: bytes) -> Answer | None:
        """The answer to a draw or a look, made in this very turn; None: `__call__` is to be asked."""
        path, _, query = url.partition(b"?")
        if not path.startswith(READS_PATH) or path.count(b"/") != READS_SLASHES or b"#" in url:
            return None
        authorization = b""
        for name, value in headers:
            if name == b"authorization":
                authorization = value
                break
        started = perf_counter()
        try:
            answer = self._communications.answer(method, path, query, authorization, body)
        except FAILURES as error:
            if self._is_passed_on(error, headers):
                return None
            answer = self._refused(error)
        self._meters.observe(perf_counter() - started)
        return answer

    async def _communication(self, scope: Scope, body: bytes) -> Answer | Streamed:
        query: bytes = scope["query_string"]
        url = scope["raw_path"] + (b"?" + query if query else b"")
        # Of a target with more than a path and a query only these are asked for.
        answer = self.answer_now(scope["method"], url.replace(b"#", b"%23"), scope["headers"], body)
        if answer is not None:
            return answer
        try:
            caller = self._caller(scope, self._route(scope)[1])
        except FAILURES as error:
            return self._refused(error)
        return await self._of_route(scope, body, caller)

    async def _routed(self, scope: Scope, receive: Receive) -> Answer | Streamed | None:
        """What a route's handler answers, or why it does not; None where the caller has gone."""
        try:
            _, route = self._route(scope)
            # Asked before the body is read: who has no key does not fill our memory.
            caller = self._caller(scope, route)
            body = await _body(receive, route.body_max)
            return None if body is None else await self._of_route(scope, body, caller)
        except Problem as problem:
            return self._refused(problem)

    async def _of_route(self, scope: Scope, body: bytes, caller: WorkspaceId | None) -> Answer | Streamed:
        """What a route's handler answers, or the node that holds what is asked for."""
        try:
            matched, route = self._route(scope)
            _require_small(body, route.body_max)
            request = _request(scope, matched, caller, body)
            try:
                return await route.handler(request)
            except Problem as problem:
                if self._elsewhere is None or not self._is_passed_on(problem, scope["headers"]):
                    raise
                return await self._elsewhere(request)
        except FAILURES as error:
            return self._refused(error)

    def _is_passed_on(self, error: Exception, received: Headers) -> bool:
        """Whether another node is asked, and not the caller told to ask it."""
        if self._elsewhere is None or not isinstance(error, Problem) or error.code != OTHER_NODE:
            return False
        headers = _headers(received)
        return headers.get(DIRECT, b"").lower() != b"direct" and FORWARDED not in headers

    def _route(self, scope: Scope) -> tuple[Matched, Route]:
        matched = self._router.find(scope["raw_path"])
        if matched is None:
            raise not_found("no_path", "expected one of the paths of this API: see /openapi.json")
        route = matched.methods.get(scope["method"])
        if route is None:
            allowed = ", ".join(sorted(matched.methods))
            headers = ((b"allow", allowed.encode()),)
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", f"expected {allowed}", headers)
        return matched, route

    def _caller(self, scope: Scope, route: Route) -> WorkspaceId | None:
        return None if route.right is None else self._door.enter(_authorization(scope), route.right)

    def _refused(self, error: PersonalizationError) -> Answer:
        """A problem as an answer."""
        problem = problem_of(error)
        self._meters.problems.labels(problem.code).inc()
        return problem_answer(problem)

    def _own_routes(self) -> list[Route]:
        return [
            Route("GET", ("healthz",), None, self._alive, about="Whether the process runs"),
            Route("GET", ("readyz",), None, self._ready, about="Whether this node may be sent reads; 503: not yet"),
            Route("GET", ("metrics",), None, self._metrics, about="Metrics for Prometheus", gives={200: "text/plain"}),
        ]

    async def _alive(self, _request: Request) -> Answer:
        return json_body(200, {"status": "ok"})

    async def _ready(self, _request: Request) -> Answer:
        ready = self._health.is_ready
        return json_body(200 if ready else 503, {"ready": ready, "lag_records": self._health.lag_records})

    async def _metrics(self, _request: Request) -> Answer:
        return Answer(200, ((b"content-type", CONTENT_TYPE_LATEST.encode()),), generate_latest(self._registry))


def _request(scope: Scope, matched: Matched, caller: WorkspaceId | None, body: bytes) -> Request:
    headers = _headers(scope["headers"])
    return Request(
        method=scope["method"],
        path=tuple([decoded(part) for part in scope["raw_path"].split(b"/")[1:]]),
        query=query_of(scope["query_string"]),
        headers=headers,
        body=body,
        caller=caller,
        forwarded=FORWARDED in headers,
        values={name: decoded(part) for name, part in matched.values.items()},
        client=(scope.get("client") or ("",))[0],
    )


def _require_small(body: bytes, limit: int) -> None:
    if len(body) > limit:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"expected a body of at most {limit} bytes")


async def _answer(receive: Receive, send: Send, answer: Answer | Streamed) -> None:
    if isinstance(answer, Streamed):
        await _stream(receive, send, answer)
        return
    length = (b"content-length", str(len(answer.body)).encode())
    await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, length]})
    await send({"type": "http.response.body", "body": answer.body})


async def _stream(receive: Receive, send: Send, answer: Streamed) -> None:
    """Write parts as they come. `send` waits while the caller does not read; when he hangs up no more are made."""
    gone = asyncio.ensure_future(_hung_up(receive))
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers]})
        async with aclosing(answer.parts) as parts:
            async for part in parts:
                # Mutant: do not look; then `test_a_stream_ends_when_its_reader_hangs_up` fails.
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, at most one byte over the limit; None when the caller has gone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > limit or not message.get("more_body", False):
            return b"".join(parts)[: limit + 1]


def _headers(received: Headers) -> dict[bytes, bytes]:
    """By name; of several of one name the first."""
    return dict(reversed(received))


def _authorization(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"authorization":
            found: bytes = value
            return found
    return b""
