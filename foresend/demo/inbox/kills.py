"""Killing the job's task manager from the page, and counting what readers notice of it."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from time import perf_counter

import msgspec

from connectors.http.client import Client, HttpUnavailable
from foresend.demo.traffic import message_path
from schemas.ids import TemplateName, UserId

READ_EVERY_S = 0.02
GIVE_UP_S = 180.0
Kill = Callable[[Callable[[float], None]], bool]
"""Kills the task manager and starts it again; told the seconds once all of the job runs again. False: not now."""


class Outage(msgspec.Struct, frozen=True):
    """What came of a kill.

    seconds     since the kill, or until all of the job ran again
    reads       of messages by the gateway meanwhile; `failed`: those that got none
    slowest_ms  the longest of them took
    """

    is_over: bool
    seconds: float
    reads: int
    failed: int
    slowest_ms: float


class Kills:
    """The newest kill.

    kill   None: this demo has no task manager of its own that could be killed
    """

    def __init__(self, kill: Kill | None, gateway: Client) -> None:
        self._kill = kill
        self._gateway = gateway
        self._killed_s = 0.0
        self._back_in_s: float | None = None
        self._reads = self._failed = 0
        self._slowest_s = 0.0
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_possible(self) -> bool:
        """Whether there is one to kill."""
        return self._kill is not None

    def begin(self, users: Sequence[UserId], template: TemplateName) -> bool:
        """Kill it, and read these users' messages until it is back; False: not now."""
        if self._kill is None or self._is_under_way:
            return False
        if not self._kill(self._came_back):
            return False
        self._killed_s, self._back_in_s = perf_counter(), None
        self._reads = self._failed = 0
        self._slowest_s = 0.0
        self._reading = asyncio.get_running_loop().create_task(self._read(users, template))
        return True

    def told(self) -> Outage | None:
        """How it stands; None: nobody killed anything."""
        if self._reading is None:
            return None
        seconds = self._back_in_s if self._back_in_s is not None else perf_counter() - self._killed_s
        slowest_ms = self._slowest_s * 1000
        return Outage(self._back_in_s is not None, seconds, self._reads, self._failed, slowest_ms)

    @property
    def _is_under_way(self) -> bool:
        return self._reading is not None and not self._reading.done()

    def _came_back(self, seconds: float) -> None:
        """Told by another thread."""
        self._back_in_s = seconds

    async def _read(self, users: Sequence[UserId], template: TemplateName) -> None:
        while self._back_in_s is None and perf_counter() - self._killed_s < GIVE_UP_S:
            asked_s = perf_counter()
            path = message_path(template, users[self._reads % len(users)])
            try:
                is_read = (await self._gateway.request("GET", path)).status == HTTPStatus.OK
            except HttpUnavailable:
                is_read = False
            self._reads += 1
            self._failed += not is_read
            self._slowest_s = max(self._slowest_s, perf_counter() - asked_s)
            await asyncio.sleep(READ_EVERY_S)
