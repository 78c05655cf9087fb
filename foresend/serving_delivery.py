"""What a node does of delivery, put together: the ledger, campaigns, mails that come back, and their threads."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from connectors.cache.follower import Follower
from connectors.cache.releases import Releases
from connectors.cache.store import CacheStore
from connectors.delivery.campaign_dry_run import DryRuns
from connectors.delivery.campaign_routes import CampaignDesk
from connectors.delivery.campaign_walk import People, Walker
from connectors.delivery.campaigns import Campaigns
from connectors.delivery.granting import Granting
from connectors.delivery.ledger import Ledger, LedgerTimes
from connectors.delivery.ledger_meters import LedgerMeters
from connectors.delivery.pace import Parts
from connectors.delivery.returns import ReturnDesk, ReturnTokens
from connectors.delivery.rights import Rights
from connectors.delivery.routes import DeliveryRoutes
from connectors.delivery.send_rows import SendRows
from connectors.delivery.sent_messages import SentMessages
from connectors.delivery.suppressions import Suppressions
from connectors.delivery.sweeping import Sweeper
from connectors.delivery.tracking import Tracker
from connectors.gateway.marks import MarkFiller
from connectors.gateway.nodes import Nodes
from connectors.gateway.reads import Reads
from connectors.gateway.routing import Route
from connectors.gateway.tokens import Signer
from schemas.errors import CacheBusy
from schemas.topics import PARTITIONS

_log = logging.getLogger(__name__)
LOOK_S = 0.25
"""How often it is looked which leases ran out."""


class Signing(NamedTuple):
    """How links of messages begin, and by what they are signed."""

    public_url: str
    secrets: Mapping[str, bytes]

    @property
    def signer(self) -> Signer:
        """Signs links."""
        return Signer(self.secrets)

    @property
    def marks(self) -> MarkFiller:
        """Fills send marks."""
        return MarkFiller(self.public_url, self.signer)


class Base(NamedTuple):
    """What delivery stands on.

    secret  the installation's
    """

    store: CacheStore
    releases: Releases
    progress: Follower
    reads: Reads
    nodes: Nodes
    clock_ms: Callable[[], int]
    signing: Signing
    secret: bytes


class Keeper:
    """Lets leases run out, in a thread of its own; and forgets sends that are old."""

    def __init__(self, ledger: Ledger, sweeper: Sweeper) -> None:
        self._ledger = ledger
        self._sweeper = sweeper

    def run(self, stopping: threading.Event) -> None:
        """Keep until told to stop."""
        while not stopping.wait(LOOK_S):
            try:
                self._ledger.expire()
                self._sweeper.step()
            except CacheBusy as error:
                _log.warning("leases are looked at again later: %s", error)


class Delivery:
    """Of one node.

    ledger  what was asked for, granted and told
    sent    messages as they were sent
    campaigns  of this node
    routes  paths of all of it
    runs    what has a thread of its own
    """

    def __init__(self, base: Base, times: LedgerTimes | None = None, meters: LedgerMeters | None = None) -> None:
        signing, store = base.signing, base.store
        tracker, tokens = Tracker(signing.public_url, signing.signer), ReturnTokens(signing.secrets)
        granting = Granting(
            store,
            base.releases,
            base.reads.choosing,
            signing.marks,
            Rights(store),
            Suppressions(store, base.secret).suppressed if base.secret else None,
            tracker.tracked,
            tokens.token,
        )
        self.ledger = Ledger(store, base.releases, granting, clock_ms=base.clock_ms, times=times, meters=meters)
        rows = SendRows(store)
        self.sent = SentMessages(rows, base.releases, tracker)
        own = DeliveryRoutes(self.ledger, store, base.releases, base.nodes, base.reads.require_ready)
        returns = ReturnDesk(rows, tokens, base.nodes)
        self.campaigns = Campaigns(
            store, base.releases, Parts(base.nodes.primary_partitions, PARTITIONS), clock_ms=base.clock_ms
        )
        self.ledger.hooks = self.campaigns
        desk, walker = self._campaigns(base)
        self.routes: list[Route] = [
            *own.routes(),
            *returns.routes(),
            *desk.routes(),
        ]
        self.runs = (Keeper(self.ledger, Sweeper(store, base.clock_ms)), walker)

    def _campaigns(self, base: Base) -> tuple[CampaignDesk, Walker]:
        people = People(base.store, base.progress, base.nodes.primary_partitions)
        dry_runs = DryRuns(base.store, people, self.ledger, base.reads.choosing, base.clock_ms)
        walker = Walker(base.store, base.releases, self.campaigns, people, self.ledger, clock_ms=base.clock_ms)
        return CampaignDesk(base.store, self.campaigns, dry_runs, self.ledger), walker
