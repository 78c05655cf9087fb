"""Tells a node what came of its grants, until it has acknowledged each: a worker forgets no outcome."""

import asyncio
import logging
from collections import deque
from typing import Protocol

from connectors.delivery.worker_meters import WorkerMeters
from schemas.errors import TransientError
from schemas.sending import Grant, Told

TOLD_MAX = 256
"""Outcomes in one request."""
TOGETHER = 32
GATHER_S = 0.01
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

_log = logging.getLogger(__name__)


class NodeUnavailable(TransientError):
    """A node did not answer, or not as it should. What it was told it may know or not: tell it again."""


class Node(Protocol):
    """One node, as a worker sees it."""

    name: str

    async def grant(self, channel: str, most: int) -> list[Grant]:
        """Messages that may be sent now by a channel.

        Raises:
            NodeUnavailable: there is no telling. Whatever it granted all the same runs out by its lease.
        """

    async def tell(self, results: list[Told]) -> None:
        """Tell outcomes; telling them again changes nothing.

        Raises:
            NodeUnavailable: they may not be known.
        """


class Teller:
    """Of one node. Outcomes that come while it is being told go with the next request."""

    def __init__(self, node: Node, meters: WorkerMeters) -> None:
        self._node = node
        self._meters = meters
        self._results: deque[Told] = deque()
        self._grew = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()

    @property
    def untold(self) -> int:
        """How many outcomes the node has not acknowledged."""
        return len(self._results)

    def add(self, result: Told) -> None:
        """Tell this one too."""
        self._results.append(result)
        self._meters.untold.inc()
        self._emptied.clear()
        self._grew.set()

    async def emptied(self) -> None:
        """Wait until all are acknowledged."""
        await self._emptied.wait()

    async def run(self) -> None:
        """Tell, until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            await self._grew.wait()
            if len(self._results) < TOGETHER:
                # Each request is a write to the node's disk: those that come in a moment go with it.
                await asyncio.sleep(GATHER_S)
            part = [self._results[at] for at in range(min(TOLD_MAX, len(self._results)))]
            try:
                await self._node.tell(part)
            except NodeUnavailable as error:
                self._meters.node_errors.labels("told").inc()
                _log.warning("%s: cannot be told what came of %d grants yet: %s", self._node.name, len(part), error)
                await asyncio.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)
                continue
            pause_s = FIRST_PAUSE_S
            # Only now: mutant: forget them before they are told; then
            # `test_outcomes_are_told_until_the_node_acknowledges_them` fails.
            for _ in part:
                self._results.popleft()
            self._meters.untold.dec(len(part))
            if not self._results:
                self._grew.clear()
                self._emptied.set()
