"""The hands: asks nodes what may be sent, sends it, and tells what came of it. It keeps nothing on disk.

A worker may be killed at any moment: what it was granted and did not tell of is settled by the node when the lease runs
out, for each class of message by its own rule (docs/sends.md).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from connectors.delivery.channels.interface import Channel
from connectors.delivery.lease import Attempt, Lease, Unsendable
from connectors.delivery.telling import Node, NodeUnavailable, Teller
from connectors.delivery.worker_meters import WorkerMeters
from schemas.sending import Grant, Outcome, Told

T = TypeVar("T")
UNTOLD_MAX = 1_000
"""Of one node: with so many outcomes it was not told of, nothing more is asked of it."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How often nodes are asked.

    idle_s  after a node had nothing to send, or did not answer
    stop_s  how long messages under way may take once the worker was told to stop; then they are broken off
    """

    idle_s: float = 0.5
    stop_s: float = 30.0


class _Slots:
    """Free connections of one channel, shared by all nodes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = count
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def take(self) -> int:
        """All that are free, once a quarter of them is: a grant is a write to a node's disk, so few are not asked for.

        That many must be given back.
        """
        # In turn: whoever is woken by an event may find that all was taken by one who just came.
        async with self._turn:
            while self._free < max(1, self._count // 4):
                self._changed.clear()
                await self._changed.wait()
            taken, self._free = self._free, 0
            return taken

    def give_back(self, count: int) -> None:
        self._free += count
        self._changed.set()


class Worker:
    """Sends for all nodes by all channels it was given.

    `run` returns once it was told to stop, nothing is under way, and the nodes know all outcomes, or `stop_s` is over.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        channels: Mapping[str, Channel],
        meters: WorkerMeters,
        *,
        clock_ms: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        pace: Pace = Pace(),
    ) -> None:
        self._tellers = [(node, Teller(node, meters)) for node in nodes]
        self._channels = dict(channels)
        self._slots = {name: _Slots(channel.connections) for name, channel in channels.items()}
        self._meters = meters
        self._clock_ms = clock_ms
        self._clock = clock
        self._pace = pace
        self._asking: set[asyncio.Task[bool]] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._failed: asyncio.Future[None] | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until told to stop. An error that nobody expected ends the worker, and is raised."""
        self._failed = asyncio.get_running_loop().create_future()
        loops = [
            self._watched(asyncio.create_task(self._ask_on(node, teller, channel)))
            for node, teller in self._tellers
            for channel in self._channels.values()
        ]
        telling = [self._watched(asyncio.create_task(teller.run())) for _, teller in self._tellers]
        stop = asyncio.create_task(stopping.wait())
        either: list[asyncio.Future[Any]] = [stop, self._failed]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            self._is_stopping = True
            await _cancel(loops)
            await self._drain()
        finally:
            await _cancel([*loops, *self._asking, *self._sending, stop])
            await _cancel(telling)
            for channel in self._channels.values():
                await channel.close()
        if self._failed.done():
            self._failed.result()

    async def _drain(self) -> None:
        """Let what is under way come to its end, then tell.

        A question that a node is answering is waited for: grants that nobody hears of would be ambiguous for ever.
        """
        for tasks in (self._asking, self._sending):
            if tasks:
                await asyncio.wait(tasks, timeout=self._pace.stop_s)
        # Each tells what it knows: that it was not begun, or that nobody knows.
        await _cancel([*self._sending])
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.stop_s):
                for _, teller in self._tellers:
                    await teller.emptied()

    async def _ask_on(self, node: Node, teller: Teller, channel: Channel) -> None:
        """Ask one node for messages of one channel, as long as there are connections for them."""
        slots = self._slots[channel.name]
        while True:
            taken = await slots.take()
            asking = self._watched(asyncio.create_task(self._ask(node, teller, channel, taken)))
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
            if not await asyncio.shield(asking):
                await asyncio.sleep(self._pace.idle_s)

    async def _ask(self, node: Node, teller: Teller, channel: Channel, taken: int) -> bool:
        """Ask once, and begin to send what was granted; whether anything was."""
        granted: list[Grant] = []
        asked_s = self._clock()
        try:
            if teller.untold < UNTOLD_MAX and await self._is_ready(channel):
                # From before the question: the node's clock began to run later, if at all.
                asked_s = self._clock()
                granted = await node.grant(channel.name, taken)
        except NodeUnavailable as error:
            self._meters.node_errors.labels("grant").inc()
            _log.warning("%s: nothing is granted: %s", node.name, error)
        finally:
            self._slots[channel.name].give_back(taken - len(granted))
        for grant in granted:
            lease = Lease(asked_s + grant.lease_ms / 1000, self._clock)
            if self._is_stopping:
                lease.end()
            sending = self._watched(asyncio.create_task(self._send(channel, grant, lease, teller)))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        return bool(granted)

    async def _is_ready(self, channel: Channel) -> bool:
        found = await channel.ready()
        self._meters.tell_channel(channel.name, is_ready=found)
        return found

    async def _send(self, channel: Channel, grant: Grant, lease: Lease, teller: Teller) -> None:
        """Hand over one message, and tell what came of it, whatever happens."""
        started = self._clock()
        self._meters.under_way.labels(channel.name).inc()
        # What stands here is told where an error that nobody expected ends the attempt.
        attempt = Attempt(Outcome.NOT_BEGUN)
        try:
            attempt = await self._attempt(channel, grant, lease)
        finally:
            if lease.end() and attempt.outcome is Outcome.NOT_BEGUN:
                attempt = Attempt(Outcome.UNKNOWN)
            self._meters.under_way.labels(channel.name).dec()
            self._meters.count(grant, attempt.outcome)
            self._meters.seconds.labels(channel.name).observe(self._clock() - started)
            self._slots[channel.name].give_back(1)
            teller.add(_told(grant, attempt, self._clock_ms()))

    async def _attempt(self, channel: Channel, grant: Grant, lease: Lease) -> Attempt:
        if grant.channel != channel.name or not lease.is_valid:
            return Attempt(Outcome.NOT_BEGUN)
        try:
            return await channel.send(grant, lease)
        except Unsendable as error:
            _log.error("a message of template %s cannot be sent: %s", grant.template, error)
            return Attempt(Outcome.REFUSED, error.status)

    def _watched(self, task: asyncio.Task[T]) -> asyncio.Task[T]:
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)


def _told(grant: Grant, attempt: Attempt, at_ms: int) -> Told:
    return Told(grant.workspace, grant.send_id, grant.attempt, attempt.outcome, attempt.status, at_ms)


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
