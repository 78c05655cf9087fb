"""A node with a ledger in this process: people, templates, grants and what is told of them, by a hand clock."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from connectors.delivery.granting import Granting
from connectors.delivery.ledger import Ledger, LedgerTimes
from connectors.delivery.ledger_meters import LedgerMeters
from connectors.delivery.rights import Rights
from connectors.delivery.routes import DeliveryRoutes
from connectors.delivery.triggers import Triggers
from connectors.gateway.answers import Answer
from connectors.gateway.choosing import Choosing
from connectors.gateway.marks import MarkFiller
from connectors.gateway.nodes import Nodes
from connectors.gateway.problems import Problem
from connectors.gateway.reads import Reads
from connectors.gateway.routing import Handler, Request, Router, decoded
from connectors.kafka.partitioning import partition_of_key
from schemas.codec import encode
from schemas.ids import SendId, TemplateName, UserId, WorkspaceId
from schemas.keys import user_key
from schemas.library import DeliverySettings, MessageClass, Release, Sender
from schemas.profiles import Contact, Permission, ToldProfile
from schemas.sending import Grant, Outcome, SendRecord, Told, Trigger
from schemas.topics import PARTITIONS, PROFILES, TRIGGERS
from tests.support.gateway import PUBLIC_URL, GatewayInProcess
from tests.support.messages import NEWS, START_MS, WORKSPACE, communication, release, version

RECEIPT = TemplateName("receipt")
ALARM = TemplateName("alarm")
CLASSES = {
    NEWS: MessageClass.MARKETING,
    RECEIPT: MessageClass.TRANSACTIONAL,
    ALARM: MessageClass.CRITICAL,
}
NOON_MS = START_MS - START_MS % 86_400_000 + 12 * 3_600_000
"""In UTC."""
AGREED = Permission(True, 1, "form")
SENDER = Sender("Shop", "post@shop.example")


def sending_release(number: int = 1, **settings: Any) -> Release:
    """A release with a template of each class: `news`, `receipt` and `alarm`."""
    found = release(number, tuple(CLASSES))
    delivery = DeliverySettings(sender=SENDER, **settings)
    templates = tuple(msgspec.structs.replace(one, message_class=CLASSES[one.name]) for one in found.templates)
    return msgspec.structs.replace(
        found, templates=templates, settings=msgspec.structs.replace(found.settings, delivery=delivery)
    )


def profile(user: str = "anna", number: int = 1, permission: Permission | None = AGREED, **fields: Any) -> ToldProfile:
    """A person with an address; with permission unless told otherwise."""
    permissions = {} if permission is None else {"email/marketing": permission}
    contact = Contact(addresses={"email": f"{user}@mail.example"}, permissions=permissions)
    return ToldProfile(version(number), **{"contact": contact, **fields})


@dataclass
class Monotonic:
    """A monotonic clock that moves by hand."""

    now_ms: int = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


class LedgerInProcess:
    """One node with a release, and nobody."""

    def __init__(self, folder: Path, times: LedgerTimes | None = None, **settings: Any) -> None:
        self.folder = folder
        self.times = times
        self.monotonic = Monotonic()
        self._open()
        self.node.clock.now_ms = NOON_MS
        self.node.release(sending_release(**settings))

    def _open(self) -> None:
        self.node = GatewayInProcess(self.folder)
        node = self.node
        self.choosing = choosing = Choosing(
            node.store, node.releases, node.progress, clock_ms=node.clock, items=node.items
        )
        marks = MarkFiller(PUBLIC_URL, node.signer)
        self.rights = Rights(node.store)
        self.granting = Granting(node.store, node.releases, choosing, marks, self.rights)
        self.ledger = Ledger(
            node.store,
            node.releases,
            self.granting,
            clock_ms=node.clock,
            monotonic_ms=self.monotonic,
            times=self.times,
            meters=LedgerMeters(node.registry),
        )

        self.nodes = Nodes({}, "here")
        self.node.applier.triggers = Triggers(self.ledger, self.nodes.is_primary)
        reads = Reads(
            *(node.store, node.releases, node.progress, marks),
            partitions=tuple(range(PARTITIONS)), clock_ms=node.clock,
        )  # fmt: skip
        routes = DeliveryRoutes(self.ledger, node.store, node.releases, self.nodes, reads.require_ready)
        self._router = Router(routes.routes())

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """A request; its status and JSON."""
        matched = self._router.find(path.encode())
        assert matched is not None, path
        values = {name: decoded(value) for name, value in matched.values.items()}
        packed = body if isinstance(body, bytes) else msgspec.json.encode(body)
        given = {name.lower().replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        parts = tuple(path.split("/")[1:])
        request = Request(method, parts, {}, given, packed, WORKSPACE, forwarded=False, values=values)
        try:
            answer = asyncio.run(_answered(matched.methods[method].handler, request))
        except Problem as problem:
            return problem.status.value, msgspec.json.decode(problem.body())
        return answer.status, msgspec.json.decode(answer.body)

    def trigger(self, body: Any, key: bytes | None = None) -> None:
        """A record of the topic `triggers` arrives."""
        packed = body if isinstance(body, bytes) else msgspec.json.encode(body)
        own = key or user_key(WORKSPACE, UserId(body["user"]))
        self.node.record(TRIGGERS.name, own, packed, partition_of_key(own))

    def restart(self) -> None:
        """Close the node and open it again: what was only in memory is gone."""
        now_ms = self.node.clock.now_ms
        self.close()
        self._open()
        self.node.clock.now_ms = now_ms

    def close(self) -> None:
        self.node.close()

    @property
    def now_ms(self) -> int:
        return self.node.clock.now_ms

    def pass_ms(self, milliseconds: int) -> None:
        """Time goes by."""
        self.node.clock.now_ms += milliseconds
        self.monotonic.now_ms += milliseconds

    def person(self, user: str = "anna", *, entries: bool = True, **fields: Any) -> ToldProfile:
        """Somebody with messages of each template."""
        told = profile(user, **fields)
        self.node.record(PROFILES.name, user_key(WORKSPACE, UserId(user)), encode(told))
        if entries:
            for template in CLASSES:
                self.node.entry(communication(user, template=template))
        return told

    def ask(self, send_id: str = "s1", user: str = "anna", template: TemplateName = NEWS, **fields: Any) -> SendRecord:
        trigger = Trigger(SendId(send_id), template, UserId(user), **fields)
        return self.ledger.request(WORKSPACE, trigger).record

    def grant(self, limit: int = 20, channels: tuple[str, ...] = ("file",)) -> list[Grant]:
        return self.ledger.grant(WORKSPACE, limit, channels).grants

    def tell(self, grant: Grant, outcome: Outcome = Outcome.SENT, status: str = "") -> None:
        self.ledger.tell([Told(grant.workspace, grant.send_id, grant.attempt, outcome, status, self.now_ms)])

    def record(self, send_id: str = "s1", workspace: WorkspaceId = WORKSPACE) -> SendRecord:
        found = self.ledger.find(workspace, SendId(send_id))
        assert found is not None
        return found

    def events(self) -> list[str]:
        """Kinds and names of what the job is told."""
        return [event.name or event.kind.value for event in self.node.told()]


async def _answered(handler: Handler, request: Request) -> Answer:
    answer = await handler(request)
    assert isinstance(answer, Answer)
    return answer
