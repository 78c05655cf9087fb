"""An HTTP server on loopback that keeps what it is sent, and answers as told."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

LOOPBACK = "127.0.0.1"


class Posted(NamedTuple):
    """One request; names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class HttpStandIn:
    """Answers each request with a status; 0: it hangs up instead.

    headers, body  of its answers
    """

    def __init__(
        self,
        status: int = 200,
        headers: dict[str, str] | None = None,
        body: bytes = b"{}",
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._context = context
        self.status = status
        self.headers = headers or {}
        self.body = body
        self.received: list[Posted] = []
        self.connections = 0
        self._server: asyncio.Server | None = None

    @property
    def authority(self) -> str:
        assert self._server is not None
        return f"{LOOPBACK}:{self._port}"

    @property
    def url(self) -> str:
        return f"http://{self.authority}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["HttpStandIn"]:
        self._server = await asyncio.start_server(self._session, LOOPBACK, 0, ssl=self._context)
        self._port = self._server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.stop()
            await asyncio.sleep(0)

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.received.append(Posted(head[0].split(" ")[1], headers, body))
            if self.status:
                lines = [f"{name}: {value}\r\n" for name, value in self.headers.items()]
                start = f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(self.body)}\r\n{''.join(lines)}\r\n"
                writer.write(start.encode() + self.body)
                await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()
