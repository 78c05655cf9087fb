"""What the people who are played can have sent, and do about it: all over the API, as an app and a mail program do."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from connectors.http.client import Client, HttpUnavailable
from foresend.demo.inbox.mailbox import ONE_CLICK, Mail, Mailbox
from foresend.demo.playground.named import NamedPerson, introduction
from schemas.ids import SendId, TemplateName, UserId
from schemas.library import Release, TemplateKind
from schemas.sending import SendState

LOOK_S = 0.05
SETTLED_S = 3.0
"""So long an answer waits for what was asked to be done, so that the page shows it at once."""
_FORM = (("content-type", "application/x-www-form-urlencoded"),)


class SendLine(msgspec.Struct, frozen=True):
    """One send, as the gateway tells it."""

    send_id: SendId
    template: TemplateName
    state: SendState
    asked_ms: int
    reason: str = ""
    detail: str = ""
    fallback: str = ""

    @property
    def words(self) -> str:
        """Its state and why, as `skipped: unsubscribed`."""
        why = (self.detail or self.reason).replace("_", " ")
        return f"{self.state.value}: {why}" if why else self.state.value

    @property
    def is_open(self) -> bool:
        """Whether a moment may tell more."""
        return self.state in (SendState.QUEUED, SendState.GRANTED)


class _Sends(msgspec.Struct, frozen=True):
    sends: list[SendLine] = []


_sends = msgspec.json.Decoder(_Sends)


class Desk:
    """Sends, one-click and sign-ups.

    gateway  client of the event loop in which this is used; `origin`: its address, as its links name it
    """

    def __init__(self, release: Release, mailbox: Mailbox, collector: Client, gateway: Client, origin: str) -> None:
        self.mailbox = mailbox
        mails = [template for template in release.templates if template.kind is TemplateKind.EMAIL]
        self.templates = [template.name for template in mails]
        self._classes = {template.name: template.message_class.value for template in release.templates}
        self._release = release
        self._collector = collector
        self._gateway = gateway
        self._origin = urlsplit(origin)
        self._numbers = count(1)

    def class_of(self, template: TemplateName) -> str:
        """What a template is for."""
        return self._classes.get(template, "")

    async def send(self, person: NamedPerson, template: TemplateName) -> str:
        """Have a message sent, and say what became of it.

        Raises:
            HttpUnavailable: the gateway does not take it.
        """
        send_id = SendId(f"inbox-{person.user}-{next(self._numbers)}")
        body = msgspec.json.encode({"send_id": send_id, "template": template, "user": person.user})
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + SETTLED_S
        while True:
            # Asking again under the same id asks for nothing more.
            if not await self._ask(body):
                return f"{_words(template)} to {person.name}: skipped, erased; nothing more is kept of it."
            line = await self._settled(person, send_id, deadline_s)
            if line is not None or loop.time() > deadline_s:
                return f"{_words(template)} to {person.name}: {line.words if line else 'asked for'}."

    async def _ask(self, body: bytes) -> bool:
        """Ask for a send; False where it is known to have been of somebody who was erased."""
        reply = await self._gateway.request("POST", "/v1/send", body, (("content-type", "application/json"),))
        if reply.status not in (HTTPStatus.ACCEPTED, HTTPStatus.GONE):
            raise HttpUnavailable(f"expected the gateway to take a send, it answered {reply.status}")
        return reply.status == HTTPStatus.ACCEPTED

    async def sends(self, user: UserId) -> list[SendLine]:
        """What was decided of a person's sends, the newest first.

        Raises:
            HttpUnavailable: the gateway does not answer.
        """
        reply = await self._gateway.request("GET", f"/v1/users/{quote(user, safe='')}/sends")
        if reply.status != HTTPStatus.OK:
            return []
        return _sends.decode(reply.body).sends

    async def unsubscribe(self, mail: Mail) -> str:
        """What a mail program does where somebody presses its unsubscribe button (RFC 8058).

        Raises:
            HttpUnavailable: the gateway does not answer.
        """
        link = urlsplit(mail.one_click)
        if not mail.one_click:
            return "This mail has no one-click header under a signature that holds."
        if not self.leads_here(mail):
            return "Its one-click link leads elsewhere; this inbox speaks to the demo's own gateway only."
        path = f"{link.path}?{link.query}" if link.query else link.path
        reply = await self._gateway.request("POST", path, ONE_CLICK.encode(), _FORM)
        return f"POST {link.path[:24]}… with {ONE_CLICK}: {reply.status} {_phrase(reply.status)}."

    def leads_here(self, mail: Mail) -> bool:
        """Whether a mail's one-click link is one of the demo's own gateway."""
        link = urlsplit(mail.one_click)
        return (link.scheme, link.netloc) == (self._origin.scheme, self._origin.netloc)

    async def sign_up(self, person: NamedPerson) -> str:
        """Tell who it is once more, and that mail was asked for, as a form on a page would.

        Raises:
            HttpUnavailable: the collector does not take it.
        """
        calls = introduction(person, self._release)
        reply = await self._collector.request("POST", "/v1/batch", msgspec.json.encode({"batch": calls}))
        if reply.status != HTTPStatus.ACCEPTED:
            raise HttpUnavailable(f"expected the collector to take events, it answered {reply.status}")
        return f"{person.name} signed up: the app told the address, and the opt-in with its proof."

    async def _settled(self, person: NamedPerson, send_id: SendId, deadline_s: float) -> SendLine | None:
        """A send, once it has come to something, or time is over; None: nothing is told of it."""
        while True:
            await asyncio.sleep(LOOK_S)
            line = _of(await self.sends(person.user), send_id)
            if line is None or not line.is_open or asyncio.get_running_loop().time() > deadline_s:
                return line


def _of(lines: Sequence[SendLine], send_id: SendId) -> SendLine | None:
    return next((line for line in lines if line.send_id == send_id), None)


def _words(template: TemplateName) -> str:
    return template.replace("_", " ").capitalize()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def as_told(line: SendLine) -> dict[str, Any]:
    """A send as the page's JSON has it."""
    return {"send_id": line.send_id, "template": line.template, "state": line.state.value, "words": line.words}
