"""Draws and looks as requests and answers. Nothing here waits: each is one turn of the event loop."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from connectors.gateway.answers import Answer, body_answer, json_answer
from connectors.gateway.keys import Door
from connectors.gateway.marks import check_marks
from connectors.gateway.meters import ReadMeters
from connectors.gateway.problems import Problem, bad_request, not_found
from connectors.gateway.reads import Reads
from connectors.gateway.routing import Request, Right, Route
from schemas.ids import ID_LENGTH, ID_LENGTH_MAX, SendId, TemplateName, UserId, WorkspaceId

BODY_BYTES_MAX = 64 * 1024
MARKS_MAX = 16
READS_PATH = b"/v1/communications/"
_METHODS = (b"allow", b"GET, POST")
_FORMATS = ("html", "json")
_SWITCH = {"true": True, "false": False}
_PATH = ("v1", "communications", "{template}", "{user}")
_FORM = {
    "format": "`html`: the message's HTML alone, the default of a look; `json`: its parts, and how it was chosen",
    "explain": "`true`: also the distribution of each slot, and the terms that it comes from; with `json` only",
}
_LOOK = {**_FORM, "candidate": "number of the candidate to show; without it the likeliest one that is valid"}


class DrawRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a draw.

    send_id  names the send: the same one gets the same answer again, for 48 hours
    marks    links of the caller's own in the place of ours: `unsubscribe_url`, `preferences_url`, `view_url`
    """

    send_id: Annotated[SendId, ID_LENGTH]
    marks: Annotated[dict[str, str], msgspec.Meta(max_length=MARKS_MAX)] = {}


_requests = msgspec.json.Decoder(DrawRequest)


class Communications:
    """Answers `GET` and `POST /v1/communications/{template}/{user}`."""

    def __init__(self, reads: Reads, door: Door, meters: ReadMeters) -> None:
        self._reads = reads
        self._door = door
        self._meters = meters

    def answer(self, method: str, path: bytes, query: bytes, authorization: bytes, body: bytes) -> Answer:
        """The answer to a request as it came.

        Raises:
            Problem: there is none with a message.
        """
        if method not in {"GET", "POST"}:
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "expected GET or POST", (_METHODS,))
        self._reads.require_ready()
        workspace = self._door.enter(authorization, Right.DRAW if method == "POST" else Right.READ)
        template, user = _target(path)
        return self._told(method, workspace, template, user, query_of(query), body)

    def drawn(self, request: Request, user: UserId, asked: DrawRequest) -> Answer:
        """The answer to one draw of a batch, as JSON.

        Raises:
            Problem: there is none with a message.
        """
        check_marks(asked.marks)
        form = _form({**request.query, "format": "json"}, default="json")
        template = TemplateName(request.values["template"])
        self._reads.require_ready()
        read = self._reads.draw(request.workspace, template, user, asked.send_id, asked.marks)
        self._meters.count(request.workspace, template, read.source, read.served.reason)
        return json_answer(read, explain=form.explain)

    def require_ready(self) -> None:
        """Refuse while this node has not read what it had."""
        self._reads.require_ready()

    def routes(self) -> list[Route]:
        """The two paths, for documents: the gateway calls `answer` for them, without a `Request`."""
        return [
            Route(
                "GET",
                _PATH,
                Right.READ,
                self._handle,
                about="Show a message. It is no send, and no exposure",
                query=_LOOK,
                gives={200: "text/html"},
            ),
            Route(
                "POST",
                _PATH,
                Right.DRAW,
                self._handle,
                BODY_BYTES_MAX,
                about="Draw a message for a send; the same send id gets the same answer again",
                query=_FORM,
                takes=DrawRequest,
                gives={200: "application/json"},
            ),
        ]

    async def _handle(self, request: Request) -> Answer:
        template, user = TemplateName(request.id("template")), UserId(request.id("user"))
        return self._told(request.method, request.workspace, template, user, request.query, request.body)

    def _told(
        self,
        method: str,
        workspace: WorkspaceId,
        template: TemplateName,
        user: UserId,
        query: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        # A send needs subject and text too; a look is mostly a person's, with a browser.
        form = _form(query, default="json" if method == "POST" else "html")
        if method == "POST":
            asked = draw_request(body)
            read = self._reads.draw(workspace, template, user, asked.send_id, asked.marks)
        else:
            read = self._reads.look(workspace, template, user, _candidate(query))
        self._meters.count(workspace, template, read.source, read.served.reason)
        return body_answer(read) if form.is_html else json_answer(read, explain=form.explain)


def draw_request(body: bytes) -> DrawRequest:
    """The body of a draw.

    Raises:
        Problem: it is none.
    """
    if len(body) > BODY_BYTES_MAX:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"expected at most {BODY_BYTES_MAX} bytes")
    try:
        request = _requests.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request("bad_body", f'expected {{"send_id": "..."}}: {error}') from None
    check_marks(request.marks)
    return request


def query_of(raw: bytes) -> dict[str, str]:
    """What stands in a query; of several of one name the last."""
    return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True)) if raw else {}


def _target(path: bytes) -> tuple[TemplateName, UserId]:
    """Template and user of `/v1/communications/{template}/{user}`; a user's own slashes are percent-encoded."""
    parts = path[len(READS_PATH) :].split(b"/")
    if len(parts) != 2:
        raise not_found("no_path", "expected /v1/communications/{template}/{user}")
    try:
        template, user = (unquote_to_bytes(part).decode() if b"%" in part else part.decode() for part in parts)
    except UnicodeDecodeError:
        raise bad_request("bad_path", "expected a path in UTF-8") from None
    if not (1 <= len(template) <= ID_LENGTH_MAX and 1 <= len(user) <= ID_LENGTH_MAX):
        raise bad_request("bad_path", f"expected a template and a user of 1 to {ID_LENGTH_MAX} characters")
    return TemplateName(template), UserId(user)


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
    if any(name.startswith("as.") for name in query):
        detail = "expected no `as.`: this node has finished messages only; `foresend preview --as` renders one anew"
        raise bad_request("bad_query", detail)
    return _Form(asked == "html", _SWITCH[explain])


def _candidate(query: Mapping[str, str]) -> int | None:
    text = query.get("candidate")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise bad_request("bad_query", "expected candidate to be a whole number")
    return int(text)
