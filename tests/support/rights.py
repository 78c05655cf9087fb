"""A node at which people use their rights, with a stand-in for what is granted to workers."""

import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from connectors.delivery.rights_routes import RightsDesk
from connectors.delivery.tracking import Tracker
from connectors.delivery.using_rights import UsingRights
from connectors.erasure.listing import Listed, nobody
from connectors.gateway.app import Gateway
from connectors.gateway.clicks import Clicks
from connectors.gateway.features import feature_routes
from connectors.gateway.meters import ReadMeters
from connectors.gateway.nodes import Nodes
from connectors.gateway.pages import Pages
from schemas.ids import UserId, WorkspaceId
from tests.support.gateway import PUBLIC_URL, GatewayInProcess, Reply


class OpenLeases:
    """Leases of one person, that a test opens and closes. `looked`: called each time somebody asks."""

    def __init__(self) -> None:
        self.over: Future[None] = Future()
        self.over.set_result(None)
        self.looked: Callable[[], None] = lambda: None

    def begin(self) -> None:
        self.over = Future()

    def end(self) -> None:
        self.over.set_result(None)

    def person_over(self, _workspace: WorkspaceId, _user: UserId) -> "Future[None]":
        self.looked()
        return self.over


class RightsNode(GatewayInProcess):
    """A node with the desk where rights are taken in."""

    def __init__(
        self, folder: Path, nodes: Nodes | None = None, *, wait_s: float = 0.05, listed: Listed = nobody
    ) -> None:
        self.nodes = nodes or Nodes({}, "")
        super().__init__(folder, partitions=self.nodes.partitions)
        self.reads._not_here = self.nodes.not_here
        self.leases = OpenLeases()
        self.using = UsingRights(self.store, self.leases, wait_s=wait_s)
        self.rights = self.using.rights
        self.desk = RightsDesk(
            self.store, self.releases, self.progress, self.using, self.nodes, clock_ms=self.clock, listed=listed
        )
        meters = ReadMeters(type(self.registry)())
        self.tracker = Tracker(PUBLIC_URL, self.signer)
        pages = Pages(self.signer, self.releases, self.desk, self.using, self.nodes, (self.reads,), clock_ms=self.clock)
        clicks = Clicks(
            self.signer, self.store, self.releases, self.progress, self.desk, self.nodes, clock_ms=self.clock
        )
        routes = [*feature_routes(self.reads), *self.desk.routes(), *pages.routes(), *clicks.routes()]
        self.gateway = Gateway(
            self.reads, self.door, self.progress, meters, self.registry, routes, self.nodes.elsewhere
        )

    def use(self, user: str, right: str, **said: object) -> Reply:
        """A right is used by another program."""
        return self.request("POST", f"/v1/users/{user}/rights", json.dumps({"right": right, **said}).encode())
