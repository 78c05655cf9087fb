"""The event: one thing that happened to one user, as the collector wrote it to the topic `events` (JSON)."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from schemas.decisions import Exposure
from schemas.errors import Reason, SchemaError
from schemas.ids import ID_LENGTH, ID_LENGTH_MAX, EventId, RecordId, UserId, WorkspaceId
from schemas.worlds import WorldRef

EVENT_BYTES_MAX = 1_000_000
"""Larger input is refused by the collector (413) and goes to the dead letters elsewhere."""
DEPTH_MAX = 100
"""Deeper nesting is refused: no client needs it, and it bounds every recursion over an event."""

MILLIS_END = 1 << 46
"""In the year 4199: times below it fit every packed form."""
Millis = Annotated[int, msgspec.Meta(ge=0, lt=MILLIS_END)]
"""Milliseconds since 1970, UTC."""

VIA_MAX = 8
"""Profiles that an event may pass through; what is linked more deeply stays with the last."""

AGE_MAX_MS = 90 * 86_400_000
"""An event that happened longer than this before it was received is refused: the log itself is kept as long."""
AHEAD_MAX_MS = 3_600_000
"""An event further ahead of the receiver's clock is refused: its sender's clock is wrong."""


class EventKind(StrEnum):
    """The kinds of Segment's spec, and those that Foresend itself writes."""

    TRACK = "track"
    IDENTIFY = "identify"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"
    EXPOSURE = "exposure"
    ERASE = "erase"
    REFRESH = "refresh"
    LINK = "link"
    """To the profile that is to become part of another's: `linked` says whose."""
    MERGE = "merge"
    """To that other: the features of a profile that became part of it (`handed`), as far as its events are not sent."""
    CONTACT = "contact"
    """Addresses, permission with its proof, and suppression: `properties`, as `schemas.contacts` tells."""
    HEARTBEAT = "heartbeat"


BEHAVIOUR = frozenset({EventKind.TRACK, EventKind.PAGE, EventKind.SCREEN})
"""Kinds that move a user's features. The others tell who one is, what was sent, or one's rights."""
STAYING = frozenset({EventKind.ERASE, EventKind.LINK, EventKind.REFRESH, EventKind.HEARTBEAT})
"""Kinds that mean this very profile, whoever it belongs to."""


SUBSCRIBED, UNSUBSCRIBED = "Subscribed", "Unsubscribed"
OUTCOME = "Outcome Told"
"""What a send came to, told by the brand's service: `reward` 1 or 0, and `grade` from 0 to 1 where there is more."""
ABOUT_MAIL = "Email "
"""Begins the names of events that tell what became of a message."""


def is_about_mail(name: str) -> bool:
    """Whether an event of this name tells what became of mail, or who may be sent it: servers know that, pages do not.

    >>> is_about_mail("Email Bounced"), is_about_mail("Outcome Told"), is_about_mail("Product Viewed")
    (True, True, False)
    """
    return name.startswith(ABOUT_MAIL) or name in (SUBSCRIBED, UNSUBSCRIBED, OUTCOME)


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event. Times are in milliseconds since 1970, UTC.

    at_ms        when it happened, by the sender's clock, corrected for skew
    received_ms  when the collector took it; in a replay topic the record's own time
    name         the event's name of a track call, the page's of a page call
    anonymous    the user is the anonymous id of a device, not a known person; of a link: it moves only such a profile
    linked       of an identify or alias: the other id of the same person; of a link: who the person is from now on
    via          whose profiles an event has passed through, as links tell; the first is whom it was collected for
    handed       of a merge: a packed profile
    """

    workspace: Annotated[WorkspaceId, ID_LENGTH]
    user: Annotated[UserId, ID_LENGTH]
    record_id: Annotated[RecordId, ID_LENGTH]
    id: Annotated[EventId, ID_LENGTH]
    kind: EventKind
    at_ms: Millis
    received_ms: Millis
    world: WorldRef = WorldRef()
    name: str = ""
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    context: dict[str, Any] = {}
    exposure: Exposure | None = None
    anonymous: bool = False
    linked: Annotated[str, msgspec.Meta(max_length=ID_LENGTH_MAX)] = ""
    via: Annotated[tuple[UserId, ...], msgspec.Meta(max_length=VIA_MAX)] = ()
    handed: bytes = b""

    def __post_init__(self) -> None:
        """Refuse an exposure event without its exposure."""
        if self.kind is EventKind.EXPOSURE and self.exposure is None:
            raise ValueError("expected an exposure in an event of kind exposure")


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)
_parser = msgspec.json.Decoder()


def encode_event(event: Event) -> bytes:
    """JSON, as the topic `events` holds it."""
    return _encoder.encode(event)


def decode_event(data: bytes) -> Event:
    """Read one record of the topic `events`.

    Raises:
        SchemaError: with the reason why the bytes are not an event.
    """
    if len(data) > EVENT_BYTES_MAX:
        raise SchemaError(Reason.TOO_LARGE, f"expected at most {EVENT_BYTES_MAX} bytes, got {len(data)}")
    try:
        event = _decoder.decode(data)
        _check_depth(data)
    except msgspec.ValidationError as error:
        raise _not_an_event(str(error)) from None
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise SchemaError(Reason.BAD_UTF8, "expected UTF-8") from None
    except msgspec.DecodeError as error:
        raise SchemaError(why_not_json(data), str(error)) from None
    return event


def check_time(at_ms: int, received_ms: int) -> None:
    """Refuse an event that cannot have happened when it says, seen from when it was received.

    Raises:
        SchemaError: with the reason `time_out_of_range`.
    """
    if not received_ms - AGE_MAX_MS <= at_ms <= received_ms + AHEAD_MAX_MS:
        raise SchemaError(
            Reason.TIME_OUT_OF_RANGE,
            f"expected a time from 90 days before to 1 hour after it was received, "
            f"got one {(at_ms - received_ms) / 1000:+.0f} s from it",
        )


def why_not_json(data: bytes) -> Reason:
    """Why a decoder refused bytes as JSON: told apart for the reader of the dead letters."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Reason.BAD_UTF8
    return Reason.NOT_FINITE if re.search(r"[:\[,]\s*-?(NaN|Infinity)\b", text) else Reason.NOT_JSON


def _not_an_event(message: str) -> SchemaError:
    """What the decoder found, in its words where they quote no value."""
    if message.startswith("Invalid enum value"):
        return SchemaError(Reason.UNKNOWN_KIND, f"kind: expected one of {', '.join(EventKind)}, got another")
    return SchemaError(Reason.NOT_FINITE if "out of range" in message else Reason.WRONG_TYPE, message)


def _check_depth(data: bytes) -> None:
    """Refuse deep nesting, by the same bound wherever the event is read.

    Counting brackets is cheap, and few of them cannot be deep; only the rest is walked through: all of it,
    for how deep a field may be that the decoder skips depends on the stack of who called it.
    """
    if data.count(b"[") + data.count(b"{") > DEPTH_MAX:
        level = [_parser.decode(data)]
        for _ in range(DEPTH_MAX + 1):
            level = [child for item in level for child in _items(item) if isinstance(child, (dict, list))]
        if level:
            raise _too_deep()


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _too_deep() -> SchemaError:
    return SchemaError(Reason.TOO_DEEP, f"expected at most {DEPTH_MAX} levels of nesting")
