"""Being a person of the demo: look at the message, click it, do something, and see what has changed."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any

import msgspec

from connectors.http.client import Client, HttpUnavailable
from foresend.demo.answers import Looked, decode_looked
from foresend.demo.playground.named import NamedPerson, deed_of, track
from foresend.demo.playground.pictures import with_stand_ins
from foresend.demo.playground.story import Change, Words, changes
from foresend.demo.traffic import draw_body, message_path
from schemas.ids import SendId, Tag, TemplateName, UserId
from schemas.library import Release

MESSAGES_MAX = 64
CHANGE_S = 1.5
"""So long an act is given to change the message before it is said that it has not."""
READING_S = 0.4
"""From a send to its click: by then its exposure is in the log before it."""
LOOK_S = 0.05


@dataclass
class View:
    """What was seen of one message of one person.

    before, now  the newest look, and the one before its content was another
    number       under which the message's HTML is kept
    problem      why there is nothing to see
    did          what the person did last, in words
    event        the event of that, if it was no click
    """

    now: Looked | None = None
    before: Looked | None = None
    number: int = 0
    problem: str = ""
    did: str = ""
    event: str = ""


class Playing:
    """The people who can be played, and what was seen of their messages.

    collector, gateway  clients of the event loop in which this is used
    """

    def __init__(self, release: Release, people: Sequence[NamedPerson], collector: Client, gateway: Client) -> None:
        self.people = {person.user: person for person in people}
        self.words = Words(release)
        # The one with most to choose from comes first, for it shows most.
        rich = sorted(release.templates, key=lambda one: -sum(len(slot.variants) for slot in one.slots))
        self.templates = [template.name for template in rich]
        self._release = release
        self._collector = collector
        self._gateway = gateway
        self._views: dict[tuple[UserId, TemplateName], View] = {}
        self._messages: OrderedDict[int, str] = OrderedDict()
        self._numbers = count(1)
        self._sends = count(1)

    async def look(self, user: UserId, template: TemplateName) -> View:
        """See the message as it is now.

        Raises:
            HttpUnavailable: the gateway does not answer.
        """
        view = self._views.setdefault((user, template), View())
        reply = await self._gateway.request("GET", message_path(template, user))
        view.problem = "" if reply.status == HTTPStatus.OK else f"the gateway answered {reply.status}"
        if not view.problem:
            self._see(view, decode_looked(reply.body))
        return view

    async def click(self, person: NamedPerson, template: TemplateName) -> View:
        """Draw a send, as a sender would, and click what was drawn.

        Raises:
            HttpUnavailable: a program does not answer.
        """
        send_id = SendId(f"page-{person.user}-{next(self._sends)}")
        reply = await self._gateway.request("POST", message_path(template, person.user), draw_body(send_id))
        if reply.status != HTTPStatus.OK:
            raise HttpUnavailable(f"expected the gateway to draw a message, it answered {reply.status}")
        drawn = decode_looked(reply.body)
        chance = f"drawn with a chance of {drawn.propensity:.0%}" if drawn.source == "entry" else "the default content"
        did = f"{person.name} was sent “{drawn.subject}”, {chance}, and clicked it."
        await asyncio.sleep(READING_S)
        events = [
            {"type": "track", "event": name, "properties": {"send_id": send_id}}
            for name in ("Email Opened", "Email Link Clicked")
        ]
        return await self._after(person, template, did, events)

    async def do(self, person: NamedPerson, template: TemplateName, event: str, tag: Tag) -> View | None:
        """Do something that the workspace's rules make a tag of; None where they do not.

        Raises:
            HttpUnavailable: a program does not answer.
        """
        deed = deed_of(self._release.settings, event, tag)
        if deed is None:
            return None
        view = await self._after(person, template, f"{person.name}: {deed.name}, {tag}.", [track(deed)])
        view.event = deed.name
        return view

    def changes(self, view: View) -> list[Change]:
        """What the newest look shows otherwise than the one before it."""
        return changes(view.before, view.now, self.words) if view.before and view.now else []

    def message(self, number: int) -> str | None:
        """The HTML of a message that was seen of late."""
        return self._messages.get(number)

    async def _after(
        self, person: NamedPerson, template: TemplateName, did: str, calls: Sequence[dict[str, Any]]
    ) -> View:
        """Tell what a person does, and look until it has changed the message, or has had the time to."""
        old = (await self.look(person.user, template)).now
        body = msgspec.json.encode({"batch": [{"userId": person.user, **call} for call in calls]})
        reply = await self._collector.request("POST", "/v1/batch", body)
        if reply.status != HTTPStatus.ACCEPTED:
            raise HttpUnavailable(f"expected the collector to take an event, it answered {reply.status}")
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + CHANGE_S
        while True:
            view = await self.look(person.user, template)
            if (view.now and old and view.now.decision != old.decision) or loop.time() > deadline_s:
                break
            await asyncio.sleep(LOOK_S)
        if view.now and old and view.now.decision == old.decision:
            view.before = view.now
        view.did = did
        return view

    def _see(self, view: View, look: Looked) -> None:
        if view.now is not None and view.now.decision == look.decision and view.now.variants == look.variants:
            return
        view.before, view.now, view.number = view.now, look, next(self._numbers)
        self._messages[view.number] = with_stand_ins(look.html, self._release, look.template, look.language)
        while len(self._messages) > MESSAGES_MAX:
            self._messages.popitem(last=False)
