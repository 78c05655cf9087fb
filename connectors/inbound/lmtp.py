"""The server's side of LMTP (RFC 2033): a mail server nearby hands over what came to our addresses.

Own, for what a mail may cost is bounded here: its beginning is kept, however long it is. One answer is given for each
recipient, as LMTP wants it. A mail ends with CRLF dot CRLF and nothing else.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from connectors.inbound.lmtp_input import CHUNK, LmtpInput

SIZE_MAX = 32 * 1024 * 1024
RECIPIENTS_MAX = 10
MISTAKES_MAX = 20
CONNECTIONS_MAX = 64
IDLE_S = 300.0
_PATH = re.compile(rb"(?i)(from|to):\s*<([^<>\r\n\x00]{0,1000})>((?: [!-~]+)*)\s*")

OK = "250 2.1.5 taken"
NOT_NOW = "451 4.3.0 not now, try again later"
TOO_LONG = "552 5.3.4 message too long"
BAD_SEQUENCE = "503 5.5.1 another command comes first"
BAD_SYNTAX = "501 5.5.4 expected <address>"
EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", f"SIZE {SIZE_MAX}")


class Handed(NamedTuple):
    """One mail for one recipient. `data`: its beginning."""

    data: bytes
    sender: str
    recipient: str


Take = Callable[[Handed], Awaitable[bool]]
"""Takes a mail in: whether it is safe now."""
Known = Callable[[str], bool]
"""Whether an address is ours."""


class LmtpServer:
    """Serves connections until it is closed."""

    def __init__(self, take: Take, known: Known, *, idle_s: float = IDLE_S) -> None:
        self._take = take
        self._known = known
        self._idle_s = idle_s
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port.

        Raises:
            OSError: it cannot.
        """
        self._server = await asyncio.start_server(self._serve, host, port, limit=CHUNK)
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def close(self, grace_s: float) -> None:
        """Take no more connections; those there are may finish what they are at."""
        if self._server is not None:
            self._server.close()
        if self._talks:
            await asyncio.wait(self._talks, timeout=grace_s)
        for talk in self._talks:
            talk.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._talks) >= CONNECTIONS_MAX:
            writer.write(b"421 4.3.2 too many connections\r\n")
            writer.close()
            return
        self._talks.add(task)
        try:
            async with asyncio.timeout(None) as patience:
                await _Talk(reader, writer, self._take, self._known, patience, self._idle_s).run()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Whoever hung up, or said too much at once, comes again or does not: nothing was promised.
            writer.transport.abort()
        finally:
            self._talks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class _Talk:
    """One connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        take: Take,
        known: Known,
        patience: asyncio.Timeout,
        idle_s: float,
    ) -> None:
        self._input = LmtpInput(reader)
        self._writer = writer
        self._take = take
        self._known = known
        self._patience = patience
        self._idle_s = idle_s
        self._greeted = False
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._mistakes = 0

    async def run(self) -> None:
        """Answer commands until the other side quits, or makes too many mistakes."""
        await self._say("220 foresend LMTP")
        while self._mistakes < MISTAKES_MAX:
            self._wait()
            line = await self._input.line()
            verb, _, rest = line.partition(b" ")
            word = verb.upper().decode("ascii", errors="replace")
            if word == "QUIT":
                await self._say("221 2.0.0 bye")
                return
            if word == "DATA":
                await self._data()
                continue
            answer = self._answer(word, rest)
            self._mistakes += answer[0] == "5"
            await self._say(answer)
        await self._say("421 4.7.0 too many mistakes")

    def _answer(self, word: str, rest: bytes) -> str:
        if word == "LHLO":
            self._greeted = True
            self._reset()
            return "\r\n".join([f"250-{one}" for one in ("foresend", *EXTENSIONS[:-1])] + [f"250 {EXTENSIONS[-1]}"])
        if word == "RSET":
            self._reset()
            return "250 2.0.0 forgotten"
        if word == "NOOP":
            return "250 2.0.0 still here"
        if word == "VRFY":
            return "252 2.5.2 send it and see"
        if word == "MAIL":
            return self._mail(rest)
        return self._rcpt(rest) if word == "RCPT" else "500 5.5.2 no such command"

    def _mail(self, rest: bytes) -> str:
        if not self._greeted or self._sender is not None:
            return BAD_SEQUENCE
        found = _PATH.fullmatch(rest)
        if found is None or found[1].lower() != b"from":
            return BAD_SYNTAX
        size = re.search(rb"(?i)\bSIZE=(\d{1,12})\b", found[3])
        if size is not None and int(size[1]) > SIZE_MAX:
            return TOO_LONG
        self._sender = found[2].decode(errors="replace")
        return "250 2.1.0 go on"

    def _rcpt(self, rest: bytes) -> str:
        if self._sender is None:
            return BAD_SEQUENCE
        found = _PATH.fullmatch(rest)
        if found is None or found[1].lower() != b"to":
            return BAD_SYNTAX
        if len(self._recipients) >= RECIPIENTS_MAX:
            return "452 4.5.3 too many recipients at once"
        recipient = found[2].decode(errors="replace")
        if not self._known(recipient):
            return "550 5.1.2 not an address of ours"
        self._recipients.append(recipient)
        return "250 2.1.5 go on"

    async def _data(self) -> None:
        if not self._recipients or self._sender is None:
            self._mistakes += 1
            await self._say(BAD_SEQUENCE)
            return
        await self._say("354 end with a dot")
        data, size = await self._input.mail(self._wait)
        for recipient in self._recipients:
            if size > SIZE_MAX:
                await self._say(TOO_LONG)
                continue
            # However long Kafka and nodes take: their own bounds hold.
            self._patience.reschedule(None)
            is_safe = await self._take(Handed(data, self._sender, recipient))
            # Mutant: answer before it is safe; then `test_nothing_is_acknowledged_that_kafka_has_not` fails.
            await self._say(OK if is_safe else NOT_NOW)
        self._reset()

    async def _say(self, answer: str) -> None:
        self._writer.write(answer.encode() + b"\r\n")
        self._wait()
        await self._writer.drain()

    def _wait(self) -> None:
        self._patience.reschedule(asyncio.get_running_loop().time() + self._idle_s)

    def _reset(self) -> None:
        self._sender, self._recipients = None, []
