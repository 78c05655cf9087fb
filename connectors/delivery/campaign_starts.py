"""Starts of campaigns: what is refused, how many people one may reach, and whether it goes on or begins anew."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from connectors.cache.releases import Releases
from connectors.delivery.audience import Audience
from connectors.delivery.campaign_rows import CampaignRows
from connectors.delivery.due_times import begins_ms, until_ms
from connectors.delivery.granting import FILE, channel_of
from connectors.delivery.pace import Parts
from connectors.gateway.problems import Problem, not_found
from schemas.campaigns import LASTS_MS_MAX, Campaign, CampaignRow, CampaignState
from schemas.errors import ConfigError
from schemas.library import Template, WorkspaceSettings
from schemas.topics import DAY_MS

FIRST_LIMIT = 100
"""Persons of a workspace's first campaign to real people, until a report of it was looked at."""


@dataclass(frozen=True)
class Order:
    """What is asked of a start.

    run    the same at all nodes: one more than the newest of any begins anew
    limit  persons at most, as the operator said it; None: not said
    """

    campaign: Campaign
    run: int = 1
    limit: int | None = None


class Starts:
    """Judges starts. Nothing is written here.

    parts  which part of each number is this node's
    """

    def __init__(self, rows: CampaignRows, releases: Releases, parts: Parts, clock_ms: Callable[[], int]) -> None:
        self._rows = rows
        self._releases = releases
        self._parts = parts
        self._clock_ms = clock_ms

    def settings(self, campaign: Campaign) -> tuple[WorkspaceSettings, Template]:
        """What the workspace's newest release says, and the template that a campaign sends.

        Raises:
            Problem: 404 or 409, it cannot.
        """
        newest = self._releases.newest(campaign.workspace)
        if newest is None:
            raise not_found("no_release", "expected a release of this workspace, there is none yet")
        found = [one for one in newest.release.templates if one.name == campaign.template]
        if not found:
            raise not_found("no_template", "expected a template of the workspace's newest release")
        try:
            Audience(campaign.audience, newest.release.settings)
        except ConfigError as error:
            raise conflict("audience", f"{error}: the release that is in use knows no more") from None
        return newest.release.settings, found[0]

    def check(self, order: Order) -> CampaignRow:
        """The row that a start would make, or a problem where it would be refused. Nothing is written.

        Raises:
            Problem: 404 or 409.
        """
        campaign, now_ms = order.campaign, self._clock_ms()
        settings, template = self.settings(campaign)
        if until_ms(campaign, now_ms) <= now_ms:
            raise conflict("too_late", "expected an end of the campaign that is not over")
        if until_ms(campaign, now_ms) - begins_ms(campaign, now_ms) > LASTS_MS_MAX:
            raise conflict("too_long", f"expected a campaign of {LASTS_MS_MAX // DAY_MS} days at most")
        is_live = channel_of(settings.delivery, template) != FILE
        limit = self._limit(order, is_live=is_live)
        known = self._rows.kept.get((campaign.workspace, campaign.name))
        if known is not None and known.run >= order.run:
            return self._gone_on(known, order, limit, now_ms)
        if known is not None and known.state in {CampaignState.RUNNING, CampaignState.PAUSED}:
            raise conflict("is_running", f"expected {campaign.name} to be cancelled or done, it is {known.state}")
        most = self._parts.of(limit) if limit else -1
        row = CampaignRow(campaign, order.run, CampaignState.RUNNING, now_ms, now_ms)
        is_after_cancel = known is not None and known.state is CampaignState.CANCELLED
        return msgspec.structs.replace(row, limit=limit, most=most, is_live=is_live, is_after_cancel=is_after_cancel)

    def _gone_on(self, known: CampaignRow, order: Order, limit: int, now_ms: int) -> CampaignRow:
        """The row of a run that is there already, its limit raised perhaps."""
        name = known.campaign.name
        if known.run > order.run:
            raise conflict("is_newer", f"expected run {known.run} of {name} or a newer one, got {order.run}")
        if known.campaign != order.campaign:
            detail = f"{name} was started with other settings: cancel it, or start it again"
            raise conflict("is_other", f"expected the campaign as it was started: {detail}")
        if known.state in {CampaignState.PAUSED, CampaignState.CANCELLED}:
            raise conflict("is_stopped", f"expected {name} to be running or done, it is {known.state}")
        most = self._parts.of(limit) if limit else -1
        has_more = 0 <= known.most <= known.queued and (most < 0 or most > known.most)
        if known.state is CampaignState.DONE and not has_more:
            return known
        return msgspec.structs.replace(known, state=CampaignState.RUNNING, limit=limit, most=most, changed_ms=now_ms)

    def _limit(self, order: Order, *, is_live: bool) -> int:
        """Persons at most; 0: any number. Of the first campaign to real people a hundred, until it was looked at.

        Mutant: without the rule; then `test_the_first_campaign_to_real_people_is_limited` fails.
        """
        said = order.campaign.limit if order.limit is None else order.limit
        first = self._rows.first_live(order.campaign.workspace)
        if not is_live or first.freed_ms:
            return said
        if order.limit is not None and order.limit > FIRST_LIMIT:
            if first.looked_ms:
                return said
            detail = (
                f"expected a limit of {FIRST_LIMIT} at most, for nobody has looked at a report of a campaign to real "
                f"people yet: start it with {FIRST_LIMIT}, look at its report once it is done, then raise the limit"
            )
            raise conflict("first_campaign", detail)
        return min(said or FIRST_LIMIT, FIRST_LIMIT)


def conflict(code: str, detail: str) -> Problem:
    """What a start or a stop is refused by, 409."""
    return Problem(HTTPStatus.CONFLICT, code, detail)
