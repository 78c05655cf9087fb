"""Connections to a relay, kept for the next message. aiosmtplib speaks the protocol; no reply outlives its command."""

import asyncio
import ssl
import time
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException, SMTPResponseException, SMTPServerDisconnected

IDLE_S = 20.0
"""Relays hang up on those who say nothing: Postfix after 300 s, others much sooner."""
MESSAGES_MAX = 200
"""On one connection; then another one may reach another of the relay's machines."""


@dataclass(frozen=True)
class Timeouts:
    """How long each phase may take. RFC 5321, 4.5.3.2, asks for minutes; a lease ends sooner, and so do these."""

    connect_s: float = 15.0
    command_s: float = 30.0
    message_s: float = 60.0
    answer_s: float = 120.0


@dataclass(frozen=True)
class SmtpSettings:
    """One relay.

    tls    `starttls`: asked for, and nothing is sent without; `implicit`: from the first byte; `none`: on loopback only
    hello  our own name, as told to the relay
    """

    host: str
    port: int
    tls: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    hello: str = "localhost"
    connections: int = 8
    timeouts: Timeouts = Timeouts()
    context: ssl.SSLContext | None = None


class Reply(NamedTuple):
    """A relay's answer."""

    code: int
    text: str


class Connection:
    """One session with the relay.

    is_kept   it was used before
    is_dirty  a transaction was begun and did not come to its end
    """

    def __init__(self, client: SMTP) -> None:
        self._client = client
        self.messages = 0
        self.used_s = 0.0
        self.is_kept = False
        self.is_dirty = False

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._client.is_connected

    def knows(self, extension: str) -> bool:
        """Whether the relay has an extension of ESMTP."""
        return self._client.supports_extension(extension)

    async def say(self, *words: bytes, timeout_s: float) -> Reply:
        """Say a command; words with control characters are refused by aiosmtplib, and never get here.

        Raises:
            SMTPException: no reply that makes sense, or not in time.
        """
        found = await self._client.execute_command(*words, timeout=timeout_s)
        return Reply(found.code, found.message)

    async def write(self, data: bytes) -> None:
        """Write a part of the message, as fast as the relay takes it.

        Raises:
            OSError: the relay has gone.
        """
        protocol = self._client.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        protocol.write(data)
        await protocol._drain_helper()  # noqa: SLF001 - asyncio's own name for waiting until a slow peer has read

    async def say_dot(self, timeout_s: float) -> Reply:
        """End the message, and return what the relay says to it."""
        protocol = self._client.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        protocol.write(b".\r\n")
        found = await protocol.read_response(timeout=timeout_s)
        return Reply(found.code, found.message)

    async def clean_up(self, timeout_s: float) -> None:
        """Forget a transaction that did not come to its end."""
        if self.is_dirty:
            await self._client.rset(timeout=timeout_s)
            self.is_dirty = False

    async def quit(self, timeout_s: float) -> None:
        """Say good bye."""
        try:
            await self._client.quit(timeout=timeout_s)
        except (SMTPException, OSError):
            self.close()

    def close(self) -> None:
        """Hang up without a word."""
        transport = self._client.transport
        self._client.close()
        if transport is not None:
            cast("asyncio.Transport", transport).abort()


class Pool:
    """Keeps connections that are not in use, the newest first."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._idle: deque[Connection] = deque()

    async def take(self, *, fresh: bool = False) -> Connection:
        """A connection that is ready for a message.

        Raises:
            SMTPResponseException: the relay says that it will not have us.
            SMTPException: there is no connection, or none that is safe.
        """
        while self._idle and not fresh:
            connection = self._idle.pop()
            if not connection.is_open or time.monotonic() - connection.used_s > IDLE_S:
                connection.close()
                continue
            try:
                await connection.clean_up(self._settings.timeouts.command_s)
            except (SMTPException, OSError):
                connection.close()
                continue
            return connection
        return await self._connect()

    def give_back(self, connection: Connection) -> None:
        """Keep it for another message, or hang up."""
        connection.messages += 1
        connection.is_kept = True
        connection.used_s = time.monotonic()
        if connection.is_open and connection.messages < MESSAGES_MAX:
            self._idle.append(connection)
        else:
            connection.close()

    async def close(self) -> None:
        """Say good bye on all of them."""
        while self._idle:
            await self._idle.pop().quit(1.0)

    async def _connect(self) -> Connection:
        settings = self._settings
        client = SMTP(
            hostname=settings.host,
            port=settings.port,
            local_hostname=settings.hello,
            timeout=settings.timeouts.connect_s,
            use_tls=settings.tls == "implicit",
            start_tls=settings.tls == "starttls",
            tls_context=settings.context,
            username=settings.user or None,
            password=settings.password or None,
        )
        try:
            async with asyncio.timeout(settings.timeouts.connect_s):
                await client.connect()
                if client.is_ehlo_or_helo_needed:
                    await self._greet(client)
        except BaseException:
            transport = client.transport
            client.close()
            if transport is not None:
                cast("asyncio.Transport", transport).abort()
            raise
        return Connection(client)

    async def _greet(self, client: SMTP) -> None:
        try:
            await client.ehlo()
        except SMTPResponseException as error:
            if error.code // 100 != 5:
                raise
            await client.helo()
