"""An HTTP client for our own programs on this machine: asyncio, connections that are kept, no dependency but a parser.

What loads a gateway must cost less than the gateway; general clients cost several times what `uvicorn` does.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from http import HTTPStatus
from types import TracebackType
from typing import NamedTuple, Protocol, Self, cast

from httptools import HttpParserError, HttpResponseParser

from schemas.errors import TransientError

Headers = Iterable[tuple[str, str]]
TIMEOUT_S = 10.0


class HttpUnavailable(TransientError):
    """Nobody answered, or not to the end; what was asked may have been done all the same."""


class Reply(NamedTuple):
    """One HTTP answer; names of headers in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Client(Protocol):
    """Asks one server."""

    async def request(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Reply:
        """Send one request and return the whole answer.

        Raises:
            HttpUnavailable: there is none.
        """


class HttpClient:
    """Keeps connections to one server, as many as requests were ever under way at once.

    timeout_s  how long one request may take, connecting included, once it has its turn
    tls        where the server is spoken to by https

    Requests beyond `connections` wait for their turn, first come, first served.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        connections: int = 8,
        timeout_s: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host, self.port = host, port
        self._tls = tls
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(connections)
        self._idle: deque[_Connection] = deque()
        self._open: set[_Connection] = set()

    async def request(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Reply:
        """Send one request and return the whole answer.

        path  percent-encoded as it is to be sent, with its query

        A kept connection that the server closes without a word is replaced, and the request sent again: send
        only what may be repeated.

        Raises:
            HttpUnavailable: no connection, no whole answer, or not in time.
        """
        message = _message(self.host, method, path, body, headers)
        async with self._turns:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._exchange(message)
            except TimeoutError:
                raise HttpUnavailable(f"{self._where(method)}: expected an answer in {self._timeout_s:g} s") from None
            except (OSError, HttpParserError) as error:
                raise HttpUnavailable(f"{self._where(method)}: expected an answer, got {error}") from error

    def close(self) -> None:
        """Hang up; requests under way fail."""
        for connection in tuple(self._open):
            connection.close()
        self._idle.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _exchange(self, message: bytes) -> Reply:
        while self._idle:
            # The newest first: the oldest then grow old enough for the server to close them.
            connection = self._idle.pop()
            if connection.is_open:
                try:
                    return await self._ask(connection, message)
                except _ClosedBefore:
                    continue
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(self._open), self.host, self.port, ssl=self._tls
        )
        return await self._ask(connection, message)

    async def _ask(self, connection: "_Connection", message: bytes) -> Reply:
        try:
            reply = await connection.ask(message)
        except BaseException:
            connection.close()
            raise
        if connection.is_open:
            self._idle.append(connection)
        return reply

    def _where(self, method: str) -> str:
        return f"{method} at {self.host}:{self.port}"


def _message(host: str, method: str, path: str, body: bytes, headers: Headers) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}"]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"content-length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class _ClosedBefore(ConnectionError):
    """The server closed the connection before it said a word: it had been kept for longer than the server does."""


class _Connection(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self, open_ones: "set[_Connection]") -> None:
        self._open_ones = open_ones
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._parser = HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._has_begun = False

    @property
    def is_open(self) -> bool:
        """Whether it can be asked once more."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, message: bytes) -> Reply:
        """Send a message and return what is answered."""
        if self._transport is None:
            raise _ClosedBefore
        self._has_begun = False
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's: connected."""
        # Not every loop's transports are subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio gives it
        """Asyncio's: the server, or we, hung up."""
        self._transport = None
        self._open_ones.discard(self)
        self._fail(ConnectionError("half an answer") if self._has_begun else _ClosedBefore("no answer"))

    def data_received(self, data: bytes) -> None:
        """Asyncio's: part of an answer."""
        self._has_begun = True
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(error)
            self.close()

    def on_message_begin(self) -> None:
        """The parser's: an answer begins."""
        self._headers = {}
        self._body = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's: one header."""
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """The parser's: a piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The parser's: the answer is whole, unless it only says that one is coming."""
        status = self._parser.get_status_code()
        if status < HTTPStatus.OK:
            return
        if not self._parser.should_keep_alive():
            self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(Reply(status, self._headers, b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
