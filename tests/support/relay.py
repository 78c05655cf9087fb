"""A relay that does what a script says: answers, refuses, hangs, drips, resets, at any step of an SMTP session."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from typing import NamedTuple

LOOPBACK = "127.0.0.1"
DRIP_S = 0.02


class Act(Enum):
    """What a relay may do instead of answering."""

    HANG = "hang"
    DRIP = "drip"
    RESET = "reset"
    CLOSE = "close"


class Received(NamedTuple):
    """One message as it came: envelope, and the bytes between DATA and the dot, unstuffed."""

    sender: str
    recipient: str
    data: bytes


USUAL: Mapping[str, bytes] = {
    "BANNER": b"220 relay.example ready\r\n",
    "EHLO": b"250-relay.example\r\n250 SIZE 10000000\r\n",
    "HELO": b"250 relay.example\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go on\r\n",
    "DOT": b"250 2.0.0 queued as 1\r\n",
    "RSET": b"250 ok\r\n",
    "QUIT": b"221 bye\r\n",
    "STARTTLS": b"220 go ahead\r\n",
}
Answer = bytes | Act | Callable[[str], bytes | Act]


class Relay:
    """Takes messages on loopback.

    script    what is done at a step, where it is not the usual; a function of the line that came
    context   of TLS, by STARTTLS or from the first byte
    received  messages that were answered with 250
    seen      messages whose dot came, answered or not
    """

    def __init__(
        self,
        script: Mapping[str, Answer] | None = None,
        context: ssl.SSLContext | None = None,
        *,
        is_implicit: bool = False,
    ) -> None:
        self._is_implicit = is_implicit
        self.script: dict[str, Answer] = dict(script or {})
        self.received: list[Received] = []
        self.seen: list[Received] = []
        self.sessions = 0
        self.commands: list[str] = []
        self.on_dot: Callable[[Received], None] = lambda _: None
        self._context = context
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Relay"]:
        self._server = await asyncio.start_server(
            self._session, LOOPBACK, 0, ssl=self._context if self._is_implicit else None
        )
        try:
            yield self
        finally:
            self._server.close()
            for writer in tuple(self._writers):
                writer.transport.abort()
            await asyncio.sleep(0)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        self._writers.add(writer)
        try:
            await self._talk(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError, _Ended):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._answer(writer, "BANNER", "")
        sender = recipient = ""
        while line := (await reader.readline()).decode("utf-8", "replace").strip():
            verb = line.split(":")[0].split()[0].upper()
            self.commands.append(line)
            said = await self._answer(writer, verb, line)
            if verb == "STARTTLS" and said.startswith(b"220"):
                assert self._context is not None
                await writer.start_tls(self._context)
            sender = line.partition("<")[2].partition(">")[0] if verb == "MAIL" else sender
            recipient = line.partition("<")[2].rpartition(">")[0] if verb == "RCPT" else recipient
            if verb == "QUIT":
                return
            if verb == "DATA" and said.startswith(b"354"):
                if "BODY" in self.script:
                    await self._answer(writer, "BODY", "")
                data = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                found = Received(sender, recipient, data.replace(b"\r\n..", b"\r\n."))
                self.seen.append(found)
                self.on_dot(found)
                if (await self._answer(writer, "DOT", "")).startswith(b"250"):
                    self.received.append(found)

    async def _answer(self, writer: asyncio.StreamWriter, step: str, line: str) -> bytes:
        found = self.script.get(step, USUAL.get(step, b"500 what\r\n"))
        act = found(line) if callable(found) else found
        if isinstance(act, bytes):
            writer.write(act)
            await writer.drain()
            if act.startswith(b"421"):
                raise _Ended
            return act
        await _ACTS[act](writer)
        raise _Ended


class _Ended(Exception):
    """The session is over."""


async def _hang(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _drip(writer: asyncio.StreamWriter) -> None:
    """One byte now and then, and never the end of a line."""
    loop = asyncio.get_running_loop()
    while not writer.is_closing():
        writer.write(b"2")
        later = asyncio.Event()
        loop.call_later(DRIP_S, later.set)
        await later.wait()


async def _reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()


_ACTS = {Act.HANG: _hang, Act.DRIP: _drip, Act.RESET: _reset, Act.CLOSE: _close}
