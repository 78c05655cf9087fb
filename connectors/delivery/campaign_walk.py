"""The walk through an audience: everybody this node acts for, in the order of keys, once.

Nothing of it is in memory alone: how far it is and the sends that it asked for are one batch, so a kill neither loses
nor repeats anybody. Profiles are read and judged outside of the lock; only what is written is written under it.
"""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

import msgspec

from connectors.cache.families import PROFILES
from connectors.cache.releases import Releases
from connectors.cache.rocks import Batch
from connectors.cache.rows import unpack_record
from connectors.cache.store import CacheStore
from connectors.delivery.audience import Audience
from connectors.delivery.campaign_rows import Key
from connectors.delivery.campaigns import Campaigns
from connectors.delivery.due_times import begins_ms, due_ms, until_ms
from connectors.delivery.queue import Waiting
from connectors.delivery.shares import send_id_of
from connectors.kafka.partitioning import partition_of_key
from schemas.campaigns import Campaign, CampaignRow, CampaignState
from schemas.codec import decode
from schemas.errors import CacheBusy, ConfigError
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.keys import split_key
from schemas.library import Template, WorkspaceSettings
from schemas.profiles import ToldProfile
from schemas.sending import SendRecord, Trigger

WALK_ROWS = 32
WALK_PAUSE_S = 0.002
"""So many people are looked at, then reads have the interpreter for so long: some 8 000 people a second."""
REST_S = 0.5

_log = logging.getLogger(__name__)


Place = tuple[str, Waiting | None]
"""A lane of the queue, and the row of it after which to go on."""


class Progress(Protocol):
    """How far this node has read the topics."""

    is_ready: bool


class Asking(Protocol):
    """What the walk needs of the ledger, holding the lock."""

    def ask_in(self, batch: Batch, workspace: WorkspaceId, trigger: Trigger) -> bool:
        """Ask for a send in a batch; False: it was asked for before, and stands as it stood."""

    def sweep(self, workspace: WorkspaceId, campaign: str, limit: int) -> int:
        """Bring back so many sends that were put off by a pause; return how many there were."""

    def records(self, workspace: WorkspaceId, user: UserId) -> list[SendRecord]:
        """A person's sends."""

    def find(self, workspace: WorkspaceId, send_id: SendId) -> SendRecord | None:
        """One send; None: it was never asked for here."""

    def cancel_queued(
        self, workspace: WorkspaceId, campaign: str, place: Place | None = None, limit: int = 1_000
    ) -> Place | None:
        """End the sends of a campaign among so many that wait; return where to go on, None: nowhere."""


class Found(NamedTuple):
    """Somebody of an audience. `name`: the key of the profile."""

    name: bytes
    user: UserId
    told: ToldProfile


class People:
    """The persons of a workspace that this node acts for, in the order of their keys.

    owned  the partitions that it acts for
    """

    def __init__(self, store: CacheStore, progress: Progress, owned: Collection[int]) -> None:
        self._store = store
        self._progress = progress
        self._owned = frozenset(owned)

    def after(self, workspace: WorkspaceId, after: bytes, limit: int) -> tuple[list[Found], bytes, bool] | None:
        """Those among so many profiles after a key; the key after which to go on, and whether there are more.

        None: there is no telling, for the profiles are being read anew. Mutant: look whatever; then
        `test_a_walk_waits_while_profiles_are_read_anew` fails.
        """
        if not self._is_ready():
            return None
        rows = self._store.scan_rows(PROFILES, after, limit)
        if not self._is_ready():
            return None
        found = [one for name, row in rows if (one := self._of(workspace, name, row)) is not None]
        return found, rows[-1][0] if rows else after, len(rows) == limit

    def still_here(self, found: Sequence[Found]) -> list[Found]:
        """Those whose profile is still there: of who was erased meanwhile nothing is written. Holding the lock."""
        rows = self._store.rows(PROFILES, [one.name for one in found])
        return [one for one, row in zip(found, rows, strict=True) if row is not None]

    def _is_ready(self) -> bool:
        return self._progress.is_ready

    def _of(self, workspace: WorkspaceId, name: bytes, row: bytes) -> Found | None:
        key, value = unpack_record(row)
        owner, user = split_key(key, 2)
        if owner != workspace or partition_of_key(key) not in self._owned:
            return None
        return Found(name, UserId(user), decode(ToldProfile, value))


