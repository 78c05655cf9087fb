"""A receiving mail server for benches: keeps every message, says nothing of 8-bit, and may kill whom it is told to.

`python -m foresend.bench.mail_sink PLAN`. aiosmtpd speaks the protocol.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from foresend.local.ports import LOOPBACK

AFTER_REPLY_S = 0.001
"""The reply is written, and has not always been read."""
PHASES = ("mail", "rcpt", "data", "stored", "replied")
"""Of a message: what was said last when the kill comes. `stored`: it is kept, and the sender does not know it."""


class Kill(msgspec.Struct, frozen=True):
    """Whom to kill, and when.

    after    so many messages since the kill before, at least
    phase    of the message that it comes at
    victim   the name of a file that holds a pid
    """

    after: int
    phase: str
    victim: str


class SinkPlan(msgspec.Struct, frozen=True):
    """Where to listen, what to write, and whom to kill."""

    port: int
    mails: str
    pids: str
    kills: list[Kill] = []


class KeptMail(msgspec.Struct, frozen=True, array_like=True):
    """One message that was taken: its envelope, and its bytes."""

    sender: str
    recipient: str
    data: bytes


def kept(file: Path) -> Iterator[KeptMail]:
    """All messages that a sink has kept, in the order in which they came."""
    decoder = msgspec.msgpack.Decoder(KeptMail)
    with file.open("rb") as mails:
        while length := mails.read(4):
            yield decoder.decode(mails.read(int.from_bytes(length)))


class _Killer:
    """Kills by plan: one at a time, and each when the phase of its message comes."""

    def __init__(self, plan: SinkPlan) -> None:
        self._kills = list(reversed(plan.kills))
        self._pids = Path(plan.pids)
        self.messages = 0
        """Since the kill before."""

    def reached(self, phase: str) -> None:
        """A message has come to a phase."""
        if self._kills and self._kills[-1].after <= self.messages and self._kills[-1].phase == phase:
            kill = self._kills[-1]
            with suppress(FileNotFoundError, ProcessLookupError, ValueError):
                os.kill(int((self._pids / kill.victim).read_text("ascii")), signal.SIGKILL)
                self._kills.pop()
                self.messages = 0


class _Handler:
    """What aiosmtpd asks."""

    def __init__(self, killer: _Killer, mails: BinaryIO) -> None:
        self._killer = killer
        self._mails = mails

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """Say nothing of 8BITMIME: whoever sends must do without it."""
        session.host_name = hostname
        return [line for line in responses if "8BITMIME" not in line]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """MAIL FROM was said."""
        self._killer.messages += 1
        self._killer.reached("mail")
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """RCPT TO was said."""
        self._killer.reached("rcpt")
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """The message came, with its dot: from here on it has arrived."""
        self._killer.reached("data")
        for recipient in envelope.rcpt_tos:
            packed = msgspec.msgpack.encode(KeptMail(envelope.mail_from, recipient, envelope.content))
            self._mails.write(len(packed).to_bytes(4) + packed)
        self._mails.flush()
        self._killer.reached("stored")
        asyncio.get_running_loop().call_later(AFTER_REPLY_S, self._killer.reached, "replied")
        return "250 2.0.0 OK"


def main(plan_file: str) -> None:
    """Receive until killed."""
    plan = msgspec.json.decode(Path(plan_file).read_bytes(), type=SinkPlan)
    asyncio.run(_serve(plan))


async def _serve(plan: SinkPlan) -> None:
    # Only here: the bench that starts this process has no need of it.
    from aiosmtpd.smtp import SMTP  # noqa: PLC0415

    killer = _Killer(plan)
    loop = asyncio.get_running_loop()
    with Path(plan.mails).open("ab") as mails:  # noqa: ASYNC230 - once, before anybody is heard
        handler = _Handler(killer, mails)
        server = await loop.create_server(
            lambda: SMTP(handler, hostname="sink.example", enable_SMTPUTF8=True, loop=loop), LOOPBACK, plan.port
        )
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
