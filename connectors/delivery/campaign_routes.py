"""Campaigns over HTTP, at each node for itself: `foresend campaign` asks all of them.

`POST /v1/campaigns/{name}:dry-run|start|pause|resume|cancel`, `GET /v1/campaigns[/{name}]`.
"""

import asyncio
from concurrent.futures import Future
from http import HTTPStatus
from typing import Annotated, Protocol, TypeVar

import msgspec

from connectors.cache.store import CacheStore
from connectors.delivery.campaign_counts import ENDS
from connectors.delivery.campaign_dry_run import SAMPLES_MAX, DryRunPage, DryRuns
from connectors.delivery.campaign_starts import Order
from connectors.delivery.campaigns import Campaigns
from connectors.delivery.due_times import begins_ms, until_ms
from connectors.gateway.answers import Answer, json_body
from connectors.gateway.problems import RETRY_AFTER, Problem, bad_request
from connectors.gateway.routing import Request, Right, Route
from schemas.campaigns import Campaign, CampaignRow
from schemas.ids import WorkspaceId

WAIT_S = 20.0
"""A pause is acknowledged within it, or refused; it holds either way."""
LOOKED = "looked"
_ONE = ("v1", "campaigns", "{name}")
_Key = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})*$", max_length=128)]
T = TypeVar("T")


class StartRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Begins a campaign, or goes on with one that stopped at its limit.

    run    1, or one more than the newest run of any node, to send to everybody again
    limit  persons at most, of all nodes together, said beside the campaign's own
    check  only tell what would be refused
    """

    campaign: Campaign
    run: Annotated[int, msgspec.Meta(ge=1)] = 1
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    check: bool = False


class DryRunRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks what a start would do to the next people.

    after    as the page before ended; empty: from the beginning
    samples  messages to show
    """

    campaign: Campaign
    after: _Key = ""
    samples: Annotated[int, msgspec.Meta(ge=0, le=SAMPLES_MAX)] = 0


class CampaignTold(msgspec.Struct, frozen=True):
    """Where a campaign stands at this node.

    share    of all persons that this node acts for
    waiting  of those that were queued who are not at their end yet
    counted  ends by state, skips as `skipped:<reason>`, sent ones as `sent:chosen`, `sent:control`, `sent:fallback`
    """

    name: str
    template: str
    run: int
    state: str
    why: str
    started_ms: int
    changed_ms: int
    begins_ms: int
    until_ms: int
    limit: int
    queued: int
    waiting: int
    is_live: bool
    share: float
    counted: dict[str, int]


class CampaignsTold(msgspec.Struct, frozen=True):
    """All campaigns of a workspace that were started at this node; and which share of its persons that acts for."""

    share: float
    campaigns: list[CampaignTold]


class Leases(Protocol):
    """What was granted of a campaign and may still begin."""

    def campaign_over(self, workspace: WorkspaceId, campaign: str) -> "Future[None]":
        """Done once nothing granted so far may begin any more. Holding the lock."""


