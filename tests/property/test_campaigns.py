"""Campaigns, for all inputs: no hour over the throttle, due times that clocks show, shares as large as they say."""

import math
from bisect import bisect_left
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.due_times import due_ms, next_local_ms
from connectors.delivery.pace import HOUR_MS, Parts, Throttle
from connectors.delivery.quiet import zone_for
from connectors.delivery.shares import Share, is_in_share, send_id_of
from schemas.campaigns import Campaign
from schemas.ids import Locale, TemplateName, UserId, WorkspaceId
from schemas.library import MessageClass, WorkspaceSettings
from schemas.profiles import FeatureValue, ToldProfile
from schemas.versions import Version

SHOP = WorkspaceId("shop")
ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Kiritimati",
    "America/St_Johns", "Africa/Casablanca", "UTC",
)  # fmt: skip
DAY_MS = 86_400_000
TIMES = st.integers(1_577_836_800_000, 1_893_456_000_000)
"""2020 to 2030."""
HOURS = st.dictionaries(
    st.builds(
        "{} {:02}".format, st.sampled_from(("mon", "tue", "wed", "thu", "fri", "sat", "sun")), st.integers(0, 23)
    ),
    st.floats(0.01, 1.0),
    max_size=8,
)


@given(st.integers(0, 1439), st.sampled_from(ZONES), TIMES)
def test_a_local_time_comes_within_a_day_and_is_what_clocks_show(minute: int, name: str, from_ms: int) -> None:
    zone = ZoneInfo(name)

    found = next_local_ms(minute, zone, from_ms)

    assert 0 <= found - from_ms <= DAY_MS + 2 * HOUR_MS
    shown = datetime.fromtimestamp(found / 1000, UTC).astimezone(zone)
    asked = shown.replace(hour=minute // 60, minute=minute % 60)
    is_left_out = asked.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != asked.replace(tzinfo=None)
    assert shown.hour * 60 + shown.minute == minute or is_left_out


@given(HOURS, st.sampled_from(ZONES), TIMES, st.booleans())
def test_a_best_hour_lies_in_the_day_that_follows_and_is_not_quiet(
    hours: dict[str, float], name: str, from_ms: int, critical: bool
) -> None:
    settings = WorkspaceSettings(Locale("en"), "UTC")
    told = ToldProfile(Version(b"1"), timezone=name, features={"hours": FeatureValue(hours, 1)})
    message_class = MessageClass.CRITICAL if critical else MessageClass.MARKETING
    best = Campaign("sale", SHOP, TemplateName("newsletter"), best_hour=True)

    found = due_ms(best, told, settings, message_class, from_ms)

    assert from_ms <= found < from_ms + DAY_MS
    if found > from_ms and not critical:
        # The locked tz database: the machine's own may know other rules.
        shown = datetime.fromtimestamp(found / 1000, UTC).astimezone(zone_for(name, "UTC"))
        assert 8 <= shown.hour < 21


@given(st.floats(0.05, 2_000), st.lists(st.integers(0, 3_600_000), min_size=1, max_size=60))
def test_in_no_hour_more_are_let_through_than_the_throttle_says(per_hour: float, gaps: list[int]) -> None:
    throttle = Throttle(per_hour)
    now_ms, gone = 0, []

    for gap_ms in gaps:
        now_ms += gap_ms
        while throttle.wait_ms(now_ms) == 0:
            gone.append(now_ms)

    for number, began_ms in enumerate(gone):
        in_hour = bisect_left(gone, began_ms + HOUR_MS) - number
        assert in_hour <= math.ceil(per_hour)


@given(st.floats(1, 5_000))
def test_a_line_moves_as_fast_as_the_throttle_allows(per_hour: float) -> None:
    throttle = Throttle(per_hour)

    turns = sorted(throttle.wait_ms(0) for _ in range(int(2 * per_hour) + 2))

    # A fiftieth slower at most: what may go at once is taken off the rate.
    assert turns[-1] <= (len(turns) + 1) * HOUR_MS / per_hour * 1.02 + 1
    assert len(set(turns[turns.count(0) :])) == len(turns) - turns.count(0)


@given(
    st.text(min_size=1, max_size=8),
    st.text(min_size=1, max_size=8),
    st.text(min_size=1, max_size=8),
    st.integers(1, 9),
)
def test_a_send_id_is_the_same_again_and_anothers_is_another(workspace: str, name: str, user: str, run: int) -> None:
    ids = [
        send_id_of(WorkspaceId(workspace), name, run, UserId(user)),
        send_id_of(WorkspaceId(workspace), name, run + 1, UserId(user)),
        send_id_of(WorkspaceId(workspace), name + "|", run, UserId(user)),
        send_id_of(WorkspaceId(workspace), name, run, UserId("|" + user)),
    ]

    assert len(set(ids)) == 4
    assert ids[0] == send_id_of(WorkspaceId(workspace), name, run, UserId(user))


@given(st.integers(0, 10**6), st.sets(st.integers(0, 11)))
def test_parts_of_nodes_are_the_whole(number: int, owned: set[int]) -> None:
    others = tuple(sorted(set(range(12)) - owned))

    assert Parts(tuple(sorted(owned)), 12).of(number) + Parts(others, 12).of(number) == number


def test_shares_are_as_large_as_they_say_and_independent_of_each_other_and_of_other_campaigns() -> None:
    users = [UserId(f"user-{number}") for number in range(40_000)]
    size = 0.2
    held, control, other = (
        {user for user in users if is_in_share(share, size, SHOP, name, user)}
        for share, name in ((Share.HOLDOUT, "sale"), (Share.CONTROL, "sale"), (Share.HOLDOUT, "spring"))
    )

    # Standard deviations: 80 of 8 000, and 39 of the 1 600 that two independent ones have in common.
    for one in (held, control, other):
        assert abs(len(one) - 8_000) < 5 * 80
    for both in (held & control, held & other, control & other):
        assert abs(len(both) - 1_600) < 5 * 39
