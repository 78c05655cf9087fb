"""How fresh messages are, as a sender sees it: from the collector's 202 until a look shows the change."""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from itertools import count
from time import perf_counter
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from connectors.http.client import Client, HttpUnavailable
from schemas.ids import FieldName, TemplateName, UserId
from schemas.library import Release, Template

PEOPLE = 50
TIMEOUT_S = 5.0
POLL_S = 0.005
VALUE_LENGTH = 10
"""Digits of a probe's value. No filter of a layout changes digits, and so many stand in no message by chance."""


class ProbePlace(NamedTuple):
    """Where a probe's value can be seen."""

    template: TemplateName
    field: FieldName


class FreshnessProbe:
    """Changes a field of a made-up person, and times how long it takes until that person's message shows it.

    people     how many made-up persons take turns; as many probes may be under way at once
    name       begins their ids; no two probes of one workspace may have the same
    timeout_s  after this a probe is given up
    clock      seconds that only grow
    """

    def __init__(
        self,
        place: ProbePlace,
        collector: Client,
        gateway: Client,
        *,
        people: int = PEOPLE,
        name: str = "probe",
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._place = place
        self._collector = collector
        self._gateway = gateway
        self._free = deque(UserId(f"{name}-{number}") for number in range(people))
        self._numbers = count()
        self._timeout_s = timeout_s
        self._clock = clock

    async def probe(self) -> float | None:
        """Seconds from acceptance until it was seen; None: not seen in time, not accepted, or everybody is busy.

        A person's first probe also makes the person, so it says less than later ones: warm up by `settle`.
        """
        if not self._free:
            return None
        # The longest rested first, so that a change that came late is not taken for the next one's.
        person = self._free.popleft()
        try:
            return await self._seen_after(person, f"{next(self._numbers):0{VALUE_LENGTH}d}")
        except HttpUnavailable:
            return None
        finally:
            self._free.append(person)

    async def settle(self) -> None:
        """Make every person, a few at a time; returns when each was seen once or given up."""
        turns = asyncio.Semaphore(8)

        async def one() -> None:
            async with turns:
                await self.probe()

        await asyncio.gather(*(one() for _ in range(len(self._free))))

    async def _seen_after(self, person: UserId, value: str) -> float | None:
        call = {"userId": person, "messageId": f"{person}-{value}", "traits": {self._place.field: value}}
        reply = await self._collector.request("POST", "/v1/identify", msgspec.json.encode(call))
        accepted_s = self._clock()
        if reply.status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            return None
        template, user = quote(self._place.template, safe=""), quote(person, safe="")
        path = f"/v1/communications/{template}/{user}?format=json"
        while True:
            asked_s = self._clock()
            reply = await self._gateway.request("GET", path)
            now_s = self._clock()
            if value.encode() in reply.body:
                return now_s - accepted_s
            if now_s - accepted_s > self._timeout_s:
                return None
            await asyncio.sleep(max(0.0, asked_s + POLL_S - now_s))


def probe_place(release: Release) -> ProbePlace | None:
    """The first template that shows a field of text to everybody; None where no template does."""
    places = (
        ProbePlace(template.name, field.name)
        for template in release.templates
        for field in template.fields
        if field.kind == "text" and field.length_max >= VALUE_LENGTH and _shows(release, template, field.name)
    )
    return next(places, None)


def _shows(release: Release, template: Template, field: FieldName) -> bool:
    """Whether the field is printed in the language of people who have told none."""
    layout = release.layouts[template.layouts[release.settings.default_locale]]
    printed = rf"\{{\{{[^}}]*\bfields\.{re.escape(field)}\b"
    parts = (layout.html, layout.text, layout.subject, layout.preheader, layout.block)
    return any(re.search(printed, part) for part in parts)
