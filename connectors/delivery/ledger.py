"""The ledger of sends: what was asked for, what is granted, and what came of it; at the node of each person.

All of it happens under the store's lock `drawing`, as draws, rights and erasures do, so that each comes before the
other or after it. What is granted is on the disk before a worker is told. See docs/adr/0031-one-ledger.md.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import msgspec

from connectors.cache.families import PERSON_BYTES
from connectors.cache.releases import Releases
from connectors.cache.rocks import Batch
from connectors.cache.store import CacheStore
from connectors.delivery.eligibility import Action, Verdict
from connectors.delivery.granting import CHANNELS, Case, Granting, Hooks, channel_of, ended, waiting
from connectors.delivery.leases import Lease, Leases
from connectors.delivery.ledger_meters import LedgerMeters
from connectors.delivery.outcomes import UNHEARD, Backoff, Outcomes
from connectors.delivery.queue import AMBIGUOUS, GRANTED, Queue, Waiting, lane_of, lanes_of, paused_lane
from connectors.delivery.send_rows import SendErased, SendIdTaken, SendRow, SendRows, Turn
from connectors.gateway.problems import Problem
from schemas.campaigns import Campaign
from schemas.errors import StateError
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.library import DeliverySettings, MessageClass
from schemas.sending import Grant, SendRecord, SendState, SkipReason, Told, Trigger
from schemas.topics import DAY_MS

TURN_GRANTS = 32
TURN_LOOKS = 200
"""Granted and looked at in one turn, so that it stays short: some 15 ms, in which nothing else is answered."""
GRANTS_MAX = 500
SENDS_TOLD_MAX = 1_000
UNMADE_MS = 60_000
"""What cannot be made, for its release is newer than this program or its bytes are damaged, is looked at again."""
IDLE_MS = 1_000
"""A worker asks again after this long where nothing is due."""


_log = logging.getLogger(__name__)


class LedgerTimes(NamedTuple):
    """How long things last.

    lease_ms    within which a worker must have begun; rights wait for it, so it is short
    unheard_ms  after which a worker that told nothing is taken for lost
    """

    lease_ms: int = 15_000
    unheard_ms: int = 300_000
    backoff: Backoff = Backoff()


class Granted(NamedTuple):
    """Messages that may be sent now. `wait_ms`: when to ask again; 0: at once."""

    grants: list[Grant]
    wait_ms: int


class Asked(NamedTuple):
    """What a request came to.

    is_new  it was not asked for before
    """

    record: SendRecord
    is_new: bool


class Ledger:
    """The ledger of one node. Its methods take the lock themselves; they are for any thread but where it is said.

    hooks  what campaigns decide
    """

    def __init__(
        self,
        store: CacheStore,
        releases: Releases,
        granting: Granting,
        *,
        clock_ms: Callable[[], int],
        monotonic_ms: Callable[[], int] | None = None,
        times: LedgerTimes | None = None,
        meters: LedgerMeters | None = None,
    ) -> None:
        self._store = store
        self._releases = releases
        self._granting = granting
        self._clock_ms = clock_ms
        times = times or LedgerTimes()
        self._queue = Queue(store)
        self._rows = SendRows(store)
        self._outcomes = Outcomes(times.backoff)
        self._leases = Leases(times.lease_ms, times.unheard_ms, monotonic_ms or _monotonic_ms)
        self._meters = meters
        if meters is not None:
            meters.watch(lambda: self.leases)
        self._restore_leases()

    @property
    def hooks(self) -> Hooks:
        """What campaigns decide of their sends."""
        return self._granting.hooks

    @hooks.setter
    def hooks(self, hooks: Hooks) -> None:
        """Have campaigns decide."""
        self._granting.hooks = hooks

    @property
    def leases(self) -> int:
        """How many grants nothing was told of yet."""
        return len(self._leases)

    def request(self, workspace: WorkspaceId, trigger: Trigger) -> Asked:
        """Have a message sent, once for each send id. It is on the disk when this returns.

        Raises:
            SendIdTaken: the id names a send of another user or template.
            SendErased: the id names one of somebody who was erased since.
        """
        with self._store.drawing:
            turn = self._turn()
            asked = self.ask(turn, workspace, trigger, self._clock_ms())
            turn.commit()
        self._store.sync()
        return asked

    def request_all(self, workspace: WorkspaceId, triggers: Iterable[Trigger]) -> int:
        """Have messages sent; those asked for before, or under a taken id, are passed over. Returns how many are new.

        They are on the disk when this returns.
        """
        new = 0
        with self._store.drawing:
            turn, now_ms = self._turn(), self._clock_ms()
            seen: set[SendId] = set()
            for trigger in triggers:
                if trigger.send_id in seen:
                    continue
                seen.add(trigger.send_id)
                try:
                    new += self.ask(turn, workspace, trigger, now_ms).is_new
                except (SendIdTaken, SendErased):
                    continue
            turn.commit()
        self._store.sync()
        return new

    def ask(self, turn: Turn, workspace: WorkspaceId, trigger: Trigger, now_ms: int) -> Asked:
        """Have a message sent as part of a turn that the caller commits, holding `drawing`. Raises as `request`."""
        known = self._rows.find(workspace, trigger.send_id)
        if known is not None:
            if (known.record.user, known.record.template) != (trigger.user, trigger.template):
                raise SendIdTaken
            return Asked(known.record, is_new=False)
        due_ms = max(trigger.at_ms, now_ms)
        message_class, channel = self._way(workspace, trigger)
        record = SendRecord(
            send_id=trigger.send_id,
            user=trigger.user,
            template=trigger.template,
            message_class=message_class,
            channel=channel,
            state=SendState.QUEUED,
            asked_ms=now_ms,
            due_ms=due_ms,
            until_ms=trigger.until_ms or due_ms + DAY_MS,
            campaign=trigger.campaign,
            lane=lane_of(message_class, channel),
        )
        names = self._store.names
        send, person = names.send(workspace, trigger.send_id), names.person(workspace, trigger.user)
        turn.add(SendRow(workspace, send, person, record))
        return Asked(record, is_new=True)

    def turn(self) -> Turn:
        """An empty turn, for `ask`."""
        return self._turn()

    def grant(self, workspace: WorkspaceId, limit: int, channels: Collection[str]) -> Granted:
        """Messages that may be sent now. The intent to send them is on the disk when this returns.

        Raises:
            Problem: 503, this node cannot know now.
        """
        grants: list[Grant] = []
        while True:
            try:
                turn = self.take(workspace, limit - len(grants), channels)
            except Problem:
                if not grants:
                    raise
                break
            grants += turn.grants
            if turn.wait_ms or len(grants) >= limit:
                break
        # Mutant: no sync; then `test_grants_are_on_the_disk_before_they_are_given` fails.
        self._store.sync()
        return Granted(grants, turn.wait_ms)

    def take(self, workspace: WorkspaceId, limit: int, channels: Collection[str]) -> Granted:
        """As `grant`, one turn of it; the caller has the store synced before anybody is told.

        From the event loop's thread. Fewer than were asked for and nothing to wait for: there is more.
        """
        limit = max(0, min(limit, TURN_GRANTS))
        with self._store.drawing:
            now_ms = self._clock_ms()
            turn = self._turn()
            grants: list[Grant] = []
            looks = TURN_LOOKS
            soonest_ms = now_ms + IDLE_MS
            for lane in self._lanes(workspace, channels):
                after = None
                while len(grants) < limit and looks > 0:
                    found = self._queue.first(workspace, lane, min(limit - len(grants), looks), after)
                    due = [one for one in found if one.due_ms <= now_ms]
                    if len(due) < len(found):
                        soonest_ms = min(soonest_ms, found[len(due)].due_ms)
                    if not due:
                        break
                    after, looks = due[-1], looks - len(due)
                    grants.extend(self._decided(turn, workspace, lane, due, now_ms))
                    if len(due) < len(found):
                        break
            self._commit(turn)
            for row in turn.granted:
                self._leases.begin(_lease(row))
        is_more = len(grants) >= limit or looks <= 0
        return Granted(grants, 0 if is_more else max(1, soonest_ms - now_ms))

    def tell(self, results: Sequence[Told]) -> None:
        """Let outcomes of attempts act. They are on the disk when this returns."""
        self.take_told(results)
        self._store.sync()

    def take_told(self, results: Sequence[Told]) -> None:
        """As `tell`, but the caller has the store synced before it acknowledges."""
        with self._store.drawing:
            turn, now_ms = self._turn(), self._clock_ms()
            seen: set[bytes] = set()
            told: list[bytes] = []
            for result in results:
                send = self._store.names.send(result.workspace, result.send_id)
                if send in seen:
                    # Rows are read as they stand: another outcome of the same send comes in a turn of its own.
                    turn = self._commit(turn)
                    seen.clear()
                seen.add(send)
                try:
                    row = self._rows.named(send)
                except SendErased:
                    self._drop_granted(turn, self._leases.of(send))
                    told.append(send)
                    continue
                if row is not None and row.record.attempt == result.attempt:
                    self._outcomes.apply(turn, row, result, now_ms)
                    told.append(send)
            self._commit(turn)
            for send in told:
                self._leases.end(send)

    def expire(self) -> int:
        """Let go of leases that ran out, and settle sends of which nothing was heard; return how many those are."""
        with self._store.drawing:
            now_ms = self._clock_ms()
            lost = self._leases.run_out()
            turn = self._turn()
            for lease in lost:
                try:
                    row = self._rows.named(lease.send)
                except SendErased:
                    self._drop_granted(turn, lease)
                    continue
                if row is not None and row.record.state is SendState.GRANTED and row.record.attempt == lease.attempt:
                    self._outcomes.unknown(turn, row, row.record, now_ms, UNHEARD)
            self._commit(turn)
            for lease in lost:
                self._leases.end(lease.send)
        return len(lost)

    def person_over(self, workspace: WorkspaceId, user: UserId) -> "Future[None]":
        """Done once nothing that was granted for a person so far may still begin: told of, or its lease ran out."""
        with self._store.drawing:
            return self._leases.over(self._store.names.person(workspace, user))

    def campaign_over(self, workspace: WorkspaceId, campaign: str) -> "Future[None]":
        """Done once nothing that was granted of a campaign so far may still begin. Holding the lock."""
        return self._leases.over((workspace, campaign))

    def ask_in(self, batch: Batch, workspace: WorkspaceId, trigger: Trigger) -> bool:
        """Have a message sent as part of a batch that the caller commits, holding the lock; a send id comes once in it.

        False: it was asked for before, or under another's id, and stands as it stood.
        """
        try:
            return self.ask_once(batch, workspace, trigger)
        except (SendIdTaken, SendErased):
            return False

    def ask_once(self, batch: Batch, workspace: WorkspaceId, trigger: Trigger) -> bool:
        """As `ask_in`, but refuses what `request` does. Raises as it does."""
        return self.ask(Turn(self._store, self._queue, batch), workspace, trigger, self._clock_ms()).is_new

    def sweep(self, workspace: WorkspaceId, campaign: str, limit: int) -> int:
        """Bring back so many sends that were put off by a pause, holding the lock; return how many there were.

        What then becomes of each, the campaign says when it is looked at.
        """
        turn, now_ms = self._turn(), self._clock_ms()
        found = self._queue.first(workspace, paused_lane(campaign), limit)
        for row in self._pointed(turn, workspace, paused_lane(campaign), found):
            turn.change(row, waiting(row.record, max(now_ms, row.record.due_ms), SendState.QUEUED))
        turn.commit()
        return len(found)

    def verdict(self, campaign: Campaign, user: UserId, at_ms: int) -> tuple[Verdict, str]:
        """Whether somebody would be sent a campaign's message at a time, and the receiving domain. Holding the lock."""
        newest = self._releases.newest(campaign.workspace)
        templates = newest.release.templates if newest is not None else ()
        template = next((one for one in templates if one.name == campaign.template), None)
        if newest is None or template is None:
            return Verdict(Action.SKIP, SkipReason.NOTHING_TO_SAY, "no_template"), ""
        settings = newest.release.settings
        case = Case(campaign.workspace, user, template, settings, campaign.name, campaign.holdout)
        return self._granting.verdict(self._turn(), case, at_ms)

    def cancel_queued(
        self, workspace: WorkspaceId, campaign: str, place: tuple[str, Waiting | None] | None = None, limit: int = 1_000
    ) -> tuple[str, Waiting | None] | None:
        """End the sends of a campaign among so many that wait for their time or a pause, holding the lock.

        place  as the call before returned it; None: from the beginning

        Returns where to go on: a lane, and the row after which; None: all were looked at.
        """
        lanes = [lane for owner, lane in self._queue.lanes() if owner == workspace and lane not in (GRANTED, AMBIGUOUS)]
        lane, after = place or (next(iter(lanes), ""), None)
        found = self._queue.first(workspace, lane, limit, after or Waiting(0, b"", b""))
        turn, now_ms = self._turn(), self._clock_ms()
        for row in self._pointed(turn, workspace, lane, found):
            if row.record.campaign == campaign:
                turn.change(row, ended(row.record, SendState.CANCELLED, now_ms))
        self._commit(turn)
        if len(found) == limit:
            return lane, found[-1]
        following = next((one for one in lanes if one > lane), None)
        return None if following is None else (following, None)

    def ambiguous(self, workspace: WorkspaceId, limit: int = SENDS_TOLD_MAX) -> list[SendRecord]:
        """Sends of which nobody knows whether they arrived, the oldest first."""
        found = self._queue.first(workspace, AMBIGUOUS, limit, Waiting(0, b"", b""))
        rows = self._rows.pointed([(one.pointer, one.send) for one in found])
        return [row.record for row in rows if row is not None]

    def resolve(self, workspace: WorkspaceId, send_ids: Sequence[SendId], *, is_sent: bool) -> int:
        """Settle sends that are in doubt: they were sent, or are sent again. Returns how many were in doubt."""
        settled = 0
        with self._store.drawing:
            turn, now_ms = self._turn(), self._clock_ms()
            for send_id in dict.fromkeys(send_ids):
                try:
                    row = self._rows.find(workspace, send_id)
                except SendErased:
                    continue
                if row is None or row.record.state is not SendState.AMBIGUOUS:
                    continue
                settled += 1
                if is_sent:
                    self._outcomes.sent(turn, row, row.record, row.record.granted_ms)
                else:
                    again = msgspec.structs.replace(row.record, until_ms=max(row.record.until_ms, now_ms + DAY_MS))
                    turn.change(row, waiting(again, now_ms, SendState.QUEUED))
            self._commit(turn)
        self._store.sync()
        return settled

    def records(self, workspace: WorkspaceId, user: UserId, limit: int = SENDS_TOLD_MAX) -> list[SendRecord]:
        """What was decided of a person's sends, those asked for last first."""
        return self._rows.of_person(workspace, user, limit)

    def find(self, workspace: WorkspaceId, send_id: SendId) -> SendRecord | None:
        """One send; None: it was never asked for.

        Raises:
            SendErased: nothing is left of it.
        """
        row = self._rows.find(workspace, send_id)
        return None if row is None else row.record

    def named(self, send: bytes) -> tuple[WorkspaceId, SendRecord] | None:
        """The send that a token in an envelope names (`connectors.delivery.tokens`). Raises as `find`."""
        row = self._rows.named(send)
        return None if row is None else (row.workspace, row.record)

    def _turn(self) -> Turn:
        return Turn(self._store, self._queue)

    def _commit(self, turn: Turn) -> Turn:
        """Write a turn, what ends in it counted, and begin another one."""
        for row in turn.ended:
            self.hooks.counted(turn.batch, row.workspace, row.record)
        turn.commit()
        if self._meters is not None:
            self._meters.count(turn)
        return self._turn()

    def _way(self, workspace: WorkspaceId, trigger: Trigger) -> tuple[MessageClass, str]:
        """Class and channel as the newest release has them; looked at again when it is due."""
        newest = self._releases.newest(workspace)
        templates = newest.release.templates if newest is not None else ()
        template = next((one for one in templates if one.name == trigger.template), None)
        if newest is None or template is None:
            # Of no channel yet: the next worker's question moves it.
            return MessageClass.MARKETING, ""
        return template.message_class, channel_of(newest.release.settings.delivery, template)

    def _lanes(self, workspace: WorkspaceId, channels: Collection[str]) -> list[str]:
        """Lanes to look into, the most urgent first.

        Also those of channels by which nothing goes any more: what waits there is moved to where it is looked for.
        """
        newest = self._releases.newest(workspace)
        settings = newest.release.settings.delivery if newest is not None else DeliverySettings()
        templates = newest.release.templates if newest is not None else ()
        used = {channel_of(settings, template) for template in templates}
        looked = [*dict.fromkeys([*channels, *(one for one in ("", *CHANNELS) if one not in used)])]
        return [lane for rank in zip(*map(lanes_of, looked), strict=True) for lane in rank]

    def _decided(
        self, turn: Turn, workspace: WorkspaceId, lane: str, due: Sequence[Waiting], now_ms: int
    ) -> list[Grant]:
        found = []
        for row in self._pointed(turn, workspace, lane, due):
            try:
                grant = self._granting.decide(turn, row, now_ms, self._leases.lease_ms)
            except StateError as error:
                # One that cannot be made now does not hold up all that come after it. Mutant: let it pass on; then
                # `test_one_that_cannot_be_made_does_not_hold_up_the_others` fails.
                _log.warning("a send is put off: %s", error)
                turn.change(row, waiting(row.record, now_ms + UNMADE_MS, SendState.HELD, detail="cannot be made now"))
                continue
            if grant is not None:
                found.append(grant)
        return found

    def _pointed(self, turn: Turn, workspace: WorkspaceId, lane: str, due: Sequence[Waiting]) -> list[SendRow]:
        """The sends of rows of the queue; rows of which nothing is left are taken out."""
        rows = self._rows.pointed([(one.pointer, one.send) for one in due])
        found = []
        for one, row in zip(due, rows, strict=True):
            if row is None or (row.record.lane, row.record.due_ms) != (lane, one.due_ms):
                turn.drop(workspace, lane, one.due_ms, one.send)
            else:
                found.append(row)
        return found

    def _drop_granted(self, turn: Turn, lease: Lease | None) -> None:
        """Take out of the queue what was granted to somebody who was erased since."""
        if lease is not None:
            turn.drop(lease.workspace, GRANTED, lease.granted_ms, lease.send)

    def _restore_leases(self) -> None:
        """Leases that were open when the node stopped, counted anew: their workers may be at it."""
        with self._store.drawing:
            for workspace, lane in self._queue.lanes():
                after = Waiting(0, b"", b"")
                while lane == GRANTED and (found := self._queue.first(workspace, lane, SENDS_TOLD_MAX, after)):
                    rows = self._rows.pointed([(one.pointer, one.send) for one in found])
                    for one, row in zip(found, rows, strict=True):
                        # Of somebody who was erased meanwhile the name is left.
                        self._leases.begin(_lease(row) if row else _lease_left(workspace, one))
                    after = found[-1]


def _lease(row: SendRow) -> Lease:
    record = row.record
    return Lease(row.workspace, row.send, row.person, record.campaign, record.attempt, record.granted_ms)


def _lease_left(workspace: WorkspaceId, one: Waiting) -> Lease:
    return Lease(workspace, one.send, one.pointer[:PERSON_BYTES], "", 0, one.due_ms)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
