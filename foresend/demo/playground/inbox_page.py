"""The inbox of somebody who is played: mails as they were received, what was decided of each send, and what to do.

Forms and whole pages, as on the page beside it; nothing that a mail holds runs, or is loaded from anywhere.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from foresend.demo.inbox import desk as at_desk
from foresend.demo.inbox import erasures as at_erasures
from foresend.demo.inbox.desk import Desk, SendLine
from foresend.demo.inbox.erasures import Erasure, Erasures
from foresend.demo.inbox.kills import Kills, Outage
from foresend.demo.inbox.mailbox import Mail
from foresend.demo.playground.named import NamedPerson
from foresend.demo.playground.pictures import with_stand_ins
from foresend.demo.playground.web import Answer, address_of, as_json, html, is_loopback, message_html, plain, see_other
from schemas.ids import TemplateName, UserId
from schemas.library import Release

RESOURCES = Path(__file__).parent / "resources"
MAILS = "/mails/"
ACTS = ("sends", "one-clicks", "sign-ups", "erasures", "kills")


class _Shown(msgspec.Struct, frozen=True):
    """What there is of somebody's inbox at one moment."""

    mails: Sequence[Mail]
    sends: Sequence[SendLine]
    did: str
    erasure: Erasure | None
    outage: Outage | None

    @property
    def is_busy(self) -> bool:
        """Whether there will be more to see in a moment."""
        is_killed = self.outage is not None and not self.outage.is_over
        is_erasing = self.erasure is not None and self.erasure.is_running
        return is_killed or is_erasing or any(line.is_open for line in self.sends)


class InboxPage:
    """The inboxes of all people who can be played."""

    def __init__(
        self,
        release: Release,
        people: Sequence[NamedPerson],
        desk: Desk,
        erasures: Erasures,
        kills: Kills,
    ) -> None:
        self._release = release
        self._people = {person.user: person for person in people}
        self._desk = desk
        self._erasures = erasures
        self._kills = kills
        self._did: dict[UserId, str] = {}
        environment = Environment(
            loader=FileSystemLoader(RESOURCES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["clock"] = clock
        self._page = environment.get_template("inbox.html")

    async def show(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer | None:
        """An inbox, or a mail; None: the path is of something else.

        Raises:
            HttpUnavailable: the gateway does not answer.
        """
        if path.startswith(MAILS):
            return self._mail(path.removeprefix(MAILS), headers.get("host", ""))
        name, _, what = path.removeprefix("/").rpartition("/")
        person = self._people.get(UserId(name))
        if person is None or what not in ("inbox", "inbox.json"):
            return None
        shown = await self._shown(person)
        return as_json(self._told(person, shown)) if what.endswith(".json") else self._html(person, shown, query)

    async def act(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer | None:
        """Do what was asked, and show the inbox again; None: the path is of something else.

        Raises:
            HttpUnavailable: a program does not answer.
        """
        name, _, what = path.removeprefix("/").rpartition("/")
        person = self._people.get(UserId(name))
        if person is None or what not in ACTS:
            return None
        if not is_loopback(headers.get("host", "")):
            return plain(HTTPStatus.FORBIDDEN, "expected to be asked under this machine's own name")
        did = await self._do(person, what, form)
        if did is None:
            return plain(HTTPStatus.BAD_REQUEST, "expected a template, or a mail of this inbox")
        self._did[person.user] = did
        if "application/json" in headers.get("accept", ""):
            return as_json(self._told(person, await self._shown(person)))
        chosen = f"?mail={quote(form['mail'], safe='')}" if "mail" in form else ""
        return see_other(f"{address_of(person.user)}/inbox{chosen}")

    async def _do(self, person: NamedPerson, what: str, form: Mapping[str, str]) -> str | None:
        """What was done, in words; None where the form is wrong."""
        if what == "sends":
            template = TemplateName(form.get("template", ""))
            return await self._desk.send(person, template) if template in self._desk.templates else None
        if what == "one-clicks":
            mail = self._find(form.get("mail", ""))
            is_own = mail is not None and mail.recipient == person.address
            return await self._desk.unsubscribe(mail) if mail is not None and is_own else None
        if what == "sign-ups":
            return await self._desk.sign_up(person)
        if what == "erasures":
            self._erasures.begin(person.user)
            return f"{person.name}: an erasure was asked for."
        users = list(self._people)
        is_killed = self._kills.begin(users, self._release.templates[0].name)
        return "The task manager was killed (SIGKILL)." if is_killed else "No task manager can be killed now."

    async def _shown(self, person: NamedPerson) -> _Shown:
        return _Shown(
            mails=self._desk.mailbox.of(person.address),
            sends=await self._desk.sends(person.user),
            did=self._did.get(person.user, ""),
            erasure=self._erasures.of(person.user),
            outage=self._kills.told(),
        )

    def _html(self, person: NamedPerson, shown: _Shown, query: Mapping[str, str]) -> Answer:
        wanted = self._find(query.get("mail", ""))
        mail = wanted if wanted in shown.mails else next(iter(shown.mails), None)
        page = self._page.render(
            person=person,
            people=list(self._people.values()),
            mails=shown.mails,
            mail=mail,
            has_page=mail is not None and self._desk.leads_here(mail),
            sends=shown.sends,
            did=shown.did,
            erasure=shown.erasure,
            outage=shown.outage,
            can_kill=self._kills.is_possible,
            is_busy=shown.is_busy,
            templates=[(name, self._desk.class_of(name)) for name in self._desk.templates],
        )
        return html(page)

    def _told(self, person: NamedPerson, shown: _Shown) -> dict[str, Any]:
        return {
            "person": person.user,
            "address": person.address,
            "mails": [_mail_told(mail) for mail in shown.mails],
            "sends": [at_desk.as_told(line) for line in shown.sends],
            "did": shown.did,
            "erasure": at_erasures.as_told(shown.erasure),
            "outage": msgspec.to_builtins(shown.outage),
            "is_busy": shown.is_busy,
        }

    def _mail(self, name: str, host: str) -> Answer:
        mail = self._find(name.removesuffix(".eml"))
        if mail is None or not is_loopback(host):
            return plain(HTTPStatus.NOT_FOUND, "this mail is not kept any more; load the inbox again")
        if name.endswith(".eml"):
            return Answer(HTTPStatus.OK, "text/plain; charset=utf-8", mail.data)
        words = mail.part("text/html")
        for template in self._release.templates:
            for locale in template.layouts:
                words = with_stand_ins(words, self._release, template.name, locale)
        return message_html(words, host)

    def _find(self, number: str) -> Mail | None:
        is_number = number.isascii() and number.isdigit() and len(number) < 12
        return self._desk.mailbox.find(int(number)) if is_number else None


def clock(at_ms: int) -> str:
    """A time of day, UTC.

    >>> clock(3_723_000)
    '01:02:03'
    """
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S")


def _mail_told(mail: Mail) -> dict[str, Any]:
    signature = mail.signature
    return {
        "number": mail.number,
        "arrived_ms": mail.arrived_ms,
        "subject": mail.subject,
        "envelope": {"sender": mail.sender, "recipient": mail.recipient},
        "head": mail.head,
        "dkim": {"result": signature.result.value, "domain": signature.domain, "is_aligned": signature.is_aligned},
        "one_click": mail.one_click,
    }
