"""Quiet hours and days in every zone, over every change of clocks: what is promised, minute by minute."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connectors.delivery.caps import Counted, reached
from connectors.delivery.quiet import day_of, opens_ms
from schemas.zones import zone_of

MINUTE_MS = 60_000
DAY_MS = 86_400_000
ZONES = (
    "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu", "Asia/Tehran", "Africa/Casablanca",
    "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "America/Sao_Paulo", "Antarctica/Troll", "UTC",
)  # fmt: skip
"""Of 45 and 30 minutes, of changes by half an hour and by two hours, at midnight, and of a day that was left out."""
zones = st.sampled_from(ZONES).map(lambda name: zone_of(name) or UTC)
moments = st.integers(
    int(datetime(2010, 1, 1, tzinfo=UTC).timestamp()) * 1000, int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()) * 1000
)
minutes = st.integers(0, 1439)


def shown(at_ms: int, zone: object) -> int:
    """Minutes after midnight on the wall, in another way than the code does it."""
    local = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(zone)  # type: ignore[arg-type]
    return local.hour * 60 + local.minute


def is_quiet(minute: int, quiet_from: int, quiet_until: int) -> bool:
    return (minute - quiet_from) % 1440 < (quiet_until - quiet_from) % 1440


@given(moments, zones, minutes, minutes)
def test_the_window_opens_at_the_first_minute_that_is_not_quiet(now: int, zone: object, start: int, end: int) -> None:
    now -= now % MINUTE_MS
    opens = opens_ms(now, zone, start, end)  # type: ignore[arg-type]
    assert now <= opens <= now + DAY_MS + 3 * 3_600_000 + MINUTE_MS
    assert not is_quiet(shown(opens, zone), start, end)
    assert all(is_quiet(shown(at_ms, zone), start, end) for at_ms in range(now, opens, 7 * MINUTE_MS))
    if opens > now:
        assert is_quiet(shown(opens - 1000, zone), start, end)


@given(st.lists(st.tuples(moments, st.integers(0, 3)), max_size=12), zones, st.integers(1, 31), st.integers(1, 5))
def test_in_no_days_more_than_the_cap(asked: list[tuple[int, int]], zone: object, days: int, most: int) -> None:
    base = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 1000
    sent: list[Counted] = []
    for number, (offset, _) in enumerate(sorted(asked)):
        now = base + offset % (40 * DAY_MS)
        if sent and now < sent[-1].at_ms:
            continue
        if reached(sent, ((days, most),), now, zone, b"") is None:  # type: ignore[arg-type]
            sent.append(Counted(now, number.to_bytes(16, "big")))
    numbers = [day_of(one.at_ms, zone) for one in sent]  # type: ignore[arg-type]
    assert all(sum(day <= other < day + days for other in numbers) <= most for day in numbers)


@given(moments, zones)
def test_a_day_is_the_calendars(at_ms: int, zone: object) -> None:
    local = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(zone)  # type: ignore[arg-type]
    assert day_of(at_ms, zone) == local.date().toordinal()  # type: ignore[arg-type]
    assert datetime.fromordinal(day_of(at_ms, zone)).date() - local.date() == timedelta()  # type: ignore[arg-type]
