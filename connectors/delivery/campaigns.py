"""Campaigns of one node: begun, paused, gone on with, cancelled; and what the ledger asks of them at each grant.

Everything here is done holding the store's lock `drawing`, which grants hold too: what is decided here holds for the
next grant. Who is sent something is found by `campaign_walk`. See docs/adr/0034-campaigns-walk-at-the-owners.md.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from connectors.cache.releases import Releases
from connectors.cache.rocks import Batch
from connectors.cache.store import CacheStore
from connectors.delivery.campaign_counts import (
    BLAMED,
    BLAMED_WITHIN_MS,
    ENDS,
    content_of,
    may_be_blamed,
    names_of,
    names_of_blame,
)
from connectors.delivery.campaign_pauses import OPERATOR, reason_to_pause
from connectors.delivery.campaign_rows import CampaignRows, Key, Mark
from connectors.delivery.campaign_starts import FIRST_LIMIT, Order, Starts, conflict
from connectors.delivery.due_times import begins_ms
from connectors.delivery.granting import CANCELLED, PAUSED
from connectors.delivery.pace import CampaignPace, Parts
from connectors.delivery.send_rows import SendErased
from connectors.gateway.problems import not_found
from schemas.campaigns import Campaign, CampaignRow, CampaignState, WarmedUp
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.keys import split_key
from schemas.library import Template, WorkspaceSettings
from schemas.profiles import Suppression, ToldProfile
from schemas.sending import SendRecord

TOLD_MAX = 10_000
"""Complaints and bounces, and clicks, that wait to be put down to sends."""

_log = logging.getLogger(__name__)


class _Told(NamedTuple):
    """Why somebody may not be written to, as it was told."""

    workspace: WorkspaceId
    user: UserId
    suppression: Suppression


class Campaigns:
    """The campaigns of all workspaces at this node.

    parts  which part of each number is this node's
    """

    def __init__(self, store: CacheStore, releases: Releases, parts: Parts, *, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._releases = releases
        self._parts = parts
        self._clock_ms = clock_ms
        self.rows = CampaignRows(store)
        self._starts = Starts(self.rows, releases, parts, clock_ms)
        self._paces: dict[Key, CampaignPace] = {}
        self._dirty: set[Key] = set()
        self._told_of: deque[_Told] = deque(maxlen=TOLD_MAX)
        self._clicks: deque[tuple[WorkspaceId, SendId]] = deque(maxlen=TOLD_MAX)

    def of(self, workspace: WorkspaceId) -> list[CampaignRow]:
        """The campaigns of a workspace, by name."""
        return [row for (owner, _), row in sorted([*self.rows.kept.items()]) if owner == workspace]

    def row(self, workspace: WorkspaceId, name: str) -> CampaignRow:
        """Where a campaign stands.

        Raises:
            Problem: 404, it was never started here.
        """
        found = self.rows.kept.get((workspace, name))
        if found is None:
            raise not_found("no_campaign", f"expected a campaign that was started, {name} was not")
        return found

    @property
    def share(self) -> float:
        """Of all persons that this node acts for."""
        return self._parts.share

    def settings(self, campaign: Campaign) -> tuple[WorkspaceSettings, Template]:
        """What the newest release says, and the template that a campaign sends. Raises as `Starts.settings`."""
        return self._starts.settings(campaign)

    def check(self, order: Order) -> CampaignRow:
        """The row that a start would make. Raises as `Starts.check`."""
        return self._starts.check(order)

    def start(self, order: Order) -> CampaignRow:
        """Begin a campaign, or go on with one that stopped at its limit. Told twice, it is begun once.

        Raises:
            Problem: 404 or 409, it is refused.
        """
        with self._store.drawing:
            row = self.check(order)
            workspace = row.campaign.workspace
            known = self.rows.kept.get((workspace, row.campaign.name))
            batch = self._store.batch()
            if known is None or known.run != row.run:
                self._paces.pop((workspace, row.campaign.name), None)
                self.rows.begin(batch, (workspace, row.campaign.name))
            if row.is_live and order.limit is not None and order.limit > FIRST_LIMIT:
                first = self.rows.first_live(workspace)
                first = msgspec.structs.replace(first, freed_ms=first.freed_ms or self._clock_ms())
                self.rows.put_first_live(batch, workspace, first)
            self._put(batch, row)
        return row

    def pause(self, workspace: WorkspaceId, name: str, why: str = OPERATOR) -> CampaignRow:
        """Grant nothing more of it from now on. Told again, it does no more.

        Raises:
            Problem: 404 or 409, there is nothing to pause.
        """
        with self._store.drawing:
            return self._paused(self.row(workspace, name), why)

    def resume(self, workspace: WorkspaceId, name: str) -> CampaignRow:
        """Go on, with what a pause put off first. Automatic pauses judge anew.

        Raises:
            Problem: 404 or 409, it is not paused.
        """
        with self._store.drawing:
            row = self.row(workspace, name)
            if row.state in {CampaignState.RUNNING, CampaignState.DONE}:
                return row
            if row.state is CampaignState.CANCELLED:
                raise conflict("is_cancelled", f"expected a campaign that is paused, {name} was cancelled")
            return self._changed(row, state=CampaignState.RUNNING, why="", base=row.counted, is_sweeping=True)

    def cancel(self, workspace: WorkspaceId, name: str) -> CampaignRow:
        """End it: nothing more is granted, and what is queued ends as cancelled.

        Raises:
            Problem: 404, it was never started.
        """
        with self._store.drawing:
            row = self.row(workspace, name)
            if row.state is CampaignState.CANCELLED:
                return row
            return self._changed(row, state=CampaignState.CANCELLED, is_sweeping=True)

    def looked_at(self, row: CampaignRow) -> None:
        """Remember that a report of a campaign to real people was looked at, once its walk had ended."""
        if not row.is_live or row.state not in {CampaignState.DONE, CampaignState.CANCELLED}:
            return
        with self._store.drawing:
            first = self.rows.first_live(row.campaign.workspace)
            if not first.looked_ms:
                batch = self._store.batch()
                seen = msgspec.structs.replace(first, looked_ms=self._clock_ms())
                self.rows.put_first_live(batch, row.campaign.workspace, seen)
                self._store.commit(batch)

    def pace(self, workspace: WorkspaceId, record: SendRecord, now_ms: int) -> int:
        """0: a send of a campaign may be granted now; else after how many milliseconds to look again, or not at all.

        Asked holding the lock, right before the grant. Mutant: look at `state` nowhere; then
        `test_no_send_starts_after_an_acknowledged_pause` fails.
        """
        key = (workspace, record.campaign)
        row = self.rows.kept.get(key)
        if row is None:
            return 0
        if row.state is CampaignState.PAUSED:
            return PAUSED
        is_of_before = row.is_after_cancel and record.asked_ms < row.started_ms
        if row.state is CampaignState.CANCELLED or is_of_before:
            return CANCELLED
        wait_ms = self._pace(key, row).wait_ms(record.domain, now_ms)
        if not wait_ms and row.campaign.pace.warm_up:
            self._dirty.add(key)
        return wait_ms

    def spaced_ms(self, row: CampaignRow, due_ms: int) -> int:
        """When the next of those who are due at a time comes up, as far as the throttle tells."""
        return self._pace((row.campaign.workspace, row.campaign.name), row).spaced_ms(due_ms)

    def shares(self, workspace: WorkspaceId, campaign: str) -> tuple[float, float]:
        """Which shares of a campaign's audience are held out, and are sent default content."""
        row = self.rows.kept.get((workspace, campaign))
        if row is None:
            return 0.0, 0.0
        control = row.campaign.control
        if control < 0:
            newest = self._releases.newest(workspace)
            control = newest.release.settings.delivery.control if newest is not None else 0.0
        return row.campaign.holdout, control

    def counted(self, batch: Batch, workspace: WorkspaceId, record: SendRecord) -> None:
        """Count a send that came to its end, in the batch that ends it; too many bounces pause the campaign."""
        row = self.rows.kept.get((workspace, record.campaign))
        # One of a run before, which was counted there.
        if row is None or record.asked_ms < row.started_ms or record.state not in ENDS:
            return
        self._count(batch, row, names_of(record))

    def told_of_suppressed(self, key: bytes, told: ToldProfile) -> None:
        """Remember a complaint or a bounce that was told of somebody, for `blame_told`. From the follower's thread."""
        workspace, user = split_key(key, 2)
        if not any(owner == workspace for owner, _ in [*self.rows.kept]):
            return
        oldest_ms = self._clock_ms() - BLAMED_WITHIN_MS
        for suppression in told.contact.suppressed.values():
            if suppression.reason in BLAMED and suppression.at_ms >= oldest_ms:
                self._told_of.append(_Told(WorkspaceId(workspace), UserId(user), suppression))

    def blame_told(self, records_of: Callable[[WorkspaceId, UserId], Sequence[SendRecord]]) -> None:
        """Put down to sends what was told since the last time.

        records_of  a person's sends
        """
        while self._told_of:
            one = self._told_of.popleft()
            with self._store.drawing:
                records = records_of(one.workspace, one.user)
                self.blame(one.workspace, records, one.suppression.reason, one.suppression.at_ms)

    def blame(self, workspace: WorkspaceId, records: Sequence[SendRecord], reason: str, at_ms: int) -> None:
        """Put a complaint or a late bounce down to the newest send of a campaign to this person.

        records  of the person
        reason   `complaint` or `hard_bounce`, since `at_ms`

        Call it holding the lock. What was put down once is not put down again, however often it is told.
        """
        sent = [one for one in records if one.campaign and may_be_blamed(one, at_ms)]
        record = max(sent, key=lambda one: one.ended_ms, default=None)
        row = self.rows.kept.get((workspace, record.campaign)) if record is not None else None
        if record is None or row is None or record.asked_ms < row.started_ms:
            return
        self._count_once(Mark.BLAMED, row, record, names_of_blame(record, reason))

    def told_of_click(self, workspace: WorkspaceId, send_id: SendId) -> None:
        """Remember that a link of a send was followed, for `count_clicks`. From any thread; it does not wait."""
        self._clicks.append((workspace, send_id))

    def count_clicks(self, find: Callable[[WorkspaceId, SendId], SendRecord | None]) -> None:
        """Count sends of campaigns of which a link was followed since the last time, each once.

        find  a send; None: it is not known here
        """
        while self._clicks:
            workspace, send_id = self._clicks.popleft()
            with self._store.drawing, suppress(SendErased):
                record = find(workspace, send_id)
                row = self.rows.kept.get((workspace, record.campaign)) if record is not None else None
                if record is not None and row is not None and record.asked_ms >= row.started_ms:
                    names = {"clicks": 1, f"clicks:{content_of(record)}": 1}
                    self._count_once(Mark.CLICKED, row, record, names)

    def swept(self, workspace: WorkspaceId, name: str) -> None:
        """What a pause put off is settled. Call it holding the lock."""
        self._changed(self.row(workspace, name), is_sweeping=False)

    def keep(self) -> None:
        """Write what domains were sent today. A kill loses a moment of it, so a domain may get so many more."""
        with self._store.drawing:
            batch = self._store.batch()
            for key in sorted(self._dirty):
                ramp = self._paces[key].ramp if key in self._paces else None
                if ramp is not None:
                    self.rows.put_warmed_up(batch, key, WarmedUp(ramp.day, ramp.sent))
            if self._dirty:
                self._store.commit(batch)
            self._dirty.clear()

    def _count_once(self, kind: Mark, row: CampaignRow, record: SendRecord, names: Mapping[str, int]) -> None:
        key = (row.campaign.workspace, row.campaign.name)
        if not self.rows.is_marked(kind, key, record.send_id):
            batch = self._store.batch()
            self.rows.mark(batch, kind, key, record.send_id)
            self._count(batch, row, names)
            self._store.commit(batch)

    def _count(self, batch: Batch, row: CampaignRow, names: Mapping[str, int]) -> None:
        counted = dict(row.counted)
        for name, by in names.items():
            counted[name] = counted.get(name, 0) + by
        row = msgspec.structs.replace(row, counted=counted)
        why = reason_to_pause(counted, row.base)
        if why and row.state in {CampaignState.RUNNING, CampaignState.DONE}:
            _log.warning("campaign %s of %s is paused: %s", row.campaign.name, row.campaign.workspace, why)
            row = self._told(row, state=CampaignState.PAUSED, why=why)
        self.rows.put(batch, row)

    def _paused(self, row: CampaignRow, why: str) -> CampaignRow:
        if row.state is CampaignState.PAUSED:
            return row
        if row.state is CampaignState.CANCELLED:
            raise conflict("is_cancelled", f"expected a campaign that runs, {row.campaign.name} was cancelled")
        return self._changed(row, state=CampaignState.PAUSED, why=why)

    def _changed(self, row: CampaignRow, **fields: object) -> CampaignRow:
        batch = self._store.batch()
        row = self._told(row, **fields)
        self._put(batch, row)
        return row

    def _put(self, batch: Batch, row: CampaignRow) -> None:
        self.rows.put(batch, row)
        self._store.commit(batch)

    def _told(self, row: CampaignRow, **fields: object) -> CampaignRow:
        return msgspec.structs.replace(row, changed_ms=self._clock_ms(), **fields)

    def _pace(self, key: Key, row: CampaignRow) -> CampaignPace:
        found = self._paces.get(key)
        if found is None:
            began_ms = begins_ms(row.campaign, row.started_ms)
            found = self._paces[key] = CampaignPace.of(row.campaign.pace, self._parts, began_ms)
            kept = self.rows.warmed_up(key)
            if found.ramp is not None:
                found.ramp.day, found.ramp.sent = kept.day, dict(kept.sent)
        return found
