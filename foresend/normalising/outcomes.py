"""What became of one payload."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from connectors.collector.reduction import Rules, reduced
from schemas.errors import Reason
from schemas.events import Event, EventKind

ACCEPTED = "accepted"
REFUSED = "refused"
_OURS_ALONE = frozenset({"workspace", "record_id", "world"})


class Refusal(StrEnum):
    """Why a payload is refused. A closed list, with `schemas.errors.Reason`."""

    UNKNOWN_PROVIDER = "unknown_provider"
    """It is of none of the providers and formats that are known."""
    OTHER_PROVIDER = "other_provider"
    """It is not of the provider that was named."""
    NO_CALL = "no_call"
    """What it wraps is no call of Segment's spec."""
    BAD_SIGNATURE = "bad_signature"
    """Its signature was not made over these bytes."""
    UNREADABLE = "unreadable"
    """The file cannot be read."""


REASONS = tuple(sorted({*(one.value for one in Refusal), *(one.value for one in Reason)}))


class Refused(Exception):
    """A payload that is refused as a whole."""

    def __init__(self, reason: Refusal | Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Lost(msgspec.Struct, frozen=True):
    """A part of an accepted payload that is no event; `index` counts from 0."""

    index: int
    reason: str
    detail: str


class Understood(msgspec.Struct):
    """A payload whose kind is known.

    filled  what its events lacked and were given: `user`, `event`, `type` …
    """

    provider: str
    events: list[Event] = []
    lost: list[Lost] = []
    filled: list[str] = []


def reduced_as_kept(event: Event) -> Event:
    """The event as a workspace stores it that keeps every trait it may keep: without addresses, and so on."""
    rules = Rules(kept=[*event.traits, *(event.context.get("traits") or {})])
    return reduced(event, rules)


def told(event: Event) -> dict[str, Any]:
    """An event in words: as it would be stored, and by the names of Segment's spec beside them."""
    fields = {name: value for name, value in msgspec.to_builtins(event).items() if name not in _OURS_ALONE}
    who = "anonymousId" if event.anonymous else "userId"
    spec: dict[str, Any] = {"type": event.kind.value, "messageId": event.id, who: event.user}
    if event.name:
        spec["event" if event.kind is EventKind.TRACK else "name"] = event.name
    spec["timestamp"] = datetime.fromtimestamp(event.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {**spec, **fields}
