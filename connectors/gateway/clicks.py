"""Tracked links and the pixel: `/c/{token}` leads on, `/o/{token}` is a picture of one point; both tell the job.

Where a link leads is looked up by its id among the addresses of all releases: nothing in a request is an address.
"""

import ipaddress
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from connectors.cache.families import LINKS
from connectors.cache.releases import Releases
from connectors.cache.rows import OutboxRow
from connectors.cache.store import CacheStore
from connectors.collector.record_ids import new_record_id
from connectors.collector.reduction import reduced_context
from connectors.delivery.rights_routes import RightsDesk
from connectors.delivery.tracking import may_track
from connectors.gateway.answers import Answer
from connectors.gateway.choosing import Progress
from connectors.gateway.nodes import Nodes
from connectors.gateway.pages import claim_of, home, redirect
from connectors.gateway.pages_html import head_of, language_of, unknown_page
from connectors.gateway.problems import Problem
from connectors.gateway.reads import OUTBOX_ROWS_MAX
from connectors.gateway.routing import Handler, Request, Route, Streamed
from connectors.gateway.tokens import Claim, Purpose, Signer
from connectors.kafka.event_records import event_record
from connectors.metrics.mail import MailMeter, mail_event
from schemas.events import Event, EventKind
from schemas.ids import EventId, SendId, UserId, WorkspaceId
from schemas.keys import join_key
from schemas.topics import EVENTS

CLICKED, OPENED = "Email Link Clicked", "Email Opened"
AGENT_LENGTH_MAX = 512
_GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00"
    b"\x01\x00\x00\x02\x01D\x00;"
)
_PIXEL_HEADERS = (
    (b"content-type", b"image/gif"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


class Clicks:
    """Answers `/c/` and `/o/`. A node that does not hold the person asks one that does, and leads on by itself.

    told_of_click  is given workspace and send of a click that may be told; it may not wait
    meter          counts what is told
    """

    told_of_click: Callable[[WorkspaceId, SendId], None] | None = None
    meter: MailMeter | None = None

    def __init__(
        self,
        signer: Signer,
        store: CacheStore,
        releases: Releases,
        progress: Progress,
        desk: RightsDesk,
        nodes: Nodes,
        *,
        clock_ms: Callable[[], int],
    ) -> None:
        self._signer = signer
        self._store = store
        self._releases = releases
        self._progress = progress
        self._desk = desk
        self._nodes = nodes
        self._clock_ms = clock_ms

    def routes(self) -> list[Route]:
        """The paths. A HEAD is a machine's, and told as one."""
        found = []
        for purpose, handler, about, kind in (
            (Purpose.CLICK, self._clicked, "Where a tracked link leads", {302: "text/plain"}),
            (Purpose.OPEN, self._opened, "The pixel by which an open is told", {200: "image/gif"}),
        ):
            routed = self._routed(purpose, handler)
            path = (purpose.value, "{token}")
            found += [Route(method, path, None, routed, 0, about=about, gives=kind) for method in ("GET", "HEAD")]
        return found

    def _routed(self, purpose: Purpose, tell: Callable[[Request, Claim, bool], Answer]) -> Handler:
        def whose(request: Request) -> tuple[WorkspaceId, UserId] | None:
            claim = claim_of(self._signer, request, purpose)
            return None if claim is None else (claim.workspace, claim.user)

        async def here(request: Request) -> Answer:
            return self._answer(request, purpose, tell, is_told=True)

        at_owner = self._nodes.at_owner(here, whose)

        async def answered(request: Request) -> Answer | Streamed:
            try:
                return await at_owner(request)
            except Problem:
                # Whoever reads on must not wait for our nodes; that it happened is then not told.
                return self._answer(request, purpose, tell, is_told=False)

        return answered

    def _answer(
        self, request: Request, purpose: Purpose, tell: Callable[[Request, Claim, bool], Answer], *, is_told: bool
    ) -> Answer:
        claim = claim_of(self._signer, request, purpose)
        if claim is None:
            return unknown_page(_language(request))
        answer = tell(request, claim, is_told)
        return head_of(answer) if request.method == "HEAD" else answer

    def _clicked(self, request: Request, claim: Claim, is_told: bool) -> Answer:
        packed = self._store.row(LINKS, join_key(claim.workspace, claim.link))
        address = packed.decode() if packed is not None else ""
        newest = self._releases.newest(claim.workspace)
        # Addresses come from releases alone, and those hold none but https. Looked at once more: it leads away from us.
        if not address.startswith("https://"):
            return home(newest.release.settings.delivery if newest else None, _language(request))
        if is_told and newest is not None and newest.release.settings.delivery.clicks:
            self._tell(request, claim, CLICKED, {"link_id": claim.link, "link_url": address})
            if self.told_of_click is not None and request.method == "GET":
                self.told_of_click(claim.workspace, claim.send_id)
        return redirect(address)

    def _opened(self, request: Request, claim: Claim, is_told: bool) -> Answer:
        newest = self._releases.newest(claim.workspace)
        if is_told and newest is not None and newest.release.settings.delivery.pixel:
            self._tell(request, claim, OPENED, {})
        return Answer(HTTPStatus.OK.value, _PIXEL_HEADERS, _GIF)

    def _tell(self, request: Request, claim: Claim, name: str, properties: Mapping[str, str]) -> None:
        """Write the event. Nothing of who does not agree, any more, or was erased."""
        rights = self._desk.rights_of(claim.workspace, claim.user)
        if (rights is not None and rights.erased_ms) or self._store.outbox_rows >= OUTBOX_ROWS_MAX:
            return
        if not may_track(self._desk.profile(claim.workspace, claim.user)):
            return
        now_ms = self._clock_ms()
        record_id = new_record_id(now_ms)
        event = Event(
            workspace=claim.workspace,
            user=claim.user,
            record_id=record_id,
            id=EventId(record_id),
            kind=EventKind.TRACK,
            at_ms=now_ms,
            received_ms=now_ms,
            world=self._progress.world,
            name=name,
            properties={"send_id": claim.send_id, "template": claim.template, **properties},
            context=_context(request, now_ms),
        )
        record = event_record(event)
        row = OutboxRow(EVENTS.name, record.partition, record.key, record.value)
        self._store.commit(self._store.batch(), [row])
        if self.meter is not None:
            self.meter.add(claim.workspace, {mail_event(name, {}): 1})


def _context(request: Request, now_ms: int) -> dict[str, Any]:
    """Who asked, reduced as the collector reduces it: the agent, of the address its network, and that it was a HEAD."""
    agent = request.headers.get(b"user-agent", b"").decode("latin-1")[:AGENT_LENGTH_MAX]
    told: dict[str, Any] = {"userAgent": agent, "ip": _address(request)}
    if request.method == "HEAD":
        told["method"] = request.method
    return {name: value for name, value in reduced_context(told, at_ms=now_ms).items() if value}


def _address(request: Request) -> str:
    """Of whoever asked: the last that a proxy of ours has seen; empty where nobody tells."""
    told = request.headers.get(b"x-forwarded-for", b"").decode("latin-1").rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(told or request.client))
    except ValueError:
        return ""


def _language(request: Request) -> str:
    return language_of(request.headers.get(b"accept-language", b"").decode("latin-1"))
