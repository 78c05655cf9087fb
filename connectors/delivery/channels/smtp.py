"""Channel `smtp`: by a relay of one's own. The line between not sent and perhaps sent is the message's last dot."""

import asyncio
import ssl
from typing import Protocol

from aiosmtplib.errors import SMTPException, SMTPResponseException

from connectors.delivery.channels.replies import Phase, attempt_of
from connectors.delivery.channels.resting import Rest
from connectors.delivery.channels.smtp_pool import Connection, Pool, Reply, SmtpSettings
from connectors.delivery.lease import Attempt, Lease
from connectors.delivery.mime import Mail, Stationery, mail_of
from schemas.sending import Grant, Outcome

NO_UTF8 = "5.6.7"
"""Addresses beyond ASCII are not taken (RFC 6531)."""
_LOST = (SMTPException, OSError, ssl.SSLError, TimeoutError)
"""How a connection ends or misbehaves. aiosmtplib's replies with a code are SMTPResponseException, which is looked at
first."""


class Unsigned(Protocol):
    """Counts messages that went without a signature of ours."""

    def inc(self) -> None:
        """One more."""


class SmtpChannel:
    """Sends by one relay.

    Commands are not pipelined: a round trip costs nothing where other connections fill it, and each reply then belongs
    to one command, whatever a broken relay says.
    """

    name = "smtp"

    def __init__(self, settings: SmtpSettings, stationery: Stationery, unsigned: Unsigned | None = None) -> None:
        self.connections = settings.connections
        self._settings = settings
        self._stationery = stationery
        self._pool = Pool(settings)
        self._rest = Rest()
        self._unsigned = unsigned

    async def ready(self) -> bool:
        """Whether there is a relay; after one that could not be reached, the next connection tells, not a message."""
        if self._rest.is_needed:
            return False
        if self._rest.failures:
            try:
                self._pool.give_back(await self._pool.take(fresh=True))
            except _LOST:
                self._rest.failed()
                return False
            self._rest.worked()
        return True

    async def send(self, grant: Grant, lease: Lease, /) -> Attempt:
        """Send one message."""
        mail = mail_of(grant, self._stationery)
        if self._unsigned is not None and not mail.is_signed:
            self._unsigned.inc()
        attempt, is_stale = await self._once(mail, lease)
        if is_stale:
            # The relay had closed a kept connection before it was told anything: a fresh one is no second attempt.
            attempt, _ = await self._once(mail, lease, fresh=True)
        return attempt

    async def close(self) -> None:
        """Hang up."""
        await self._pool.close()

    async def _once(self, mail: Mail, lease: Lease, *, fresh: bool = False) -> tuple[Attempt, bool]:
        """What came of one connection; and whether it was a kept one that broke before the relay said a word."""
        try:
            connection = await self._pool.take(fresh=fresh)
        except SMTPResponseException as error:
            self._rest.failed()
            return attempt_of(error.code, error.message, Phase.SESSION), False
        except _LOST:
            self._rest.failed()
            return Attempt(Outcome.SOFT), False
        transaction = _Transaction(connection, mail, lease, self._settings)
        try:
            attempt = await transaction.run()
        except _LOST:
            connection.close()
            return transaction.lost(), connection.is_kept and not transaction.was_answered
        except asyncio.CancelledError:
            connection.close()
            raise
        self._rest.worked()
        self._pool.give_back(connection)
        return attempt, False


class _Transaction:
    """One message on one connection."""

    def __init__(self, connection: Connection, mail: Mail, lease: Lease, settings: SmtpSettings) -> None:
        self._connection = connection
        self._mail = mail
        self._lease = lease
        self._settings = settings
        self.was_answered = False

    def lost(self) -> Attempt:
        """What is known once the connection was lost, or its replies make no sense."""
        return Attempt(Outcome.UNKNOWN if self._lease.has_begun else Outcome.SOFT)

    async def run(self) -> Attempt:
        """Say MAIL, RCPT, DATA and the message. Afterwards the connection is ready for another, or closed."""
        mail, options = self._mail, []
        if mail.is_international:
            if not self._connection.knows("smtputf8"):
                return Attempt(Outcome.REFUSED, NO_UTF8)
            options = [b"SMTPUTF8", b"BODY=8BITMIME"]
        if not self._lease.is_valid:
            return Attempt(Outcome.NOT_BEGUN)
        self._connection.is_dirty = True
        said = await self._say(b"MAIL", b"FROM:<" + mail.sender.encode() + b">", *options)
        if said.code != 250:
            return attempt_of(said.code, said.text, Phase.SESSION)
        said = await self._say(b"RCPT", b"TO:<" + mail.recipient.encode() + b">")
        if said.code not in (250, 251):
            return attempt_of(said.code, said.text, Phase.RECIPIENT)
        said = await self._say(b"DATA")
        if said.code != 354:
            return attempt_of(said.code, said.text, Phase.RECIPIENT)
        return await self._message()

    async def _message(self) -> Attempt:
        """The message but for its last dot, then the dot: until then no receiver may take it (RFC 5321, 4.1.1.4)."""
        timeouts = self._settings.timeouts
        async with asyncio.timeout(timeouts.message_s):
            # A message begins with a header, so no dot stands before the first line's end.
            await self._connection.write(self._mail.data.replace(b"\r\n.", b"\r\n.."))
        if not self._connection.is_open:
            return Attempt(Outcome.SOFT)
        if not self._lease.begin():
            self._connection.close()
            return Attempt(Outcome.NOT_BEGUN)
        # Mutant: tell SOFT where the answer to the dot is lost; then
        # `test_an_answer_that_never_comes_after_the_dot_is_told_as_unknown` fails.
        said = await self._connection.say_dot(timeouts.answer_s)
        self._connection.is_dirty = False
        return attempt_of(said.code, said.text, Phase.MESSAGE)

    async def _say(self, *words: bytes) -> Reply:
        said = await self._connection.say(*words, timeout_s=self._settings.timeouts.command_s)
        self.was_answered = True
        return said
