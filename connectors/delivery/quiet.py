"""Days and quiet hours by the clock on a person's wall, over changes of clocks and in any zone."""

from datetime import UTC, datetime, timedelta, tzinfo

from schemas.zones import zone_of

DAY_MS = 86_400_000
MINUTE_MS = 60_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def zone_for(told: str, of_workspace: str) -> tzinfo:
    """A person's own zone; where it is not known the workspace's, and where that is not either UTC."""
    return zone_of(told) or zone_of(of_workspace) or UTC


def day_of(at_ms: int, zone: tzinfo) -> int:
    """The number of the calendar day that it is then in a zone.

    >>> day_of(86_400_000, UTC) - day_of(0, UTC)
    1
    """
    return _local(at_ms, zone).toordinal()


def opens_ms(now_ms: int, zone: tzinfo, quiet_from: int, quiet_until: int) -> int:
    """When quiet hours end that hold now; now where none do.

    quiet_from, quiet_until  minutes after midnight, the first quiet and the second no more; the second before the
                             first: over midnight; both alike: none

    It is the first moment from now on at which the wall's clock shows a time that is not quiet. Between two changes of
    clocks that is a subtraction; a change before it is looked for, and the rest counted from there.
    """
    at_ms = now_ms
    while (left_ms := _quiet_left(at_ms, zone, quiet_from, quiet_until)) > 0:
        end_ms = at_ms + left_ms
        # Mutant: trust the subtraction; then `test_quiet_hours_over_a_change_of_clocks` fails.
        at_ms = end_ms if _offset(at_ms, zone) == _offset(end_ms, zone) else _change(at_ms, end_ms, zone)
    return at_ms


def _quiet_left(at_ms: int, zone: tzinfo, quiet_from: int, quiet_until: int) -> int:
    """Milliseconds of quiet that the wall's clock has before it; 0: it is not quiet."""
    local = _local(at_ms, zone)
    start_ms, end_ms = quiet_from * MINUTE_MS, quiet_until * MINUTE_MS
    shown_ms = (local - local.replace(hour=0, minute=0, second=0, microsecond=0)) // _MILLISECOND
    is_quiet = start_ms <= shown_ms < end_ms if start_ms <= end_ms else not end_ms <= shown_ms < start_ms
    return (end_ms - shown_ms) % DAY_MS if is_quiet else 0


def _change(from_ms: int, to_ms: int, zone: tzinfo) -> int:
    """The first moment after `from_ms` at which clocks show another offset than then."""
    before, low, high = _offset(from_ms, zone), from_ms, to_ms
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high


def _local(at_ms: int, zone: tzinfo) -> datetime:
    """What the wall's clock shows, whole milliseconds; of a naive subtraction, its own wall's."""
    return (_EPOCH + at_ms * _MILLISECOND).astimezone(zone).replace(tzinfo=None)


def _offset(at_ms: int, zone: tzinfo) -> timedelta | None:
    return (_EPOCH + at_ms * _MILLISECOND).astimezone(zone).utcoffset()
