"""The gateway as a bare ASGI application: paths, bodies and answers. What is answered stands in `reads`."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from connectors.gateway.answers import Answer, html_answer, json_answer, json_body, problem_answer
from connectors.gateway.features import features_answer
from connectors.gateway.keys import Door
from connectors.gateway.marks import check_marks
from connectors.gateway.meters import ReadMeters
from connectors.gateway.problems import Problem, bad_request, not_found
from connectors.gateway.reads import Read, Reads
from schemas.errors import CacheBusy, DataError, StateError
from schemas.ids import ID_LENGTH, ID_LENGTH_MAX, SendId, TemplateName, UserId

BODY_BYTES_MAX = 64 * 1024
MARKS_MAX = 16
READS_PATH = b"/v1/communications/"
USERS_PATH = b"/v1/users/"
FEATURES = b"/features"
_METHODS = (b"allow", b"GET, POST")
_FORMATS = ("html", "json")
_SWITCH = {"true": True, "false": False}

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Health(Protocol):
    """Whether this node may be sent reads."""

    is_ready: bool
    lag_records: int


class DrawRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a draw."""

    send_id: Annotated[SendId, ID_LENGTH]
    marks: Annotated[dict[str, str], msgspec.Meta(max_length=MARKS_MAX)] = {}


_log = logging.getLogger(__name__)
_requests = msgspec.json.Decoder(DrawRequest)


class Gateway:
    """The application that uvicorn serves."""

    def __init__(
        self, reads: Reads, door: Door, health: Health, meters: ReadMeters, registry: CollectorRegistry
    ) -> None:
        self._reads = reads
        self._door = door
        self._health = health
        self._meters = meters
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await _body(receive) if scope["method"] == "POST" else b""
        if body is not None:
            answer = self.answer(scope, body)
            length = (b"content-length", str(len(answer.body)).encode())
            start = {"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, length]}
            await send(start)
            await send({"type": "http.response.body", "body": answer.body})

    def answer(self, scope: Scope, body: bytes) -> Answer:
        """The answer to a whole request. Nothing in it waits: one read is one turn of the event loop."""
        path: bytes = scope["raw_path"]
        if path.startswith(READS_PATH):
            started = time.perf_counter()
            answer = self._read(scope, path, body)
            self._meters.seconds.observe(time.perf_counter() - started)
            return answer
        if path.startswith(USERS_PATH):
            return self._answered(lambda: self._features(scope, path))
        if path == b"/healthz":
            return json_body(200, {"status": "ok"})
        if path == b"/readyz":
            ready = self._health.is_ready
            return json_body(200 if ready else 503, {"ready": ready, "lag_records": self._health.lag_records})
        if path == b"/metrics":
            kind = ((b"content-type", CONTENT_TYPE_LATEST.encode()),)
            return Answer(200, kind, generate_latest(self._registry))
        return problem_answer(not_found("no_path", "expected one of the paths of this API"))

    def _read(self, scope: Scope, path: bytes, body: bytes) -> Answer:
        return self._answered(lambda: self._communication(scope, path, body))

    def _answered(self, answer: Callable[[], Answer]) -> Answer:
        """What a read answers, or the problem that it meets."""
        try:
            return answer()
        except Problem as problem:
            return self._refused(problem)
        except CacheBusy:
            return self._refused(
                Problem(HTTPStatus.SERVICE_UNAVAILABLE, "cache_busy", "the cache cannot be read or written now")
            )
        except (StateError, DataError) as error:
            # What is stored cannot be served: the caller can do nothing about it, the operator can.
            _log.exception("a read failed")
            return self._refused(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "state", str(error)))

    def _features(self, scope: Scope, path: bytes) -> Answer:
        """What is known of one person."""
        if scope["method"] != "GET":
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "expected GET", ((b"allow", b"GET"),))
        self._reads.require_ready()
        workspace = self._door.workspace_of(_authorization(scope))
        user = _user(path)
        return features_answer(workspace, user, self._reads.profile(workspace, user), self._reads.now_ms())

    def _communication(self, scope: Scope, path: bytes, body: bytes) -> Answer:
        read, form = self._message(scope, path, body)
        self._meters.count(read.workspace, read.served.template, read.source, read.served.reason)
        return html_answer(read) if form.is_html else json_answer(read, explain=form.explain)

    def _message(self, scope: Scope, path: bytes, body: bytes) -> tuple[Read, "_Form"]:
        method = scope["method"]
        if method not in {"GET", "POST"}:
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "expected GET or POST", (_METHODS,))
        self._reads.require_ready()
        workspace = self._door.workspace_of(_authorization(scope))
        template, user = _target(path)
        query = _query(scope)
        # A send needs subject and text too; a look is mostly a person's, with a browser.
        form = _form(query, default="json" if method == "POST" else "html")
        if method == "POST":
            request = _draw_request(body)
            return self._reads.draw(workspace, template, user, request.send_id, request.marks), form
        return self._reads.look(workspace, template, user, _candidate(query)), form

    def _refused(self, problem: Problem) -> Answer:
        self._meters.problems.labels(problem.code).inc()
        return problem_answer(problem)


