"""When each person is due in a campaign: at once, at a time of the person's own day, or at the person's best hour.

Local times that a change of clocks leaves out or repeats are read as RFC 5545 (3.3.5) has it: one that is left out by
the offset before the change, one that comes twice as the first.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from connectors.delivery.quiet import DAY_MS, opens_ms, zone_for
from schemas.campaigns import LASTS_MS, Campaign
from schemas.library import DeliverySettings, MessageClass, WorkspaceSettings
from schemas.profiles import ToldProfile

HOUR_MS = 3_600_000
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OTHER_DAYS = 1 / 7
"""What the same hour of other days counts: only a person's largest hours are told, and few of them lie ahead."""


def begins_ms(campaign: Campaign, started_ms: int) -> int:
    """When a campaign that was started then begins."""
    return max(campaign.at_ms, started_ms)


def until_ms(campaign: Campaign, started_ms: int) -> int:
    """After when nothing of it is sent."""
    return campaign.until_ms or begins_ms(campaign, started_ms) + LASTS_MS


def due_ms(
    campaign: Campaign, told: ToldProfile, settings: WorkspaceSettings, message_class: MessageClass, from_ms: int
) -> int:
    """When a person is due, from a time on.

    Zones that are not known count as the workspace's.
    """
    zone = zone_for(told.timezone, settings.timezone)
    if campaign.best_hour:
        quiet = None if message_class is MessageClass.CRITICAL else settings.delivery
        found = _best_hour_ms(_hours(told), zone, quiet, from_ms)
        if found is not None:
            return found
    if campaign.local_time >= 0:
        return next_local_ms(campaign.local_time, zone, from_ms)
    return from_ms


def next_local_ms(minute: int, zone: tzinfo, from_ms: int) -> int:
    """The first time from then on at which clocks of a zone show a minute of the day.

    minute  after midnight, 0 to 1439
    """
    day = _local(from_ms, zone).date() - timedelta(days=1)
    while True:
        shown = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
        found = _ms_of(shown)
        if found >= from_ms:
            return found
        day += timedelta(days=1)


def _best_hour_ms(hours: Mapping[str, float], zone: tzinfo, quiet: DeliverySettings | None, from_ms: int) -> int | None:
    """The beginning of the best of the hours that follow; of those alike the first. None where nothing is known."""
    of_day: dict[int, float] = {}
    for name, part in hours.items():
        hour = int(name[-2:])
        of_day[hour] = of_day.get(hour, 0.0) + part
    best, best_score = None, 0.0
    for start_ms in _hour_starts(zone, from_ms):
        shown = _local(start_ms, zone)
        own = hours.get(f"{_DAYS[shown.weekday()]} {shown.hour:02}", 0.0)
        score = own + _OTHER_DAYS * of_day.get(shown.hour, 0.0)
        if score <= best_score:
            continue
        # Asked last: it takes longer than all the rest.
        if quiet is None or opens_ms(start_ms, zone, quiet.quiet_from, quiet.quiet_until) == start_ms:
            best, best_score = start_ms, score
    return best


def _hour_starts(zone: tzinfo, from_ms: int) -> list[int]:
    """Now, and the beginnings of the hours of a day from now, as clocks of the zone show them."""
    shown = _local(from_ms, zone)
    into_ms = (shown.minute * 60 + shown.second) * 1000 + from_ms % 1000
    next_ms = from_ms - into_ms + HOUR_MS
    return [from_ms, *range(next_ms, from_ms + DAY_MS, HOUR_MS)]


def _hours(told: ToldProfile) -> Mapping[str, float]:
    found = told.features.get("hours")
    return found.value if found is not None and isinstance(found.value, dict) else {}


def _local(at_ms: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)


def _ms_of(shown: datetime) -> int:
    return round(shown.timestamp() * 1000)
