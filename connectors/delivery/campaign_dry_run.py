"""A dry run: what a start would do now, by the same questions, and with nothing written.

A page of people at a time, in slices of the event loop: who asks goes on with the key that a page ends with, so that no
request lasts long, whatever the audience's size, and nothing is kept between them.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from types import MappingProxyType
from typing import Protocol

import msgspec

from connectors.cache.store import CacheStore
from connectors.delivery.audience import Audience
from connectors.delivery.campaign_walk import Found, People
from connectors.delivery.due_times import begins_ms, due_ms, until_ms
from connectors.delivery.eligibility import Action, Verdict
from connectors.delivery.shares import Share, is_in_share, send_id_of
from connectors.gateway.choosing import Choosing, Chosen
from connectors.gateway.marks import LOOK_MARKS
from connectors.gateway.problems import Problem, not_ready
from schemas.campaigns import Campaign
from schemas.draws import draw
from schemas.ids import Locale, UserId
from schemas.library import Template, WorkspaceSettings
from schemas.sending import SkipReason

PAGE_ROWS = 2_000
SLICE_ROWS = 16
SAMPLES_MAX = 20
CONTROL = "control"
SKIPS = MappingProxyType({HTTPStatus.NOT_FOUND: SkipReason.NOTHING_TO_SAY, HTTPStatus.GONE: SkipReason.ERASED})
TOO_LATE = "too_late"
"""Not a reason to skip: by the campaign's end nobody's turn has come."""


class Previews(Protocol):
    """What a dry run asks of the ledger, holding the lock: what the grant would decide."""

    def verdict(self, campaign: Campaign, user: UserId, at_ms: int) -> tuple[Verdict, str]:
        """Whether somebody would be sent a campaign's message at a time, and the receiving domain."""


class Sample(msgspec.Struct, frozen=True):
    """A message as somebody would get it. `reason`: why it is default content; empty: it was chosen."""

    user: UserId
    due_ms: int
    locale: str
    reason: str
    subject: str
    html: str
    block: str = ""


class DryRunPage(msgspec.Struct):
    """What a start would do to some people.

    held      of the eligible those who are due in quiet hours: sent once these are over
    fallbacks of the eligible those for whom nothing personal is ready; controls: who get default content on purpose
    domains   of the eligible by receiving domain; of a campaign that warms up only
    after     where the next page begins; empty: this was the last
    """

    audience: int = 0
    eligible: int = 0
    held: int = 0
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    fallbacks: int = 0
    controls: int = 0
    domains: dict[str, int] = msgspec.field(default_factory=dict)
    samples: list[Sample] = msgspec.field(default_factory=list)
    after: str = ""


class _Run:
    """What one page is asked for."""

    def __init__(
        self, campaign: Campaign, settings: WorkspaceSettings, template: Template, now_ms: int, samples: int
    ) -> None:
        self.campaign, self.settings, self.template, self.samples = campaign, settings, template, samples
        self.audience = Audience(campaign.audience, settings)
        self.begins_ms, self.until_ms = begins_ms(campaign, now_ms), until_ms(campaign, now_ms)
        self.control = settings.delivery.control if campaign.control < 0 else campaign.control
        self.page = DryRunPage()

    def skip(self, reason: str) -> None:
        self.page.skipped[reason] = self.page.skipped.get(reason, 0) + 1


class DryRuns:
    """Dry runs, from the event loop's thread alone."""

    def __init__(
        self, store: CacheStore, people: People, previews: Previews, choosing: Choosing, clock_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._people = people
        self._previews = previews
        self._choosing = choosing
        self._clock_ms = clock_ms

    async def page(
        self, campaign: Campaign, settings: WorkspaceSettings, template: Template, after: bytes, samples: int
    ) -> DryRunPage:
        """The next people.

        Raises:
            Problem: 503, the profiles are being read anew.
        """
        run = _Run(campaign, settings, template, self._clock_ms(), min(samples, SAMPLES_MAX))
        for _ in range(PAGE_ROWS // SLICE_ROWS):
            looked = self._people.after(campaign.workspace, after, SLICE_ROWS)
            if looked is None:
                raise not_ready("this node is reading the topics")
            found, after, has_more = looked
            with self._store.drawing:
                for one in found:
                    self._one(run, one)
            if not has_more:
                return run.page
            # Between two slices others are answered.
            await asyncio.sleep(0)
        run.page.after = after.hex()
        return run.page

    def _one(self, run: "_Run", found: Found) -> None:
        page, campaign = run.page, run.campaign
        if not run.audience.holds(found.told):
            return
        page.audience += 1
        at_ms = due_ms(campaign, found.told, run.settings, run.template.message_class, run.begins_ms)
        verdict, domain = self._previews.verdict(campaign, found.user, at_ms)
        if verdict.action is Action.SKIP:
            run.skip(str(verdict.reason))
            return
        if max(at_ms, verdict.until_ms) > run.until_ms:
            run.skip(TOO_LATE)
            return
        try:
            chosen = self._chosen(run, found)
        except Problem as problem:
            # As a grant has it: what this node cannot know now is nobody's reason.
            if problem.status not in SKIPS:
                raise
            run.skip(SKIPS[problem.status])
            return
        page.eligible += 1
        page.held += verdict.action is Action.HOLD
        is_control = chosen.served.reason == CONTROL
        page.controls += is_control
        page.fallbacks += chosen.served.candidate < 0 and not is_control
        if campaign.pace.warm_up:
            page.domains[domain] = page.domains.get(domain, 0) + 1
        if len(page.samples) < run.samples:
            page.samples.append(_sample(found.user, max(at_ms, verdict.until_ms), chosen))

    def _chosen(self, run: "_Run", found: Found) -> Chosen:
        campaign, user, locale = run.campaign, found.user, Locale(found.told.locale)
        if is_in_share(Share.CONTROL, run.control, campaign.workspace, campaign.name, user):
            return self._choosing.default(campaign.workspace, campaign.template, user, locale, CONTROL)
        send_id = send_id_of(campaign.workspace, campaign.name, 1, user)
        return self._choosing.choose(
            campaign.workspace, campaign.template, user, lambda odds: draw(odds, send_id), locale
        )


def _sample(user: UserId, at_ms: int, chosen: Chosen) -> Sample:
    message, served = chosen.unfilled.filled(LOOK_MARKS), chosen.served
    html, block = message.html.decode(), message.block.decode()
    return Sample(user, at_ms, served.locale, served.reason, message.subject, html, block)