async def _body(receive: Receive) -> bytes | None:
    """The whole body, at most one byte over the limit; None when the caller has gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > BODY_BYTES_MAX or not message.get("more_body", False):
            return body[: BODY_BYTES_MAX + 1]


def _authorization(scope: Scope) -> bytes:
    found: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    return found[0] if found else b""


def _target(path: bytes) -> tuple[TemplateName, UserId]:
    """Template and user of `/v1/communications/{template}/{user}`; a user's own slashes are percent-encoded."""
    parts = path[len(READS_PATH) :].split(b"/")
    if len(parts) != 2:
        raise not_found("no_path", "expected /v1/communications/{template}/{user}")
    try:
        template, user = (unquote_to_bytes(part).decode() for part in parts)
    except UnicodeDecodeError:
        raise bad_request("bad_path", "expected a path in UTF-8") from None
    if not (1 <= len(template) <= ID_LENGTH_MAX and 1 <= len(user) <= ID_LENGTH_MAX):
        raise bad_request("bad_path", f"expected a template and a user of 1 to {ID_LENGTH_MAX} characters")
    return TemplateName(template), UserId(user)


def _user(path: bytes) -> UserId:
    """The user of `/v1/users/{user}/features`; a user's own slashes are percent-encoded."""
    user = path.removeprefix(USERS_PATH).removesuffix(FEATURES)
    if not path.endswith(FEATURES) or b"/" in user:
        raise not_found("no_path", "expected /v1/users/{user}/features")
    try:
        found = unquote_to_bytes(user).decode()
    except UnicodeDecodeError:
        raise bad_request("bad_path", "expected a path in UTF-8") from None
    if not 1 <= len(found) <= ID_LENGTH_MAX:
        raise bad_request("bad_path", f"expected a user of 1 to {ID_LENGTH_MAX} characters")
    return UserId(found)


def _query(scope: Scope) -> dict[str, str]:
    raw: bytes = scope["query_string"]
    return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True)) if raw else {}


class _Form(NamedTuple):
    """How an answer is wanted."""

    is_html: bool
    explain: bool


def _form(query: Mapping[str, str], default: str) -> _Form:
    asked, explain = query.get("format", default), query.get("explain", "false")
    if asked not in _FORMATS:
        raise bad_request("bad_query", f"expected format to be one of {', '.join(_FORMATS)}")
    if explain not in _SWITCH:
        raise bad_request("bad_query", f"expected explain to be one of {', '.join(_SWITCH)}")
    if _SWITCH[explain] and asked != "json":
        raise bad_request("bad_query", "expected format=json beside explain=true: HTML has no place for it")
    return _Form(asked == "html", _SWITCH[explain])


def _candidate(query: Mapping[str, str]) -> int | None:
    text = query.get("candidate")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise bad_request("bad_query", "expected candidate to be a whole number")
    return int(text)


def _draw_request(body: bytes) -> DrawRequest:
    if len(body) > BODY_BYTES_MAX:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"expected at most {BODY_BYTES_MAX} bytes")
    try:
        request = _requests.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request("bad_body", f'expected {{"send_id": "..."}}: {error}') from None
    check_marks(request.marks)
    return request
