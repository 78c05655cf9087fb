"""HTTP as uvicorn speaks it, with a short way for requests that are answered at once.

Each request of an ASGI application is a task of its own, with events and messages between it and its connection: on the
gateway's hot path these cost more than the draw. An application that is a `Quick` is asked first; what it answers is
written at once. All else, and all else of other applications, is uvicorn's own.
"""

import re
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

Headers = Sequence[tuple[bytes, bytes]]
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
HEADS_MAX = 64
"""Heads of answers that are kept made: beyond the few that recur they name persons' decisions."""


class QuickAnswer(Protocol):
    """An answer, whole."""

    @property
    def status(self) -> int:
        """Of HTTP."""

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Without the length."""

    @property
    def body(self) -> bytes:
        """All of it."""


@runtime_checkable
class Quick(Protocol):
    """An application that answers some requests at once.

    quick_start     begins the paths of those
    quick_body_max  bytes of a body; one that is longer is handed over with one byte more, and no further
    """

    quick_start: bytes
    quick_body_max: int

    def answer_now(self, method: str, url: bytes, headers: Headers, body: bytes) -> QuickAnswer | None:
        """The answer to a whole request; None where it is to be asked as an ASGI application."""


class _Asked(NamedTuple):
    """A request of the short way. `keep`: the connection stays open after it."""

    method: bytes
    url: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    keep: bool


class QuickProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # Not what is loaded: uvicorn may have put an application of its own around it.
        application: object = config.app
        self._quick = application if isinstance(application, Quick) else None
        self._start = self._quick.quick_start if self._quick else b"\n"
        self._is_quick = False
        self._body: list[bytes] = []
        self._body_size = 0
        self._ready: list[_Asked] = []
        self._heads: dict[tuple[int, tuple[tuple[bytes, bytes], ...]], bytes] = {}
        self._heads_of: object = None
        self._idle: TimerHandle | None = None
        self._answered_s = 0.0

    def data_received(self, data: bytes) -> None:
        """Asyncio's. Answers are made after the parser is done: an error of ours is then no error of the caller's."""
        super().data_received(data)
        if self._ready:
            self._answer_ready()

    def on_message_begin(self) -> None:
        """The parser's: a request begins."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._is_quick = False

    def on_headers_complete(self) -> None:
        """The parser's: the head is whole. Of several requests in one piece each is answered after those before it."""
        url, headers = self.url, self.headers
        is_quick = url.startswith(self._start)
        if self._ready and not is_quick:
            self._answer_ready()
        self._is_quick = is_quick and (bool(self._ready) or self._is_free())
        if self._is_quick:
            self._body, self._body_size = [], 0
        else:
            self._begin_asgi(url, headers)

    def on_body(self, body: bytes) -> None:
        """The parser's: a part of the body."""
        if not self._is_quick or self._quick is None:
            super().on_body(body)
        elif self._body_size <= self._quick.quick_body_max:
            self._body.append(body)
            self._body_size += len(body)

    def on_message_complete(self) -> None:
        """The parser's: the request is whole."""
        if not self._is_quick:
            super().on_message_complete()
            return
        parts = self._body
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        keep = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        self._ready.append(_Asked(self.parser.get_method(), self.url, self.headers, body, keep))

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's."""
        if self._idle is not None:
            self._idle.cancel()
        super().connection_lost(exc)

    def _answer_ready(self) -> None:
        ready, self._ready = self._ready, []
        for asked in ready:
            self._answer(asked)

    def _is_free(self) -> bool:
        """Whether nothing is being answered on this connection, and its reader keeps up."""
        return (
            not self._is_busy()
            and not self.flow.write_paused
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
        )

    def _answer(self, asked: _Asked) -> None:
        if self.transport.is_closing():
            return
        quick = self._quick
        # Where one of several had to be asked otherwise, those that came after it wait behind it.
        found = None
        if quick is not None and self._is_free():
            limit = quick.quick_body_max + 1
            found = quick.answer_now(asked.method.decode("ascii"), asked.url, asked.headers, asked.body[:limit])
        if found is None:
            self._ask_asgi(asked)
            return
        length = b"content-length: %d\r\n%s\r\n" % (len(found.body), b"" if asked.keep else b"connection: close\r\n")
        self.transport.write(b"".join((self._head(found), length, found.body)))
        self.server_state.total_requests += 1
        if not asked.keep:
            self.transport.close()
            return
        self._answered_s = self.loop.time()
        if self._idle is None:
            self._idle = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        """Close a connection that asked nothing for so long; one timer does for all of its answers."""
        self._idle = None
        left_s = self._answered_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0 or self._is_busy():
            self._idle = self.loop.call_later(max(left_s, 0.1), self._close_if_idle)
        elif self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_handler()

    def _is_busy(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _head(self, answer: QuickAnswer) -> bytes:
        """Status line and headers, but for the length."""
        common = self.server_state.default_headers
        if common is not self._heads_of:
            # uvicorn makes them anew each second, with the date.
            self._heads, self._heads_of = {}, common
        known = self._heads.get((answer.status, answer.headers))
        if known is None:
            if any(_BAD_VALUE.search(value) for _, value in answer.headers):
                raise ValueError("expected values that a header may hold")
            lines = [b"%s: %s\r\n" % pair for pair in (*common, *answer.headers)]
            known = b"".join([STATUS_LINE[answer.status], *lines])
            if len(self._heads) < HEADS_MAX:
                self._heads[answer.status, answer.headers] = known
        return known

    def _ask_asgi(self, asked: _Asked) -> None:
        """Hand a whole request to the application as ASGI has it."""
        self._begin_asgi(asked.url, asked.headers)
        self.cycle.keep_alive = asked.keep
        self.cycle.scope["method"] = asked.method.decode("ascii")
        self.cycle.body += asked.body
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def _begin_asgi(self, url: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        super().on_message_begin()
        self.url, self.headers, self.scope["headers"] = url, headers, headers
        super().on_headers_complete()
