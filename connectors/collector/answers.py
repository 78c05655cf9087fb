"""HTTP answers: problems by RFC 9457, and the status by which a client knows that its events are safe."""

import re
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from schemas.errors import Reason

RETRY_AFTER_S = 1
_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")

STATUS_OF = {Reason.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
"""Of bad input; every other reason is a 400."""

_PYTHON = re.compile(rb"analytics-python/(\d+)\.(\d+)")
_ONLY_200 = re.compile(rb"analytics-(php|\.net)\b", re.IGNORECASE)


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Refusal(msgspec.Struct, frozen=True):
    """One call of a batch that became a dead letter. `index` counts from 0."""

    index: int
    reason: Reason
    detail: str


def accepted(count: int, refused: list[Refusal], user_agent: bytes) -> Answer:
    """Kafka has everything: `count` events, and the refused ones whole in the dead letters."""
    body = msgspec.json.encode({"accepted": count, "refused": refused})
    return Answer(_accepted_status(user_agent), (_JSON,), body)


def _accepted_status(user_agent: bytes) -> int:
    """202, but 200 for published libraries that take anything else for a failure and send again.

    See docs/adr/0016-status-of-acceptance.md: what the status promises is the same.
    """
    python = _PYTHON.match(user_agent)
    if python:
        version = int(python[1]), int(python[2])
        return HTTPStatus.OK if version < (2, 4) else HTTPStatus.ACCEPTED
    return HTTPStatus.OK if _ONLY_200.match(user_agent) else HTTPStatus.ACCEPTED


def problem(status: int, detail: str, reason: str = "", *headers: tuple[bytes, bytes]) -> Answer:
    """Why a request was refused; nothing of it was stored."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": detail}
    if reason:
        body["reason"] = reason
    return Answer(status, (_PROBLEM, *headers), msgspec.json.encode(body))


def unavailable(detail: str) -> Answer:
    """Try again: nothing was acknowledged, and sending the same again is harmless."""
    retry = (b"retry-after", str(RETRY_AFTER_S).encode())
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, "", retry)


def plain(status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> Answer:
    """Text."""
    return Answer(status, ((b"content-type", content_type.encode()),), body)