class Walker:
    """Walks in a thread of its own."""

    def __init__(
        self,
        store: CacheStore,
        releases: Releases,
        campaigns: Campaigns,
        people: People,
        asking: Asking,
        *,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._releases = releases
        self._campaigns = campaigns
        self._people = people
        self._asking = asking
        self._clock_ms = clock_ms
        self._places: dict[Key, Place] = {}

    def run(self, stopping: threading.Event) -> None:
        """Walk until told to stop."""
        pause_s = REST_S
        while not stopping.wait(pause_s):
            try:
                pause_s = WALK_PAUSE_S if self.tick() else REST_S
            except CacheBusy as error:
                _log.warning("campaigns rest: %s", error)
                pause_s = REST_S
        self._campaigns.keep()

    def tick(self) -> bool:
        """Do a little for each campaign; whether there is more to do at once."""
        now_ms = self._clock_ms()
        has_more = False
        self._campaigns.blame_told(self._asking.records)
        self._campaigns.count_clicks(self._asking.find)
        for row in [*self._campaigns.rows.kept.values()]:
            if row.is_sweeping and row.state is not CampaignState.PAUSED:
                has_more |= self._sweep(row)
            if row.state is CampaignState.RUNNING and begins_ms(row.campaign, row.started_ms) <= now_ms:
                has_more |= self._walk(row, now_ms)
        if not has_more:
            self._campaigns.keep()
        return has_more

    def _walk(self, row: CampaignRow, now_ms: int) -> bool:
        """Ask for the sends of the next people; whether there are more."""
        campaign = row.campaign
        known = self._known(campaign)
        looked = self._people.after(campaign.workspace, row.cursor, WALK_ROWS) if known is not None else None
        if known is None or looked is None:
            return False
        audience, settings, template = known
        found, cursor, has_more = looked
        found = [one for one in found if audience.holds(one.told)]
        begun_ms = begins_ms(campaign, row.started_ms)
        # At once is at one time for all, however long the walk takes; what is local is still to come.
        is_local = campaign.best_hour or campaign.local_time >= 0
        from_ms = max(begun_ms, now_ms) if is_local else begun_ms
        due = {one.user: due_ms(campaign, one.told, settings, template.message_class, from_ms) for one in found}
        with self._store.drawing:
            current = self._campaigns.rows.kept.get((campaign.workspace, campaign.name))
            # Paused, cancelled or begun anew meanwhile: what was found is found again.
            if current is None or current.state is not CampaignState.RUNNING or current.cursor != row.cursor:
                return False
            return self._write(current, self._people.still_here(found), due, cursor, has_more=has_more)

    def _write(
        self, row: CampaignRow, found: Sequence[Found], due: dict[UserId, int], cursor: bytes, *, has_more: bool
    ) -> bool:
        """Queue people and move the cursor, in one batch.

        Mutant: write the cursor before it, in a batch of its own; then
        `test_a_kill_in_the_walk_neither_loses_nor_repeats_anybody` fails.
        """
        campaign, batch = row.campaign, self._store.batch()
        room = row.most - row.queued if row.most >= 0 else len(found)
        taken = found[: max(0, room)]
        if len(taken) < len(found) or room <= 0:
            # The limit is reached in the midst of them: the next comes first, should it be raised.
            cursor = taken[-1].name if taken else row.cursor
            has_more = False
        end_ms, now_ms = until_ms(campaign, row.started_ms), self._clock_ms()
        for one in taken:
            send_id = send_id_of(campaign.workspace, campaign.name, row.run, one.user)
            at_ms = self._campaigns.spaced_ms(row, due[one.user])
            trigger = Trigger(send_id, campaign.template, one.user, at_ms, end_ms, campaign.name)
            self._asking.ask_in(batch, campaign.workspace, trigger)
        state = CampaignState.RUNNING if has_more else CampaignState.DONE
        queued = row.queued + len(taken)
        row = msgspec.structs.replace(row, cursor=cursor, queued=queued, state=state)
        if not has_more:
            row = msgspec.structs.replace(row, changed_ms=now_ms)
            _log.info("campaign %s: its audience was walked through, %d are queued", campaign.name, queued)
        self._campaigns.rows.put(batch, row)
        self._store.commit(batch)
        return has_more

    def _sweep(self, row: CampaignRow) -> bool:
        """Settle what a pause put off; whether there is more."""
        workspace, name = row.campaign.workspace, row.campaign.name
        with self._store.drawing:
            if row.state is CampaignState.CANCELLED:
                # Kept in memory alone: after a restart it begins again, and finds what is left.
                place = self._asking.cancel_queued(
                    workspace, name, self._places.pop((workspace, name), None), WALK_ROWS
                )
                if place is not None:
                    self._places[workspace, name] = place
                    return True
            elif self._asking.sweep(workspace, name, WALK_ROWS) == WALK_ROWS:
                return True
            current = self._campaigns.rows.kept.get((workspace, name))
            # Cancelled, or begun anew, meanwhile: what that put off is settled next.
            if current is not None and (current.state, current.run) == (row.state, row.run):
                self._campaigns.swept(workspace, name)
        return False

    def _known(self, campaign: Campaign) -> tuple[Audience, WorkspaceSettings, Template] | None:
        """What the newest release says; None where it has no such template any more: the walk waits for one."""
        newest = self._releases.newest(campaign.workspace)
        found = [one for one in newest.release.templates if one.name == campaign.template] if newest else []
        if newest is None or not found:
            return None
        try:
            return Audience(campaign.audience, newest.release.settings), newest.release.settings, found[0]
        except ConfigError as error:
            _log.warning("campaign %s waits: %s", campaign.name, error)
            return None
