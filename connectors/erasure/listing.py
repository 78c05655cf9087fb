"""Puts whoever is to be erased on the list, in the same write as the event that asks for it."""

from collections.abc import Callable

from connectors.collector.event_log import Outgoing
from connectors.erasure.erased import Erased, erased_record
from schemas.events import Event, EventKind
from schemas.topics import ERASED

Listed = Callable[[Event], list[Outgoing]]
"""What is written of an event beside itself."""


def nobody(_event: Event) -> list[Outgoing]:
    """No list is kept."""
    return []


def listing(secret: bytes) -> Listed:
    """The list, under an installation's secret."""

    def listed(event: Event) -> list[Outgoing]:
        if event.kind is not EventKind.ERASE:
            return []
        key, value = erased_record(secret, Erased(event.workspace, event.user, event.received_ms))
        return [Outgoing(ERASED.name, 0, key, value)]

    return listed
