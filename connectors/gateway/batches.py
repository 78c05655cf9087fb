"""`POST /v1/communications/{template}:batch`: draws for many sends, one a line, answered as they are made.

The request is read whole before the first answer: a caller that writes all of it before it reads would otherwise wait
for us, and we for him. Answers are made no faster than they are read.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Annotated

import msgspec

from connectors.gateway.answers import Answer
from connectors.gateway.communications import Communications, DrawRequest
from connectors.gateway.problems import FAILURES, OTHER_NODE, Problem, bad_request, problem_of
from connectors.gateway.routing import Handler, Request, Right, Route, Streamed
from schemas.ids import ID_LENGTH, UserId

BATCH_BYTES_MAX = 32 * 1024 * 1024
"""100 000 sends with the longest ids fit, and more with those that are used."""
LINE_BYTES_MAX = 64 * 1024
TURN_LINES = 8
"""So many draws in one turn of the event loop, and in one part of the answer: less than a millisecond."""
NDJSON = "application/x-ndjson"
_HEADERS = (
    (b"content-type", NDJSON.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class BatchLine(DrawRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of a batch: a draw, and for whom."""

    user: Annotated[UserId, ID_LENGTH]


_lines = msgspec.json.Decoder(BatchLine)


class Batches:
    """Answers batches.

    elsewhere  answers a draw of somebody whom another node holds; None: the line is a problem
    """

    def __init__(self, communications: Communications, elsewhere: Handler | None) -> None:
        self._communications = communications
        self._elsewhere = elsewhere

    def routes(self) -> list[Route]:
        """The one path."""
        return [
            Route(
                "POST",
                ("v1", "communications", "{template}:batch"),
                Right.DRAW,
                self._handle,
                BATCH_BYTES_MAX,
                about="Draw for many sends: in each line an object with user and send_id; a line of answer for each",
                query={"explain": "`true`: as of a draw"},
                takes=NDJSON,
                gives={200: NDJSON},
            )
        ]

    async def _handle(self, request: Request) -> Streamed:
        self._communications.require_ready()
        request.id("template")
        return Streamed(200, _HEADERS, self._parts(request))

    async def _parts(self, request: Request) -> AsyncGenerator[bytes, None]:
        made: list[bytes] = []
        for number, line in enumerate(_split(request.body), 1):
            made.append(await self._line(request, number, line))
            if len(made) == TURN_LINES:
                yield b"".join(made)
                made.clear()
                # Whoever asks for one message does not wait for all of these.
                await asyncio.sleep(0)
        yield b"".join(made)

    async def _line(self, request: Request, number: int, line: bytes) -> bytes:
        """The answer to one line. What is wrong with it is told in its place, and the next one is answered.

        Mutant: let problems through; then `test_a_bad_line_is_a_problem_and_not_the_end` fails.
        """
        try:
            asked = _asked(line)
        except Problem as problem:
            return _told(number, "", problem)
        try:
            answer = await self._drawn(request, asked)
        except FAILURES as error:
            return _told(number, asked.send_id, problem_of(error))
        if answer.status != 200:
            return _wrapped(number, asked.send_id, answer.status, b'"problem":' + answer.body)
        return _wrapped(number, asked.send_id, 200, answer.body[1:-1])

    async def _drawn(self, request: Request, asked: BatchLine) -> Answer:
        try:
            return self._communications.drawn(request, asked.user, asked)
        except Problem as problem:
            if problem.code != OTHER_NODE or self._elsewhere is None or request.forwarded:
                raise
            answer = await self._elsewhere(_single(request, asked))
            if isinstance(answer, Streamed):
                raise TypeError("expected a whole answer of another node") from None
            return answer


def _single(request: Request, asked: BatchLine) -> Request:
    """The line as a request of its own, as another node takes it."""
    body = msgspec.json.encode(DrawRequest(asked.send_id, asked.marks))
    path = (*request.path[:2], request.values["template"], asked.user)
    return replace(request, path=path, body=body, values={**request.values, "user": asked.user})


def _split(body: bytes) -> list[bytes]:
    """Lines that are not empty."""
    return [line for line in body.split(b"\n") if line.strip()]


def _asked(line: bytes) -> BatchLine:
    if len(line) > LINE_BYTES_MAX:
        raise bad_request("bad_line", f"expected a line of at most {LINE_BYTES_MAX} bytes")
    try:
        return _lines.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request("bad_line", f'expected {{"user": "...", "send_id": "..."}}: {error}') from None


def _told(number: int, send_id: str, problem: Problem) -> bytes:
    return _wrapped(number, send_id, problem.status.value, b'"problem":' + problem.body())


def _wrapped(number: int, send_id: str, status: int, fields: bytes) -> bytes:
    head = b'{"line":%d,"send_id":%s,"status":%d,' % (number, msgspec.json.encode(send_id), status)
    return b"%s%s}\n" % (head, fields)
