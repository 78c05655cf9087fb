"""After a release: messages of older ones are asked for anew, at a bounded rate, where they are needed most first."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry

from connectors.cache.heads import head_of
from connectors.cache.outdated import Due, Outdated, Stored
from connectors.cache.releases import Releases
from connectors.cache.rocks import Batch
from connectors.cache.rows import OutboxRow
from connectors.metrics.making import counter, gauge
from schemas.errors import CacheBusy
from schemas.ids import ReleaseId, WorkspaceId

LOOK_ROWS = 100
LOOK_PAUSE_S = 0.005
"""So many entries are looked at, then reads have the interpreter for so long: some 15 000 entries a second."""
TICK_S = 0.1
REST_S = 1.0
AGAIN_MS = 3_600_000
"""Who was read only now, or did not get a render before, is found this long after everybody else had one."""
WAITING_S = 10
"""Persons waited for at most: as many as are asked for in so many seconds. A job that is away is not buried."""
WAITING_MIN = 16
SETTLED_MAX = 200
"""Of them are looked at in each tick, in turn."""
ASK_AGAIN_MS = 60_000
TRIES_MAX = 3
OUTBOX_ROWS_MAX = 1_000
LAG_RECORDS_MAX = 10_000
"""Nothing is asked for while more waits for Kafka, or while this node is further behind."""

_log = logging.getLogger(__name__)


class Entries(Stored, Protocol):
    """What renewing needs of the cache."""

    @property
    def outbox_rows(self) -> int:
        """How many records Kafka has not acknowledged yet."""

    def entry_named(self, name: bytes) -> tuple[bytes, bytes] | None:
        """Key and packed `Communication` of an entry."""

    def batch(self) -> Batch:
        """An empty batch."""

    def commit(self, batch: Batch, outbox: Sequence[OutboxRow] = ()) -> None:
        """Write a batch, and with it records for Kafka."""


class Progress(Protocol):
    """How far this node has read the topics."""

    is_ready: bool
    lag_records: int


class Asked(NamedTuple):
    """Somebody whose render is waited for."""

    due: Due
    at_ms: int
    tries: int


@dataclass(frozen=True)
class Pace:
    """How fast, and for whom.

    per_s      persons asked for in a second at most; 0: nobody
    active_ms  those are left alone who were neither read lately nor here within so long
    """

    per_s: float
    active_ms: int


class RenewalMeters:
    """What renewing tells on `/metrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.persons = counter("foresend_cache_renewals_total", registry)
        self.left = gauge("foresend_cache_renewals_left", registry)


class Renewer:
    """Renews in a thread of its own.

    Nothing is stored of how far it is: an entry tells its release, so after a restart those are found that are left.

    newest  the release of each workspace, as read so far
    row_of  the record that asks for somebody: of which key, for which release, when
    """

    def __init__(
        self,
        store: Entries,
        progress: Progress,
        meters: RenewalMeters,
        pace: Pace,
        *,
        newest: Callable[[], Mapping[WorkspaceId, ReleaseId]],
        row_of: Callable[[bytes, ReleaseId, int], OutboxRow],
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._progress = progress
        self._meters = meters
        self._pace = pace
        self._newest = newest
        self._row_of = row_of
        self._clock_ms = clock_ms
        self._for: Mapping[WorkspaceId, ReleaseId] = {}
        self._look: Outdated | None = None
        self._due: list[Due] = []
        self._waiting: deque[Asked] = deque()
        self._given_up: set[bytes] = set()
        self._resting_until_ms = 0
        self._paid_ms = 0
        self._allowance = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Renew until told to stop."""
        pause_s = REST_S
        while not stopping.wait(pause_s):
            try:
                pause_s = self.tick() if self._pace.per_s else REST_S
            except CacheBusy as error:
                _log.warning("nothing is asked for anew now: %s", error)
                pause_s = REST_S

    def tick(self) -> float:
        """Do a little; return how long to pause, in seconds."""
        now_ms = self._clock_ms()
        newest = self._newest()
        if newest != self._for:
            # The world that this node tells may be a moment behind the release: nothing is asked for at once.
            self._for, self._look, self._due, self._resting_until_ms = newest, None, [], 0
            self._waiting.clear()
            self._given_up.clear()
            return REST_S
        if not self._may_go(now_ms):
            return REST_S
        if self._look is not None:
            return self._look_on(self._look)
        self._settle(now_ms)
        self._ask(now_ms)
        self._meters.left.set(len(self._due) + len(self._waiting))
        if not self._due and not self._waiting:
            self._begin_look(now_ms)
        return TICK_S

    def _may_go(self, now_ms: int) -> bool:
        if not self._for or now_ms < self._resting_until_ms or not self._progress.is_ready:
            return False
        # Mutant: look at neither; then `test_nothing_is_asked_for_while_kafka_or_this_node_is_behind` fails.
        return self._store.outbox_rows <= OUTBOX_ROWS_MAX and self._progress.lag_records <= LAG_RECORDS_MAX

    def _begin_look(self, now_ms: int) -> None:
        self._look = Outdated(self._store, self._for, now_ms, self._pace.active_ms, self._given_up)

    def _look_on(self, look: Outdated) -> float:
        look.look(LOOK_ROWS)
        if not look.is_done:
            return LOOK_PAUSE_S
        self._look, self._due = None, look.due()
        self._allowance, self._paid_ms = 0.0, self._clock_ms()
        if self._due:
            _log.info("%d persons have messages of an older release", len(self._due))
            return TICK_S
        self._given_up.clear()
        self._resting_until_ms = self._clock_ms() + AGAIN_MS
        return REST_S

    def _settle(self, now_ms: int) -> None:
        """See who got a render; ask again for who did not for long, and in the end no more."""
        for _ in range(min(SETTLED_MAX, len(self._waiting))):
            asked = self._waiting.popleft()
            if self._is_answered(asked.due):
                self._meters.persons.labels("renewed").inc()
            elif now_ms - asked.at_ms < ASK_AGAIN_MS or (asked.tries < TRIES_MAX and self._allowance < 1):
                self._waiting.append(asked)
            elif asked.tries < TRIES_MAX:
                # Mutant: at no cost; then `test_who_is_asked_for_again_is_asked_for_within_the_pace_too` fails.
                self._allowance -= 1
                self._store.commit(self._store.batch(), [self._row_of(asked.due.key, asked.due.newest, now_ms)])
                self._waiting.append(Asked(asked.due, now_ms, asked.tries + 1))
            else:
                self._given_up.add(asked.due.name)
                self._meters.persons.labels("given_up").inc()

    def _is_answered(self, due: Due) -> bool:
        """Whether the entry is of the release by now, or not there any more."""
        found = self._store.entry_named(due.name)
        decision = None if found is None else head_of(found[1]).decision
        return decision is None or decision.release == due.newest

    def _ask(self, now_ms: int) -> None:
        # A clock that jumps gives one second's worth at most.
        self._allowance += min(1.0, max(0.0, (now_ms - self._paid_ms) / 1000)) * self._pace.per_s
        self._allowance, self._paid_ms = min(self._allowance, max(1.0, self._pace.per_s)), now_ms
        most = max(WAITING_MIN, int(WAITING_S * self._pace.per_s)) - len(self._waiting)
        count = min(int(self._allowance), most, len(self._due))
        if count <= 0:
            return
        self._allowance -= count
        # Whoever did something meanwhile has a new message already.
        asked = [due for due in [self._due.pop() for _ in range(count)] if not self._is_answered(due)]
        if asked:
            rows = [self._row_of(due.key, due.newest, now_ms) for due in asked]
            self._store.commit(self._store.batch(), rows)
        self._waiting.extend(Asked(due, now_ms, 1) for due in asked)
        self._meters.persons.labels("asked").inc(len(asked))


def newest_ids(releases: Releases) -> dict[WorkspaceId, ReleaseId]:
    """The release that each workspace has now."""
    found = {workspace: releases.newest(workspace) for workspace in releases.workspaces()}
    return {workspace: release.release.id for workspace, release in found.items() if release is not None}
