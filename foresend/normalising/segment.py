"""Calls of Segment's spec: one, a batch, or an example that leaves out what every call has."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.collector.calls import Call, Reception, decode_call, event_of
from connectors.collector.record_ids import event_id_of
from connectors.collector.times import parse_ms
from connectors.mappings.events import SENDER_KINDS
from foresend.normalising.outcomes import Lost, Understood
from schemas.errors import Reason, SchemaError
from schemas.events import MILLIS_END, Event, EventKind
from schemas.ids import WorkspaceId
from schemas.worlds import WorldRef

UNKNOWN = "unknown"
WORKSPACE = WorkspaceId("normalise")

_ENVELOPE_NAMES = (
    "anonymousId anonymous_id channel context event groupId group_id integrations messageId message_id name category "
    "originalTimestamp previousId previous_id properties receivedAt sentAt sent_at timestamp traits type action userId "
    "user_id version writeKey projectId"
)
_ENVELOPE = frozenset(_ENVELOPE_NAMES.split())
_PARTS = frozenset({"context", "traits", "properties", "integrations"})
_USERS = ("userId", "user_id", "anonymousId", "anonymous_id")
_RECEIVED = ("receivedAt", "sentAt", "sent_at", "timestamp", "originalTimestamp")
"""When a call was received, if it were received when it says itself."""
_SECONDS_MAX = 100_000_000_000
"""In the year 5138; a larger number is one of milliseconds."""

Object = dict[str, Any]


def is_call(value: Any) -> bool:
    """Whether it says of itself that it is a call."""
    return isinstance(value, dict) and _kind_told(value) in SENDER_KINDS


def is_batch(value: Any) -> bool:
    """Whether it is calls in a batch, or a list of them."""
    calls = value.get("batch") if isinstance(value, dict) else value
    return isinstance(calls, list) and bool(calls) and all(is_call(one) or is_like_a_call(one) for one in calls)


def is_like_a_call(value: Any) -> bool:
    """Whether it has nothing but fields of calls, or a name with properties, and no type."""
    if not isinstance(value, dict) or not value or _kind_told(value) is not None:
        return False
    is_named = isinstance(value.get("event"), str)
    if is_named and isinstance(value.get("properties"), dict):
        return True
    parts = [name for name in _PARTS if isinstance(value.get(name), dict)]
    if value.keys() <= _ENVELOPE:
        return bool(parts) or (is_named and bool(value.keys() & {*_USERS}))
    return bool(parts) and any(isinstance(value.get(name), str) for name in ("userId", "anonymousId"))


def understood(value: Any, now_ms: int) -> Understood:
    """The events of a call or a batch, each taken or lost by itself.

    now_ms  when calls happened that tell no time
    """
    found = Understood("segment")
    around: Object = value if isinstance(value, dict) and "batch" in value else {}
    calls = around.get("batch", value)
    for index, call in enumerate(calls if isinstance(calls, list) else [calls]):
        try:
            found.events.append(_event(call, around, now_ms, found.filled))
        except SchemaError as error:
            found.lost.append(Lost(index, error.reason.value, str(error)))
    return found


def _kind_told(value: Object) -> Any:
    found = value.get("type") or value.get("action")
    return found if isinstance(found, str) else None


def _event(value: Any, around: Object, now_ms: int, filled: list[str]) -> Event:
    value = {name: _iso(one) if name in _RECEIVED else one for name, one in value.items()}
    raw = msgspec.json.encode(value)
    call = _whole(decode_call(raw), value, filled)
    if call.message_id in (None, "") and call.message_id_alias in (None, ""):
        call.message_id = event_id_of(raw)
    sent_at = around.get("sentAt") or around.get("sent_at")
    if value.get("receivedAt"):
        # Whoever received it has corrected its time already, by this very difference.
        sent_at = call.sent_at = call.sent_at_alias = None
    received_ms = _received_ms({"sentAt": sent_at, **value} if sent_at else value, now_ms)
    reception = Reception(WORKSPACE, received_ms, WorldRef(), sent_at, around.get("context") or {})
    try:
        return event_of(call, raw, reception)
    except SchemaError as error:
        if error.reason is not Reason.TIME_OUT_OF_RANGE or call.timestamp is None:
            raise
    # Its times contradict each other; it is an example, so that it happened when it says is enough.
    call.sent_at = call.sent_at_alias = call.timestamp
    return event_of(call, raw, Reception(WORKSPACE, parse_ms(call.timestamp, "timestamp"), WorldRef()))


def _iso(told: Any) -> Any:
    """A time as ISO 8601, if it was a number of seconds or milliseconds."""
    if isinstance(told, bool) or not isinstance(told, (int, float)) or not 0 <= told < MILLIS_END:
        return told
    seconds = told / 1000 if told > _SECONDS_MAX else told
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _whole(call: Call, value: Object, filled: list[str]) -> Call:
    """The call, with what an example leaves out. At the door of the collector it would be refused for that."""
    lacking = []
    kind = call.type or call.type_alias
    if kind is None:
        kind = call.type = _kind_of(value)
        lacking.append("type")
    if all(value.get(name) in (None, "") for name in _USERS):
        call.anonymous_id = UNKNOWN
        lacking.append("user")
    if kind == EventKind.TRACK and not call.event:
        call.event = call.name or UNKNOWN
        lacking.append("event")
    if kind == EventKind.GROUP and not (call.group_id or call.group_id_alias):
        call.group_id = UNKNOWN
        lacking.append("group")
    if kind == EventKind.ALIAS and not (call.previous_id or call.previous_id_alias):
        call.previous_id = UNKNOWN
        lacking.append("previous")
    filled += [name for name in lacking if name not in filled]
    return call


def _kind_of(value: Object) -> str:
    if value.get("event"):
        return EventKind.TRACK
    if value.keys() & {"previousId", "previous_id"}:
        return EventKind.ALIAS
    if value.keys() & {"groupId", "group_id"}:
        return EventKind.GROUP
    if "properties" in value:
        return EventKind.PAGE
    return EventKind.IDENTIFY


def _received_ms(value: Object, now_ms: int) -> int:
    for name in _RECEIVED:
        if isinstance(value.get(name), str):
            try:
                return parse_ms(value[name], name)
            except SchemaError:
                continue
    return now_ms
