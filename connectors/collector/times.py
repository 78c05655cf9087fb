"""Times of calls: ISO 8601 in, milliseconds out, corrected for the sender's clock."""

from datetime import UTC, datetime

from schemas.errors import Reason, SchemaError


def parse_ms(text: str, name: str) -> int:
    """Milliseconds since 1970; a time without a zone is UTC.

    Raises:
        SchemaError: not ISO 8601.

    >>> parse_ms("1970-01-01T00:00:01.5Z", "timestamp")
    1500
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000
    except (ValueError, OverflowError):
        raise SchemaError(Reason.WRONG_TYPE, f"{name}: expected a time as ISO 8601") from None


def happened_ms(timestamp: str | None, sent_at: str | None, received_ms: int) -> int:
    """When it happened by our clock: how long before sending, by the sender's own clock, before receiving.

    Raises:
        SchemaError: a time is not ISO 8601.
    """
    if timestamp is None:
        return received_ms
    at_ms = parse_ms(timestamp, "timestamp")
    return at_ms if sent_at is None else at_ms + received_ms - parse_ms(sent_at, "sentAt")
