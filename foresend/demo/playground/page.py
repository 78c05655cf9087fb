"""A page on which anybody may be one of two people: the message as it is now, what to do, and what that has changed.

A bare ASGI application without scripts: what one does is a form, and every answer a whole page. All of it as JSON at
`/PERSON.json`, and for forms that are sent with `Accept: application/json`.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from connectors.http.client import HttpUnavailable
from foresend.demo.answers import terms_of
from foresend.demo.playground.inbox_page import InboxPage
from foresend.demo.playground.named import NamedPerson, deed_names, tags_of
from foresend.demo.playground.pictures import PATH as PICTURES
from foresend.demo.playground.pictures import stand_in
from foresend.demo.playground.playing import Playing, View
from foresend.demo.playground.story import Change, Contribution, WasNow, shown_now
from foresend.demo.playground.web import (
    Answer,
    Receive,
    Scope,
    Send,
    address_of,
    answer_with,
    as_json,
    body_of,
    html,
    is_loopback,
    message_html,
    plain,
    see_other,
)
from schemas.ids import SlotName, Tag, TemplateName, UserId, VariantId
from schemas.library import Release

RESOURCES = Path(__file__).parent / "resources"
MESSAGES = "/messages/"


class PersonView(msgspec.Struct, frozen=True):
    """What the page shows, as JSON."""

    person: UserId
    name: str
    template: TemplateName
    subject: str
    preheader: str
    source: str
    variants: dict[SlotName, VariantId]
    did: str
    changes: list[Change]
    contributions: dict[SlotName, Contribution]
    problem: str


class Page:
    """The application.

    day_s  seconds that one day of the people lasts
    inbox  None: there is none
    """

    def __init__(self, playing: Playing, release: Release, day_s: float, inbox: InboxPage | None = None) -> None:
        self._playing = playing
        self._inbox = inbox
        self._day_s = day_s
        self._deeds: Sequence[str] = deed_names(release.settings)
        self._tags: Sequence[Tag] = tags_of(release)
        environment = Environment(
            loader=FileSystemLoader(RESOURCES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["wasnow"] = was_now
        self._page = environment.get_template("page.html")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await body_of(receive) if scope["method"] == "POST" else b""
        try:
            answer = await self._answer(scope, body)
        except HttpUnavailable as error:
            answer = plain(HTTPStatus.SERVICE_UNAVAILABLE, f"a program of the demo does not answer: {error}")
        await answer_with(answer, send)

    async def _answer(self, scope: Scope, body: bytes) -> Answer:
        path: str = scope["path"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["method"] == "POST":
            if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
                return plain(HTTPStatus.FORBIDDEN, "expected a form of this page, got one of another site")
            form = dict(parse_qsl(body.decode("latin-1")))
            acted = await self._inbox.act(path, form, headers) if self._inbox else None
            return acted or await self._act(path, form, headers)
        if scope["method"] != "GET":
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, "expected GET or POST")
        if path == "/page.css":
            return Answer(HTTPStatus.OK, "text/css; charset=utf-8", (RESOURCES / "page.css").read_bytes())
        if path.startswith(MESSAGES):
            return self._message(path.removeprefix(MESSAGES), headers.get("host", ""))
        if path.startswith(PICTURES):
            return self._picture(scope["raw_path"].decode("latin-1").removeprefix(PICTURES))
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        shown = await self._inbox.show(path, query, headers) if self._inbox else None
        return shown or await self._show(path.removeprefix("/"), query)

    async def _show(self, name: str, query: Mapping[str, str]) -> Answer:
        people = self._playing.people
        if not name:
            return see_other(address_of(next(iter(people))))
        person = people.get(UserId(name.removesuffix(".json")))
        if person is None:
            return plain(HTTPStatus.NOT_FOUND, f"expected one of /{', /'.join(people)}")
        template = self._template(query)
        view = await self._playing.look(person.user, template)
        return (
            self._as_json(person, template, view) if name.endswith(".json") else self._as_html(person, template, view)
        )

    async def _act(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Do what was asked, and show the page again."""
        name, _, what = path.removeprefix("/").rpartition("/")
        person = self._playing.people.get(UserId(name))
        if person is None or what not in ("clicks", "deeds"):
            return plain(HTTPStatus.NOT_FOUND, "expected /PERSON/clicks or /PERSON/deeds")
        template = self._template(form)
        if what == "clicks":
            view: View | None = await self._playing.click(person, template)
        else:
            view = await self._playing.do(person, template, form.get("event", ""), Tag(form.get("tag", "")))
        if view is None:
            return plain(HTTPStatus.BAD_REQUEST, "expected an event and a tag as the workspace's tag rules have them")
        if "application/json" in headers.get("accept", ""):
            return self._as_json(person, template, view)
        return see_other(f"{address_of(person.user)}?template={quote(template, safe='')}")

    def _template(self, fields: Mapping[str, str]) -> TemplateName:
        wanted = TemplateName(fields.get("template", ""))
        return wanted if wanted in self._playing.templates else self._playing.templates[0]

    def _as_html(self, person: NamedPerson, template: TemplateName, view: View) -> Answer:
        found = self._playing.changes(view)
        rows = shown_now(view.before, view.now, self._playing.words) if view.now and view.now.explain else {}
        page = self._page.render(
            person=person,
            people=list(self._playing.people.values()),
            templates=self._playing.templates,
            template=template,
            has_inbox=self._inbox is not None,
            look=view.now,
            number=view.number,
            problem=view.problem,
            did=view.did,
            found=found,
            changed={change.slot for change in found},
            rows=rows,
            terms=terms_of(view.now.explain) if view.now and view.now.explain else (),
            deeds=self._deeds,
            deed=view.event,
            tags=self._tags,
            day_s=f"{self._day_s:g}",
        )
        return html(page)

    def _as_json(self, person: NamedPerson, template: TemplateName, view: View) -> Answer:
        look = view.now
        shown = PersonView(
            person=person.user,
            name=person.name,
            template=template,
            subject=look.subject if look else "",
            preheader=look.preheader if look else "",
            source=look.source if look else "",
            variants=look.variants if look else {},
            did=view.did,
            changes=self._playing.changes(view),
            contributions=shown_now(view.before, look, self._playing.words) if look else {},
            problem=view.problem,
        )
        return as_json(shown)

    def _message(self, number: str, host: str) -> Answer:
        message = self._playing.message(int(number)) if number.isascii() and number.isdigit() else None
        if message is None or not is_loopback(host):
            return plain(HTTPStatus.NOT_FOUND, "this message is not kept any more; load the person's page again")
        return message_html(message, host)

    def _picture(self, path: str) -> Answer:
        parts = [unquote(part) for part in path.split("/")]
        picture = (
            stand_in(self._playing.words, parts[0], SlotName(parts[1]), VariantId(parts[2]))
            if len(parts) == 3
            else None
        )
        if picture is None:
            return plain(HTTPStatus.NOT_FOUND, "expected /pictures/TEMPLATE/SLOT/VARIANT")
        return Answer(HTTPStatus.OK, "image/svg+xml", picture)


def was_now(value: WasNow | None) -> str:
    """A number as it is, and in brackets as it was, where it was another.

    >>> was_now(WasNow(0.2, 0.7)), was_now(WasNow(0.7, 0.7)), was_now(WasNow(None, None))
    ('0.70 (0.20)', '0.70', '–')
    """
    if value is None or value.now is None:
        return "–"
    now, was = f"{value.now:.2f}", None if value.was is None else f"{value.was:.2f}"
    return now if was in (None, now) else f"{now} ({was})"
