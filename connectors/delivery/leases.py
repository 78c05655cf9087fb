"""Open leases: what was granted, and may still begin to be sent. Whoever lets a right hold waits until none is left.

Time is the node's monotonic clock. A worker counts its lease from before it asked, by its own: so it is over there
before it is over here. After a restart each lease that was on the disk is counted anew in full, for nobody knows how
long the node was away.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from schemas.ids import WorkspaceId

MARGIN_MS = 1_000
"""Two clocks run apart by less in a lease: 1 in 15, where bad ones differ by 1 in 1 000."""

Whose = tuple[str, ...] | bytes
"""A person's name in keys, or `(workspace, campaign)`."""


@dataclass(frozen=True)
class Lease:
    """Of one grant.

    send, person  what it and whom it goes to are called in keys
    granted_ms    when, by the wall clock: its place in the queue
    ends_ms       monotonic: nothing of it begins after
    unheard_ms    monotonic: whoever got it is taken for lost then
    """

    workspace: WorkspaceId
    send: bytes
    person: bytes
    campaign: str
    attempt: int
    granted_ms: int
    ends_ms: int = 0
    unheard_ms: int = 0

    @property
    def whose(self) -> tuple[Whose, ...]:
        """Who waits for its end."""
        return (self.person, (self.workspace, self.campaign)) if self.campaign else (self.person,)


class Leases:
    """All open leases of a node. Called under the store's lock `drawing` only.

    lease_ms    within which a worker must have begun
    unheard_ms  after which one that told nothing is taken for lost: longer than any conversation with a receiver
    """

    def __init__(self, lease_ms: int, unheard_ms: int, monotonic_ms: Callable[[], int]) -> None:
        self.lease_ms = lease_ms
        self._unheard_ms = unheard_ms
        self._monotonic_ms = monotonic_ms
        self._leases: dict[bytes, Lease] = {}
        self._open: dict[Whose, set[bytes]] = {}
        self._waiting: dict[Whose, list[Future[None]]] = {}

    def __len__(self) -> int:
        """How many were granted and not told of."""
        return len(self._leases)

    def begin(self, lease: Lease) -> None:
        """A grant was written; its times are counted from now."""
        now_ms = self._monotonic_ms()
        ends_ms = now_ms + self.lease_ms + MARGIN_MS
        lease = replace(lease, ends_ms=ends_ms, unheard_ms=max(ends_ms, now_ms + self._unheard_ms))
        self._leases[lease.send] = lease
        for whose in lease.whose:
            self._open.setdefault(whose, set()).add(lease.send)

    def of(self, send: bytes) -> Lease | None:
        """The lease of a send; None: nothing was granted, or it was told what came of it."""
        return self._leases.get(send)

    def end(self, send: bytes) -> None:
        """What came of it was told, or it is taken for lost; nothing happens where there is none."""
        lease = self._leases.pop(send, None)
        if lease is not None:
            self._close(lease)

    def run_out(self) -> list[Lease]:
        """Let go of those that may begin no more; return those of which nothing was heard for too long."""
        now_ms = self._monotonic_ms()
        for lease in self._leases.values():
            if lease.ends_ms <= now_ms:
                self._close(lease)
        return [lease for lease in self._leases.values() if lease.unheard_ms <= now_ms]

    def is_open(self, whose: Whose) -> bool:
        """Whether something of a person or campaign may still begin. It may be asked without the lock."""
        now_ms = self._monotonic_ms()
        leases = [self._leases.get(send) for send in list(self._open.get(whose, ()))]
        return any(lease is not None and lease.ends_ms > now_ms for lease in leases)

    def over(self, whose: Whose) -> "Future[None]":
        """Done once nothing of a person or campaign that was granted so far may still begin."""
        future: Future[None] = Future()
        if whose in self._open:
            self._waiting.setdefault(whose, []).append(future)
        else:
            future.set_result(None)
        return future

    def _close(self, lease: Lease) -> None:
        for whose in lease.whose:
            sends = self._open.get(whose)
            if sends is None:
                continue
            sends.discard(lease.send)
            if not sends:
                del self._open[whose]
                for future in self._waiting.pop(whose, ()):
                    if not future.done():
                        future.set_result(None)
