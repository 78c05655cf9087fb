"""A node with campaigns in this process: an audience, a walk by calls, and the desk that answers for them."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connectors.delivery.campaign_dry_run import DryRunPage, DryRuns
from connectors.delivery.campaign_routes import CampaignDesk
from connectors.delivery.campaign_starts import Order
from connectors.delivery.campaign_walk import People, Walker
from connectors.delivery.campaigns import Campaigns
from connectors.delivery.ledger import LedgerTimes
from connectors.delivery.pace import Parts
from connectors.gateway.answers import Answer
from connectors.gateway.routing import Request, Router
from schemas.campaigns import Campaign, CampaignRow
from schemas.sending import Grant, SendRecord
from schemas.topics import PARTITIONS
from tests.support.delivering import LedgerInProcess
from tests.support.messages import NEWS, WORKSPACE

NAME = "sale"
TICKS_MAX = 10_000


def sale(**fields: Any) -> Campaign:
    """A campaign of `news`, which nobody is held out of."""
    return Campaign(NAME, WORKSPACE, NEWS, **{"control": 0.0, **fields})


class CampaignsInProcess(LedgerInProcess):
    """One node with campaigns."""

    def __init__(
        self, folder: Path, times: LedgerTimes | None = None, owned: Sequence[int] = range(PARTITIONS), **settings: Any
    ) -> None:
        self.owned = tuple(owned)
        super().__init__(folder, times, **settings)

    def _open(self) -> None:
        super()._open()
        node = self.node
        self.campaigns = Campaigns(node.store, node.releases, Parts(self.owned, PARTITIONS), clock_ms=node.clock)
        self.ledger.hooks = self.campaigns
        node.applier.told_of_suppressed = self.campaigns.told_of_suppressed
        self.people = People(node.store, node.progress, self.owned)
        self.walker = Walker(node.store, node.releases, self.campaigns, self.people, self.ledger, clock_ms=node.clock)
        self.dry_runs = DryRuns(node.store, self.people, self.ledger, self.choosing, clock_ms=node.clock)
        self.desk = CampaignDesk(node.store, self.campaigns, self.dry_runs, self.ledger, wait_s=0.2)

    def persons(self, count: int, **fields: Any) -> list[str]:
        """So many people who may be written to."""
        users = [f"user-{number}" for number in range(count)]
        for user in users:
            self.person(user, **fields)
        return users

    def walk(self) -> None:
        """Until there is nothing more to walk."""
        for _ in range(TICKS_MAX):
            if not self.walker.tick():
                return
        raise AssertionError("expected the walk to end")

    def start(self, campaign: Campaign | None = None, **said: Any) -> CampaignRow:
        """Start, and walk as far as it goes."""
        row = self.campaigns.start(Order(campaign or sale(), **said))
        self.walk()
        return self.row(row.campaign.name)

    def row(self, name: str = NAME) -> CampaignRow:
        return self.campaigns.row(WORKSPACE, name)

    def sends(self, users: Sequence[str]) -> dict[str, list[SendRecord]]:
        """Each person's sends."""
        return {user: self.ledger.records(WORKSPACE, user) for user in users}  # type: ignore[arg-type]

    def deliver(self) -> list[Grant]:
        """Send all that may be sent now; returns what was."""
        found: list[Grant] = []
        while grants := self.grant(500):
            for grant in grants:
                self.tell(grant)
            found += grants
        return found

    def at_desk(self, method: str, path: str, body: object = None) -> Answer:
        """A request of the desk's paths."""
        return asyncio.run(self.called(method, path, body))

    async def called(self, method: str, path: str, body: object = None) -> Answer:
        """As `at_desk`, in a loop that others use too."""
        raw, _, query = path.partition("?")
        matched = Router(self.desk.routes()).find(raw.encode())
        assert matched is not None, path
        request = Request(
            method,
            tuple(raw.split("/")[1:]),
            dict([one.split("=") for one in query.split("&") if one]),
            {},
            b"" if body is None else json.dumps(body).encode(),
            WORKSPACE,
            forwarded=False,
            values={name: value.decode() for name, value in matched.values.items()},
        )
        answer = await matched.methods[method].handler(request)
        assert isinstance(answer, Answer)
        return answer

    def dry_run(self, campaign: Campaign | None = None, samples: int = 0) -> DryRunPage:
        """A dry run of everybody, page by page."""
        campaign, after = campaign or sale(), b""
        settings, template = self.campaigns.settings(campaign)
        whole = asyncio.run(self.dry_runs.page(campaign, settings, template, after, samples))
        assert not whole.after, "expected one page to hold the people of a test"
        return whole
