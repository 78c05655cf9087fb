"""What becomes of mails, counted where it enters: `foresend_mail_events_total`."""

from collections import Counter as Count
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry

from connectors.metrics.making import counter
from schemas.events import UNSUBSCRIBED

_EVENTS = {
    "Email Sent": "sent",
    "Email Delivered": "delivered",
    "Email Deferred": "deferred",
    "Email Marked as Spam": "complained",
    "Email Opened": "opened",
    "Email Link Clicked": "clicked",
    UNSUBSCRIBED: "unsubscribed",
}
_BOUNCED = "Email Bounced"
_HARD = "hard"

MailCounts = Count[str]
"""How often each of `MAIL_EVENTS`."""


def mail_event(name: str, properties: Mapping[str, Any]) -> str:
    """What an event tells of a mail; empty: nothing that is counted.

    A bounce that is not said to be hard may pass.

    >>> mail_event("Email Bounced", {"bounce_type": "hard"}), mail_event("Product Viewed", {})
    ('bounced_hard', '')
    """
    if name == _BOUNCED:
        return "bounced_hard" if properties.get("bounce_type") == _HARD else "bounced_soft"
    return _EVENTS.get(name, "")


class MailMeter:
    """The meter of one program."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = counter("foresend_mail_events_total", registry)

    def add(self, workspace: str, counts: Mapping[str, int]) -> None:
        """Count what was told of mails of a workspace; what is nothing that is counted is passed over."""
        for event, number in counts.items():
            if event:
                self._events.labels(workspace, event).inc(number)
