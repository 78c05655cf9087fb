"""A campaign: one template to an audience, once. What `campaigns/*.yaml` says, and where it stands."""

from enum import StrEnum
from typing import ClassVar

import msgspec

from schemas.codec import Versioned
from schemas.ids import TemplateName, WorkspaceId

LASTS_MS = 3 * 86_400_000
"""So long after its beginning a campaign ends that does not say when."""
LASTS_MS_MAX = 30 * 86_400_000
"""A campaign lasts for as long at most: what is queued waits on the nodes' disks."""


class Pace(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How fast.

    per_hour  sends at most, of all nodes together; 0: as fast as it goes
    warm_up   sends a day at most to each receiving domain, on the first day, the second …; after the last: any number
    """

    per_hour: int = 0
    warm_up: tuple[int, ...] = ()


class Campaign(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a campaign is.

    audience   a condition over what is told of a person (docs/conditions.md); empty: everybody
    at_ms      when it begins; 0: when it is started
    local_time minutes after midnight at each person's own place; -1: at once
    best_hour  at each person's best hour of the day that follows, as far as it is known
    until_ms   nothing is sent after it; 0: three days after its beginning
    limit      persons at most; 0: any number
    holdout    share of the audience that is not written to
    control    share that is sent default content; -1: the workspace's
    """

    name: str
    workspace: WorkspaceId
    template: TemplateName
    audience: str = ""
    at_ms: int = 0
    local_time: int = -1
    best_hour: bool = False
    until_ms: int = 0
    limit: int = 0
    holdout: float = 0.0
    control: float = -1.0
    pace: Pace = Pace()


class CampaignState(StrEnum):
    """Where a campaign stands at one node."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"
    """The whole audience was walked through; sends may still be due."""


class CampaignRow(Versioned, frozen=True):
    """A campaign as a node keeps it.

    run      how often a campaign of this name was started: part of each send id
    cursor   the key after which the walk through the audience goes on
    queued   persons of this node for whom a send was asked for
    why      of a pause: `operator`, `complaints`, `hard_bounces`
    counted  sends by state, skips as `skipped:<reason>`, and complaints
    base     `counted` as it was when the campaign was begun or resumed: automatic pauses judge what came since
    limit    persons at most, of all nodes together; 0: any number
    most     of them at this node; -1: any number
    is_sweeping  what a pause put off is being brought forward, or what is queued is being cancelled
    is_live  it was started where real people may be written to
    is_after_cancel  the run before was cancelled: what may be left of it is not sent
    """

    SCHEMA_VERSION: ClassVar[int] = 1

    campaign: Campaign
    run: int
    state: CampaignState
    started_ms: int
    changed_ms: int
    cursor: bytes = b""
    queued: int = 0
    why: str = ""
    counted: dict[str, int] = {}
    base: dict[str, int] = {}
    limit: int = 0
    most: int = -1
    is_sweeping: bool = False
    is_live: bool = False
    is_after_cancel: bool = False


class FirstLive(Versioned, frozen=True):
    """How far a node's workspace is on its way to campaigns of any size to real people.

    looked_ms  when a report was looked at of a campaign whose walk had ended; 0: not yet
    freed_ms   when one was started, after that, with a limit that was said to be larger
    """

    SCHEMA_VERSION: ClassVar[int] = 1

    looked_ms: int = 0
    freed_ms: int = 0


class WarmedUp(Versioned, frozen=True):
    """What each receiving domain was sent by a node on one day of a campaign that warms up.

    day  of the campaign, from 0
    """

    SCHEMA_VERSION: ClassVar[int] = 1

    day: int = 0
    sent: dict[str, int] = {}