class CampaignDesk:
    """Answers for the campaigns of this node.

    wait_s  how long the acknowledgement of a pause may take
    """

    def __init__(
        self, store: CacheStore, campaigns: Campaigns, dry_runs: DryRuns, leases: Leases, *, wait_s: float = WAIT_S
    ) -> None:
        self._store = store
        self._campaigns = campaigns
        self._dry_runs = dry_runs
        self._leases = leases
        self._wait_s = wait_s

    def routes(self) -> list[Route]:
        """Its paths."""
        told = {200: CampaignTold}
        verbs = {
            "pause": (
                self._pause,
                "Grant nothing more. Answered once nothing of it can start; 503: something still may",
            ),
            "resume": (self._resume, "Go on with a campaign that was paused"),
            "cancel": (self._cancel, "End a campaign. Answered as a pause is; what is queued ends as cancelled"),
        }
        name, looked = _ONE[2], {LOOKED: "`true`: a person looks at it, which frees the next start of its first limit"}
        return [
            Route(
                "GET", _ONE[:2], Right.SEND, self._list, about="All campaigns at this node", gives={200: CampaignsTold}
            ),
            Route("GET", _ONE, Right.SEND, self._report, about="Where a campaign stands", query=looked, gives=told),
            Route(
                "POST",
                (*_ONE[:2], f"{name}:start"),
                Right.SEND,
                self._start,
                about="Begin a campaign, or go on with one that stopped at its limit",
                takes=StartRequest,
                gives=told,
            ),
            Route(
                "POST",
                (*_ONE[:2], f"{name}:dry-run"),
                Right.SEND,
                self._dry_run,
                about="What a start would do now, a page of people at a time",
                takes=DryRunRequest,
                gives={200: DryRunPage},
            ),
            *[
                Route("POST", (*_ONE[:2], f"{name}:{verb}"), Right.SEND, handler, about=about, gives=told)
                for verb, (handler, about) in verbs.items()
            ],
        ]

    async def _list(self, request: Request) -> Answer:
        rows = [self._told(row) for row in self._campaigns.of(request.workspace)]
        return _answer(CampaignsTold(self._campaigns.share, rows))

    async def _report(self, request: Request) -> Answer:
        row = self._campaigns.row(request.workspace, request.id("name"))
        if request.query.get(LOOKED) == "true":
            self._campaigns.looked_at(row)
        return _answer(self._told(row))

    async def _start(self, request: Request) -> Answer:
        asked = _decoded(request.body, StartRequest)
        order = Order(_own(request, asked.campaign), asked.run, asked.limit)
        if asked.check:
            return _answer(self._told(self._campaigns.check(order)))
        row = self._campaigns.start(order)
        await asyncio.to_thread(self._store.sync)
        return _answer(self._told(row))

    async def _dry_run(self, request: Request) -> Answer:
        asked = _decoded(request.body, DryRunRequest)
        campaign = _own(request, asked.campaign)
        settings, template = self._campaigns.settings(campaign)
        after = bytes.fromhex(asked.after)
        return _answer(await self._dry_runs.page(campaign, settings, template, after, asked.samples))

    async def _pause(self, request: Request) -> Answer:
        return await self._stopped(request, self._campaigns.pause(request.workspace, request.id("name")))

    async def _cancel(self, request: Request) -> Answer:
        return await self._stopped(request, self._campaigns.cancel(request.workspace, request.id("name")))

    async def _resume(self, request: Request) -> Answer:
        row = self._campaigns.resume(request.workspace, request.id("name"))
        await asyncio.to_thread(self._store.sync)
        return _answer(self._told(row))

    async def _stopped(self, request: Request, row: CampaignRow) -> Answer:
        """Acknowledge a stop: it is on the disk, and nothing that was granted before may begin any more.

        Mutants: leave out the one or the other; then `test_a_pause_is_on_the_disk_before_it_is_acknowledged` or
        `test_no_send_starts_after_an_acknowledged_pause` fails.
        """
        await asyncio.to_thread(self._store.sync)
        with self._store.drawing:
            over = self._leases.campaign_over(request.workspace, row.campaign.name)
        try:
            async with asyncio.timeout(self._wait_s):
                await asyncio.wrap_future(over)
        except TimeoutError:
            detail = "it is stopped, but a message granted before may still begin: ask again"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "still_sending", detail, RETRY_AFTER) from None
        return _answer(self._told(self._campaigns.row(request.workspace, row.campaign.name)))

    def _told(self, row: CampaignRow) -> CampaignTold:
        campaign = row.campaign
        ended = sum(row.counted.get(str(state), 0) for state in ENDS)
        return CampaignTold(
            name=campaign.name,
            template=campaign.template,
            run=row.run,
            state=row.state,
            why=row.why,
            started_ms=row.started_ms,
            changed_ms=row.changed_ms,
            begins_ms=begins_ms(campaign, row.started_ms),
            until_ms=until_ms(campaign, row.started_ms),
            limit=row.limit,
            queued=row.queued,
            waiting=max(0, row.queued - ended),
            is_live=row.is_live,
            share=self._campaigns.share,
            counted=dict(sorted(row.counted.items())),
        )


def _own(request: Request, campaign: Campaign) -> Campaign:
    """The campaign of a body, which the path and the key must fit.

    Raises:
        Problem: 400.
    """
    if campaign.name != request.id("name"):
        raise bad_request("bad_body", "expected the campaign that the path names")
    if campaign.workspace != request.workspace:
        raise bad_request("bad_body", "expected a campaign of the workspace whose key was given")
    return campaign


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request("bad_body", f"expected a {kind.__name__}: {error}") from None


def _answer(told: msgspec.Struct) -> Answer:
    return json_body(200, {name: getattr(told, name) for name in told.__struct_fields__})
