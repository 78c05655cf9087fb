"""The door for browsers, before the collector: the script, preflights, and from which origins events are taken."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from connectors.collector.answers import Answer, problem
from connectors.collector.app import BATCH_PATHS, SINGLE_PATHS, Scope, Send
from connectors.collector.bodies import Receive
from connectors.collector.web.script import Script

SCRIPT_PATH = "/v1/foresend.js"
_EVENT_PATHS = BATCH_PATHS | SINGLE_PATHS.keys()
_PREFLIGHT = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding"),
    (b"access-control-max-age", b"86400"),
)
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class WebDoor:
    """An ASGI application around the collector's.

    origins  from which pages may send events; none named: from any, for the write key of a page is public anyway
    """

    def __init__(self, inner: Application, origins: tuple[str, ...] = ()) -> None:
        self._inner = inner
        self._origins = frozenset(origin.encode() for origin in origins)
        self._script = Script()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. What comes from no page goes straight on."""
        path, method = scope["path"], scope["method"]
        if path == SCRIPT_PATH:
            await _say(self._script_answer(scope), send)
            return
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None or path not in _EVENT_PATHS:
            await self._inner(scope, receive, send)
            return
        if self._origins and origin not in self._origins:
            await _say(problem(HTTPStatus.FORBIDDEN, "expected an origin that may send events here"), send)
            return
        allowed = self._allowed(origin)
        if method == "OPTIONS":
            await _say(Answer(HTTPStatus.NO_CONTENT, (*allowed, *_PREFLIGHT), b""), send)
            return

        async def send_allowed(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *allowed]}
            await send(message)

        await self._inner(scope, receive, send_allowed)

    def _script_answer(self, scope: Scope) -> Answer:
        if scope["method"] not in ("GET", "HEAD"):
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, "expected GET", "", (b"allow", b"GET, HEAD"))
        headers = dict(scope["headers"])
        return self._script.answer(headers.get(b"accept-encoding", b""), headers.get(b"if-none-match", b""))

    def _allowed(self, origin: bytes) -> tuple[tuple[bytes, bytes], ...]:
        """What lets a page of that origin read the answer, and know when to try again."""
        expose = (b"access-control-expose-headers", b"retry-after")
        if not self._origins:
            return (b"access-control-allow-origin", b"*"), expose
        return (b"access-control-allow-origin", origin), (b"vary", b"origin"), expose


async def _say(answer: Answer, send: Send) -> None:
    length = (
        ()
        if answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        else ((b"content-length", str(len(answer.body)).encode()),)
    )
    await send({"type": "http.response.start", "status": int(answer.status), "headers": [*answer.headers, *length]})
    await send({"type": "http.response.body", "body": answer.body})
