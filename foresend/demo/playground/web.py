"""What the pages of the demo have in common: answers, what a browser may do with them, and who may post."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from schemas.ids import UserId

BODY_BYTES_MAX = 4096

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'"
_MESSAGE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src http://{host}"


class Answer(NamedTuple):
    """One HTTP answer. `policy`: what its content may do in a browser."""

    status: int
    kind: str
    body: bytes
    policy: str = _POLICY
    location: str = ""


async def answer_with(answer: Answer, send: Send) -> None:
    """Write an answer."""
    headers = {
        "content-type": answer.kind,
        "content-length": str(len(answer.body)),
        "content-security-policy": answer.policy,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    } | ({"location": answer.location} if answer.location else {})
    coded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(answer.status), "headers": coded})
    await send({"type": "http.response.body", "body": answer.body})


def plain(status: int, words: str) -> Answer:
    """A line of text."""
    return Answer(status, "text/plain; charset=utf-8", f"{words}\n".encode())


def see_other(address: str) -> Answer:
    """Look there instead."""
    return plain(HTTPStatus.SEE_OTHER, address)._replace(location=address)


def address_of(user: UserId) -> str:
    """Where somebody's page is."""
    return f"/{quote(user, safe='')}"


def html(words: str) -> Answer:
    """A page."""
    return Answer(HTTPStatus.OK, "text/html; charset=utf-8", words.encode())


def message_html(words: str, host: str) -> Answer:
    """A message, which may show pictures of ours and do nothing. `host`: under which we were asked, on loopback."""
    return html(words)._replace(policy=_MESSAGE_POLICY.format(host=host))


def as_json(told: Any) -> Answer:
    """What a page shows, for programs."""
    return Answer(HTTPStatus.OK, "application/json", msgspec.json.encode(told))


def is_loopback(host: str) -> bool:
    """Whether a host header names this machine, and can be written into a policy."""
    name, _, port = host.partition(":")
    return name in ("127.0.0.1", "localhost") and (not port or port.isdigit())


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request; of a longer one than any form of ours, only the beginning."""
    body = b""
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > BODY_BYTES_MAX or not message.get("more_body", False):
            return body[:BODY_BYTES_MAX]
