"""A campaign over all nodes: each acts for its own part of the people, so each is asked, and answers are added up."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from connectors.delivery.campaign_dry_run import SAMPLES_MAX, DryRunPage, Sample
from connectors.delivery.campaign_routes import CampaignsTold, CampaignTold
from connectors.http.client import HttpClient, HttpUnavailable
from foresend.settings.campaign import CampaignSettings
from schemas.campaigns import Campaign
from schemas.errors import TransientError

TIMEOUT_S = 60.0
"""A pause waits for messages under way, 20 s at most."""
WHOLE = 1e-6
HOUR_S, DAY_S = 3_600, 86_400
T = TypeVar("T")


class NotDone(TransientError):
    """A node was out of reach, or refused; its message says which, and why. What others did stands."""


class Node:
    """One node."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        tls = ssl.create_default_context() if is_tls else None
        port = parts.port or (443 if is_tls else 80)
        self.client = HttpClient(parts.hostname or "", port, timeout_s=TIMEOUT_S, tls=tls)
        self._headers = [("content-type", "application/json"), *([("authorization", f"Bearer {key}")] if key else [])]

    async def ask(self, method: str, path: str, kind: type[T], body: object = None) -> T | None:
        """What it answers; None where it knows no such campaign.

        Raises:
            NotDone: it cannot be reached, or refuses.
        """
        packed = b"" if body is None else msgspec.json.encode(body)
        try:
            reply = await self.client.request(method, path, packed, self._headers)
        except HttpUnavailable as error:
            raise NotDone(f"{self.url}: out of reach: {error}") from None
        if reply.status == HTTPStatus.NOT_FOUND and _problem(reply.body)[0] == "no_campaign":
            return None
        if reply.status != HTTPStatus.OK:
            code, detail = _problem(reply.body)
            raise NotDone(f"{self.url}: {detail or code or 'refused'} (HTTP {reply.status})")
        try:
            return msgspec.json.decode(reply.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise NotDone(f"{self.url}: expected an answer as this program knows it, got another") from None


def _problem(body: bytes) -> tuple[str, str]:
    """Code and detail of a problem (RFC 9457)."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    return str(found.get("type", "")).rpartition(":")[2], str(found.get("detail", ""))


class Asked(NamedTuple):
    """What nodes answered, and what went wrong at others."""

    told: list[CampaignTold]
    problems: list[str]


class Total(msgspec.Struct):
    """A dry run over all nodes."""

    page: DryRunPage
    seconds_at_throttle: float
    warm_up_days: int

    @property
    def fallback_share(self) -> float:
        """Of the eligible, those for whom nothing personal is ready."""
        return self.page.fallbacks / self.page.eligible if self.page.eligible else 0.0


class Fleet:
    """All nodes."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes

    async def dry_run(self, campaign: Campaign) -> Total:
        """What a start would do.

        Raises:
            NotDone: a node did not tell.
        """
        await self._require_whole()
        pages = await self._all(lambda node: _dry_run(node, campaign))
        whole = DryRunPage()
        for page in pages:
            _add(whole, page)
        del whole.samples[SAMPLES_MAX:]
        sent = min(whole.eligible, campaign.limit) if campaign.limit else whole.eligible
        days = _warm_up_days(campaign, whole.domains)
        at_throttle_s = sent / campaign.pace.per_hour * HOUR_S if campaign.pace.per_hour else 0.0
        return Total(whole, max(at_throttle_s, max(0, days - 1) * DAY_S), days)

    async def start(self, campaign: Campaign, limit: int | None, *, again: bool) -> Asked:
        """Begin it, or go on with it; at no node where one would refuse, or is out of reach.

        again  to everybody once more, as another run

        Raises:
            NotDone: nothing was begun, or not everywhere: then say it again.
        """
        await self._require_whole()
        known = [one for one in await self._all(lambda node: _told(node, campaign.name)) if one is not None]
        run = max((one.run for one in known), default=0)
        run = run + 1 if again or not run else run
        body = {"campaign": campaign, "run": run, **({} if limit is None else {"limit": limit})}
        path = f"{_path(campaign.name)}:start"
        # First all are asked whether they would: nobody is sent half a campaign for a limit that one refuses.
        await self._all(lambda node: node.ask("POST", path, CampaignTold, {**body, "check": True}))
        return await self._each(lambda node: node.ask("POST", path, CampaignTold, body))

    async def told(self, name: str, verb: str) -> Asked:
        """Pause, resume or cancel it, at every node that can be reached. Nodes that never began it need not."""
        return await self._each(lambda node: node.ask("POST", f"{_path(name)}:{verb}", CampaignTold))

    async def report(self, name: str) -> Asked:
        """Where it stands at each node. Who asks has looked at it."""
        return await self._each(lambda node: node.ask("GET", f"{_path(name)}?looked=true", CampaignTold))

    async def listed(self) -> Asked:
        """All campaigns of all nodes."""
        answers = await asyncio.gather(*(_guarded(_list(node)) for node in self._nodes))
        told = [one for answer in answers if isinstance(answer, CampaignsTold) for one in answer.campaigns]
        return Asked(told, [str(one) for one in answers if isinstance(one, NotDone)])

    async def _require_whole(self) -> None:
        """Refuse where the nodes that are asked do not act for everybody."""
        shares = [one.share for one in await self._all(_list)]
        if abs(sum(shares) - 1.0) > WHOLE:
            raise NotDone(
                f"expected nodes that act for everybody together, these act for {sum(shares):.0%}: "
                "name each node once, by --gateway or the setting campaign.gateways"
            )

    async def _all(self, ask: Callable[[Node], Any]) -> list[Any]:
        answers = await asyncio.gather(*(_guarded(ask(node)) for node in self._nodes))
        problems = [str(one) for one in answers if isinstance(one, NotDone)]
        if problems:
            raise NotDone("; ".join(problems))
        return list(answers)

    async def _each(self, ask: Callable[[Node], Any]) -> Asked:
        answers = await asyncio.gather(*(_guarded(ask(node)) for node in self._nodes))
        told = [one for one in answers if isinstance(one, CampaignTold)]
        return Asked(told, [str(one) for one in answers if isinstance(one, NotDone)])


@asynccontextmanager
async def fleet(settings: CampaignSettings) -> AsyncIterator[Fleet]:
    """All nodes, as long as they are asked."""
    nodes = [Node(url, settings.key) for url in settings.gateways]
    try:
        yield Fleet(nodes)
    finally:
        for node in nodes:
            node.client.close()


def together(told: Sequence[CampaignTold]) -> CampaignTold:
    """One campaign at several nodes as if it were at one. States that differ stand beside each other."""
    counted: dict[str, int] = {}
    for one in told:
        for name, count in one.counted.items():
            counted[name] = counted.get(name, 0) + count
    first = max(told, key=lambda one: one.run)
    return msgspec.structs.replace(
        first,
        state="/".join(sorted({one.state for one in told})),
        why="/".join(sorted({one.why for one in told if one.why})),
        started_ms=min(one.started_ms for one in told),
        changed_ms=max(one.changed_ms for one in told),
        queued=sum(one.queued for one in told),
        waiting=sum(one.waiting for one in told),
        share=sum(one.share for one in told),
        counted=dict(sorted(counted.items())),
    )


async def _guarded(answer: Any) -> Any:
    """The answer, or what went wrong: others are heard to the end."""
    try:
        return await answer
    except NotDone as error:
        return error


async def _list(node: Node) -> CampaignsTold:
    return _there(node, await node.ask("GET", "/v1/campaigns", CampaignsTold))


async def _told(node: Node, name: str) -> CampaignTold | None:
    return await node.ask("GET", _path(name), CampaignTold)


async def _dry_run(node: Node, campaign: Campaign) -> DryRunPage:
    whole = DryRunPage()
    while True:
        samples = SAMPLES_MAX - len(whole.samples)
        body = {"campaign": campaign, "after": whole.after, "samples": samples}
        page = _there(node, await node.ask("POST", f"{_path(campaign.name)}:dry-run", DryRunPage, body))
        _add(whole, page)
        whole.after = page.after
        if not page.after:
            return whole


def _there(node: Node, told: T | None) -> T:
    if told is None:
        raise NotDone(f"{node.url}: expected an answer, got none")
    return told


def _add(whole: DryRunPage, page: DryRunPage) -> None:
    whole.audience += page.audience
    whole.eligible += page.eligible
    whole.held += page.held
    whole.fallbacks += page.fallbacks
    whole.controls += page.controls
    whole.samples.extend(page.samples)
    for counts, more in ((whole.skipped, page.skipped), (whole.domains, page.domains)):
        for name, count in more.items():
            counts[name] = counts.get(name, 0) + count


def _warm_up_days(campaign: Campaign, domains: dict[str, int]) -> int:
    """On how many days it is sent, as the largest receiving domain takes it."""
    left, days = max(domains.values(), default=0), 0
    for step in campaign.pace.warm_up:
        if left <= 0:
            return days
        left -= step
        days += 1
    return days + 1 if left > 0 and days else days


def _path(name: str) -> str:
    return f"/v1/campaigns/{quote(name, safe='')}"


__all__ = ["Asked", "Fleet", "NotDone", "Sample", "Total", "fleet", "together"]
