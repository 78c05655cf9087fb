"""What is counted of a campaign: each send at its end, complaints and late bounces, and what was shown and followed."""

from connectors.delivery.campaign_pauses import COMPLAINTS, HARD_BOUNCES
from schemas.sending import Outcome, SendRecord, SendState
from schemas.suppressions import COMPLAINT, HARD_BOUNCE

ENDS = frozenset(
    {
        SendState.SENT,
        SendState.SKIPPED,
        SendState.BOUNCED,
        SendState.FAILED,
        SendState.AMBIGUOUS,
        SendState.CANCELLED,
    }
)
BLAMED_WITHIN_MS = 7 * 86_400_000
"""A complaint or a late bounce is put down to a send of so long before."""
BLAMED = frozenset({COMPLAINT, HARD_BOUNCE})
BLAMED_BEFORE_MS = 60_000
"""Clocks of others are off by less: what seems to come before the send comes from it."""


def names_of(record: SendRecord) -> dict[str, int]:
    """Under which names a send counts."""
    match record.state:
        case SendState.SENT:
            return {"sent": 1, f"sent:{content_of(record)}": 1}
        case SendState.SKIPPED:
            return {"skipped": 1, f"skipped:{record.reason}": 1}
        case SendState.BOUNCED:
            return {"bounced": 1, HARD_BOUNCES: 1} if record.detail == Outcome.HARD else {"bounced": 1}
        case _:
            return {str(record.state): 1}


def content_of(record: SendRecord) -> str:
    """What somebody was sent: default content on purpose, default content for want of better, or what was chosen."""
    return "control" if record.control else "fallback" if record.fallback else "chosen"


def names_of_blame(record: SendRecord, reason: str) -> dict[str, int]:
    """How counts change by a complaint, or by a bounce of what was counted as sent."""
    if reason == COMPLAINT:
        return {COMPLAINTS: 1}
    return {name: -by for name, by in names_of(record).items()} | {"bounced": 1, HARD_BOUNCES: 1}


def may_be_blamed(record: SendRecord, at_ms: int) -> bool:
    """Whether a complaint or a late bounce of then may be about a send."""
    if record.state is not SendState.SENT:
        return False
    return -BLAMED_BEFORE_MS <= at_ms - record.ended_ms <= BLAMED_WITHIN_MS
