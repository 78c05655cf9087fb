"""Live traffic: the simulated people's lives, told to the collector and drawn for at the gateway, in real time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from itertools import count
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from connectors.http.client import Client, HttpUnavailable, Reply
from foresend.demo.answers import Drawn, decode_drawn
from foresend.demo.together import together
from foresend.simulation.simulation import Act, Occasion
from schemas.events import EventKind
from schemas.ids import SendId, SlotName, TemplateName, UserId, VariantId

TURN_S = 0.02
"""How often what has become due is looked up."""
TELL_EVERY_S = 0.04
"""At most so often a batch is sent."""
BATCH_MAX = 500
DRAWERS = 4
WAITING_MAX = 500
"""Acts or sends that may wait for the programs; with more, the people's time stands still."""
AGAIN_S = 0.2
"""Pause after a program did not answer."""


class People(Protocol):
    """Lives to be lived: the simulation, as far as it is used here."""

    def until(self, now_s: float) -> Iterator[Act | Occasion]:
        """Everything due up to a time, in order."""

    def shown(self, occasion: Occasion, variants: Mapping[SlotName, VariantId], *, personal: bool) -> None:
        """Tell what was drawn."""


class Traffic:
    """Tells acts in batches, and draws for sends; when the programs fall behind, the people wait for them.

    clock  seconds that only grow

    acts, sends  accepted and answered so far; what was `refused` became dead letters or got a problem for an answer
    fallbacks    sends that were answered with default content, by the gateway's reason
    held_s       how long the people's time stood still, for the programs could not follow
    """

    def __init__(self, people: People, collector: Client, gateway: Client, clock: Callable[[], float]) -> None:
        self._people = people
        self._collector = collector
        self._gateway = gateway
        self._clock = clock
        self._untold: list[Act] = []
        self._undrawn: asyncio.Queue[Occasion] = asyncio.Queue()
        self._numbers = count()
        self.acts = self.sends = self.refused = 0
        self.fallbacks: Counter[str] = Counter()
        self.held_s = 0.0

    async def run(self) -> None:
        """Go on until cancelled."""
        await together(self._live(), self._tell(), *(self._draw() for _ in range(DRAWERS)))

    @property
    def waiting(self) -> int:
        """Acts and sends that the programs have not taken yet."""
        return len(self._untold) + self._undrawn.qsize()

    async def _live(self) -> None:
        """Take from the people what has become due, as long as the programs follow."""
        before_s = self._clock()
        lived_s = 0.0
        while True:
            now_s = self._clock()
            if self.waiting > WAITING_MAX:
                self.held_s += now_s - before_s
            else:
                lived_s += now_s - before_s
                for due in self._people.until(lived_s):
                    if isinstance(due, Act):
                        self._untold.append(due)
                    else:
                        self._undrawn.put_nowait(due)
            before_s = now_s
            await asyncio.sleep(TURN_S)

    async def _tell(self) -> None:
        while True:
            batch, self._untold = self._untold[:BATCH_MAX], self._untold[BATCH_MAX:]
            if batch:
                await self._post([call_of(act, f"demo-{next(self._numbers)}") for act in batch])
            await asyncio.sleep(0 if self._untold else TELL_EVERY_S)

    async def _post(self, calls: list[dict[str, Any]]) -> None:
        """One batch; it may be sent again, for each call has an id."""
        body = msgspec.json.encode({"batch": calls})
        reply = await _answered(self._collector, "/v1/batch", body)
        is_taken = reply.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED)
        refused = len(msgspec.json.decode(reply.body)["refused"]) if is_taken else len(calls)
        self.refused += refused
        self.acts += len(calls) - refused

    async def _draw(self) -> None:
        while True:
            occasion = await self._undrawn.get()
            path = message_path(occasion.template, occasion.user)
            reply = await _answered(self._gateway, path, draw_body(occasion.send_id))
            if reply.status == HTTPStatus.OK:
                self._take(occasion, decode_drawn(reply.body))
            else:
                self.refused += 1

    def _take(self, occasion: Occasion, drawn: Drawn) -> None:
        self.sends += 1
        if drawn.source != "entry":
            self.fallbacks[drawn.reason] += 1
        self._people.shown(occasion, drawn.variants, personal=drawn.is_personal)


async def _answered(client: Client, path: str, body: bytes) -> Reply:
    """The answer to something that may be repeated, asked again for as long as the program is busy or away."""
    while True:
        try:
            reply = await client.request("POST", path, body)
        except HttpUnavailable:
            await asyncio.sleep(AGAIN_S)
            continue
        if reply.status != HTTPStatus.SERVICE_UNAVAILABLE:
            return reply
        await asyncio.sleep(AGAIN_S)


def call_of(act: Act, message_id: str) -> dict[str, Any]:
    """An act as a call of Segment's spec."""
    call: dict[str, Any] = {"type": act.kind.value, "messageId": message_id, "userId": act.user}
    if act.name:
        call["event" if act.kind is EventKind.TRACK else "name"] = act.name
    fields = {"properties": act.properties, "traits": act.traits, "context": act.context}
    return call | {name: value for name, value in fields.items() if value}


def message_path(template: TemplateName, user: UserId) -> str:
    """Where the gateway draws a person's message, and explains it."""
    return f"/v1/communications/{quote(template, safe='')}/{quote(user, safe='')}?format=json&explain=true"


def draw_body(send_id: SendId) -> bytes:
    """The body of a draw."""
    return msgspec.json.encode({"send_id": send_id})
