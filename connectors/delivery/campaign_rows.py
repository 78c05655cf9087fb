"""Campaigns as a node keeps them: the family `campaigns`, read whole at the start, for there are few."""

from collections.abc import Iterator
from enum import StrEnum

from connectors.cache.families import CAMPAIGNS
from connectors.cache.rocks import Batch
from connectors.cache.store import CacheStore
from schemas.campaigns import CampaignRow, FirstLive, WarmedUp
from schemas.codec import decode, encode
from schemas.ids import SendId, WorkspaceId
from schemas.keys import join_key

Key = tuple[WorkspaceId, str]
_CAMPAIGN, _FIRST, _RAMP = "campaign", "first", "ramp"


class Mark(StrEnum):
    """What counts once for a send, however often it is told."""

    BLAMED = "blamed"
    CLICKED = "clicked"


class CampaignRows:
    """What is stored of campaigns. Changes are held together by whoever makes them, under the store's lock."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self.kept: dict[Key, CampaignRow] = {}
        after = _start(_CAMPAIGN)
        for _, packed in self._from(after):
            row = decode(CampaignRow, packed)
            self.kept[row.campaign.workspace, row.campaign.name] = row

    def put(self, batch: Batch, row: CampaignRow) -> None:
        """Keep a campaign as it is from now on."""
        workspace, name = row.campaign.workspace, row.campaign.name
        self.kept[workspace, name] = row
        batch.put(CAMPAIGNS, join_key(_CAMPAIGN, workspace, name), encode(row))

    def first_live(self, workspace: WorkspaceId) -> FirstLive:
        """How far a workspace is on its way to campaigns of any size."""
        packed = self._store.row(CAMPAIGNS, join_key(_FIRST, workspace))
        return FirstLive() if packed is None else decode(FirstLive, packed)

    def put_first_live(self, batch: Batch, workspace: WorkspaceId, row: FirstLive) -> None:
        """Keep it."""
        batch.put(CAMPAIGNS, join_key(_FIRST, workspace), encode(row))

    def warmed_up(self, key: Key) -> WarmedUp:
        """What each receiving domain was sent today."""
        packed = self._store.row(CAMPAIGNS, join_key(_RAMP, *key))
        return WarmedUp() if packed is None else decode(WarmedUp, packed)

    def put_warmed_up(self, batch: Batch, key: Key, row: WarmedUp) -> None:
        """Keep it."""
        batch.put(CAMPAIGNS, join_key(_RAMP, *key), encode(row))

    def is_marked(self, kind: Mark, key: Key, send_id: SendId) -> bool:
        """Whether something was counted for a send already."""
        return self._store.row(CAMPAIGNS, self._mark(kind, key, send_id)) is not None

    def mark(self, batch: Batch, kind: Mark, key: Key, send_id: SendId) -> None:
        """Remember that it was, until the campaign is begun anew."""
        batch.put(CAMPAIGNS, self._mark(kind, key, send_id), b"")

    def begin(self, batch: Batch, key: Key) -> None:
        """Forget what is left of a run before."""
        batch.delete(CAMPAIGNS, join_key(_RAMP, *key))
        for kind in Mark:
            for name, _ in self._from(join_key(kind, *key, "")):
                batch.delete(CAMPAIGNS, name)

    def _mark(self, kind: Mark, key: Key, send_id: SendId) -> bytes:
        # By the name in keys, which nobody finds out from a list of persons: an id of a send can be made of one.
        return join_key(kind, *key, self._store.names.send(key[0], send_id).hex())

    def _from(self, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        after = start
        while rows := self._store.scan_rows(CAMPAIGNS, after, 1_000):
            for key, packed in rows:
                if not key.startswith(start):
                    return
                yield key, packed
            after = rows[-1][0]


def _start(kind: str) -> bytes:
    return join_key(kind, "")
