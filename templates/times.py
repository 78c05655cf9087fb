"""Times as authors write them."""

from datetime import datetime


def time_ms(text: str | None) -> int:
    """Milliseconds since 1970 of a time with its zone; 0 for none. A time that is none is told by validation.

    >>> time_ms("2026-12-24T18:00:00Z")
    1798135200000
    """
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000) if text else 0
    except ValueError:
        return 0


def minutes_of(text: str) -> int:
    """Minutes after midnight.

    >>> minutes_of("09:30")
    570
    """
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
