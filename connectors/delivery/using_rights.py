"""A right is used: on the disk first, told to the job, acknowledged once no message is under way any more."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from http import HTTPStatus
from typing import Protocol

from connectors.cache.rows import OutboxRow
from connectors.cache.store import CacheStore
from connectors.delivery.rights import Rights
from connectors.gateway.problems import RETRY_AFTER, Problem
from schemas.ids import UserId, WorkspaceId
from schemas.rights import Asked, RightKind

WAIT_S = 20.0
"""An acknowledgement comes within it, or is refused."""


class Leases(Protocol):
    """What was granted to workers and may still begin."""

    def person_over(self, workspace: WorkspaceId, user: UserId) -> "Future[None]":
        """Done once nothing that was granted for a person may still begin: it was told, or its lease ran out."""


class NoLeases:
    """Of a node that grants nothing."""

    def person_over(self, workspace: WorkspaceId, user: UserId) -> "Future[None]":
        """At once."""
        del workspace, user
        over: Future[None] = Future()
        over.set_result(None)
        return over


class UsingRights:
    """Lets people use their rights, at the node that acts for them.

    wait_s  how long an acknowledgement may take
    """

    def __init__(self, store: CacheStore, leases: Leases, *, wait_s: float = WAIT_S) -> None:
        self.rights = Rights(store)
        self._store = store
        self._leases = leases
        self._wait_s = wait_s

    async def use(
        self, workspace: WorkspaceId, user: UserId, asked: Sequence[Asked], rows: Sequence[OutboxRow] = ()
    ) -> None:
        """Let rights hold. Returning means that nothing starts any more that they forbid.

        rows  what tells the job

        Raises:
            Problem: 503, a message is still under way; the rights hold all the same.
        """
        await self.write(workspace, user, asked, rows)
        await self.settle(workspace, user)

    async def write(
        self, workspace: WorkspaceId, user: UserId, asked: Sequence[Asked], rows: Sequence[OutboxRow] = ()
    ) -> None:
        """Have them on the disk: no grant and no draw that begins from now on misses them.

        Written under the lock, synced outside of it: others need not wait for the disk, and nobody is told before.
        """
        self.rights.take(workspace, user, asked, rows)
        # Mutant: leave this out; then `test_a_right_is_on_the_disk_before_it_is_acknowledged` fails.
        await asyncio.to_thread(self._store.sync)

    async def settle(self, workspace: WorkspaceId, user: UserId) -> None:
        """Return once no message is under way that was granted before.

        Raises:
            Problem: 503, one still is.
        """
        # Mutant: do not wait; then `test_nothing_starts_after_an_acknowledged_right` fails.
        over = asyncio.wrap_future(self._leases.person_over(workspace, user))
        try:
            await asyncio.wait_for(over, self._wait_s)
        except TimeoutError:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "still_sending",
                "it holds from now on, but a message granted before may still begin: ask again",
                RETRY_AFTER,
            ) from None


def is_for_all_nodes(asked: Asked) -> bool:
    """Whether draws heed it, which any node that holds the person answers: an unsubscription stops grants alone."""
    return asked.kind is not RightKind.UNSUBSCRIBE
