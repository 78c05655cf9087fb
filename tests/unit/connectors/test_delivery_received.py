"""Mails as another program receives them: aiosmtpd, which says nothing of 8-bit, and keeps every byte."""

import asyncio
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from connectors.delivery.channels.smtp import SmtpChannel
from connectors.delivery.mime import mail_of
from schemas.library import MessageClass
from schemas.sending import Grant, Outcome
from tests.support.delivery import a_grant, long_lease, relay_settings, stationery, verifies

LONG = "<p>" + "Größe und Güte, wohin man auch sieht. " * 400 + "</p>\n.\n..\nFrom here on\n"


class Inbox:
    """What aiosmtpd hands over."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.told: list[str] = []

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.told = [line for line in responses if "8BITMIME" not in line]
        return self.told

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 OK"


def received(grants: Sequence[Grant]) -> tuple[Inbox, list[Outcome]]:
    async def run() -> tuple[Inbox, list[Outcome]]:
        inbox, loop = Inbox(), asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(inbox, hostname="inbox", loop=loop), "127.0.0.1", 0)
        async with server:
            channel = SmtpChannel(relay_settings(server.sockets[0].getsockname()[1]), stationery())
            found = [await channel.send(grant, long_lease()) for grant in grants]
            await channel.close()
        return inbox, [attempt.outcome for attempt in found]

    return asyncio.run(run())


GRANTS = {
    "plain": a_grant(),
    "long": a_grant(html=LONG, text=LONG),
    "other script": a_grant(subject="Новости для вас " * 9, html="новости\n" * 200, text="новости"),
    "receipt": a_grant(message_class=MessageClass.TRANSACTIONAL),
    "text alone": a_grant(html="", text=".\n.dot\n..\nFrom me\n"),
    "html alone": a_grant(text=""),
    "quoted": a_grant(address="a..b@people.example"),
    "hostile": a_grant(subject="x\r\n.\r\nRSET", html="\r\n.\r\nMAIL FROM:<evil@people.example>\r\n", text="\n.\r\n"),
}


@pytest.mark.parametrize("name", GRANTS)
def test_what_is_received_is_what_was_sent_and_is_believed(name: str) -> None:
    grant = GRANTS[name]

    inbox, outcomes = received([grant])

    sent = mail_of(grant, stationery())
    ((sender, recipients, data),) = inbox.mails
    assert outcomes == [Outcome.SENT]
    assert not any("8BITMIME" in line for line in inbox.told)
    assert data == sent.data
    assert (sender, recipients) == (sent.sender, [sent.recipient.replace('"', "")])
    assert verifies(data)
    message = message_from_bytes(data, policy=policy.strict)
    assert isinstance(message, EmailMessage)
    assert not [part.defects for part in message.walk() if part.defects]
    assert ("List-Unsubscribe-Post" in message) is (grant.message_class is MessageClass.MARKETING)


def test_each_attempt_has_the_same_message_id_and_the_same_way_back() -> None:
    inbox, _ = received([a_grant(), a_grant(attempt=2, at_ms=a_grant().at_ms + 3_600_000)])

    ids = {message_from_bytes(data)["Message-ID"] for _, _, data in inbox.mails}
    assert len(inbox.mails) == 2
    assert len(ids) == len({sender for sender, _, _ in inbox.mails}) == 1
