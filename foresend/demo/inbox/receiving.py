"""The receiving side: a mail server on loopback, in a thread of its own. aiosmtpd speaks the protocol."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from aiosmtpd.smtp import SMTP

from foresend.demo.inbox.checking import Lookup, checked
from foresend.demo.inbox.mailbox import Mailbox
from foresend.local.ports import LOOPBACK

HOST = "inbox.example"
MAIL_BYTES_MAX = 1_000_000
"""Gmail shows the first 102 KB of a message; nothing that is sent here is longer by far."""
STOP_S = 3.0
# At INFO aiosmtpd writes each line of each session down, addresses and all.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class _Receiver:
    """What aiosmtpd asks."""

    def __init__(self, mailbox: Mailbox, lookup: Lookup) -> None:
        self._mailbox = mailbox
        self._lookup = lookup

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Take mail for those who live here only, as a receiver does."""
        if not self._mailbox.knows(address):
            return "550 5.1.1 nobody of that name lives here"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the message as it came."""
        data: bytes = envelope.content
        signature = checked(data, self._lookup)
        for recipient in envelope.rcpt_tos:
            self._mailbox.add(time.time_ns() // 1_000_000, envelope.mail_from or "", recipient, data, signature)
        return "250 2.0.0 kept"


@contextmanager
def receiving(mailbox: Mailbox, lookup: Lookup) -> Iterator[int]:
    """The port on which mail is taken, for the length of a `with` block. `lookup`: the DNS that keys stand in."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        server = _Server(listener, _Receiver(mailbox, lookup))
        thread = Thread(target=server.run, name="inbox", daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.stop()
            thread.join(STOP_S)


class _Server:
    """Takes mail until it is stopped."""

    def __init__(self, listener: socket.socket, receiver: _Receiver) -> None:
        self._listener = listener
        self._receiver = receiver
        self._runs = Event()

    def run(self) -> None:
        """Go on until stopped: in a thread that has no event loop yet."""
        with asyncio.Runner() as runner:
            runner.run(self._serve())

    def stop(self) -> None:
        """Stop, from another thread."""
        if self._runs.wait(STOP_S):
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        # asyncio closes what it is given.
        server = await self._loop.create_server(self._session, sock=self._listener.dup())
        self._runs.set()
        async with server:
            await self._stopping.wait()

    def _session(self) -> SMTP:
        return SMTP(
            self._receiver,
            data_size_limit=MAIL_BYTES_MAX,
            enable_SMTPUTF8=True,
            hostname=HOST,
            ident="the demo's inbox",
            loop=self._loop,
        )
