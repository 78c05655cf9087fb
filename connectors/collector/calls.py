"""One call of Segment's spec, as its libraries send it, and the event it stands for."""

from typing import Any

import msgspec

from connectors.collector.record_ids import event_id_of, new_record_id
from connectors.collector.times import happened_ms
from connectors.mappings.events import SENDER_KINDS
from schemas.errors import Reason, SchemaError
from schemas.events import DEPTH_MAX, EVENT_BYTES_MAX, Event, EventKind, check_time, why_not_json
from schemas.ids import EventId, UserId, WorkspaceId
from schemas.worlds import WorldRef

Id = str | int | None
Object = dict[str, Any]


class Call(msgspec.Struct, rename="camel"):
    """A call. Fields named `…_alias` are the snake case of Segment's own e-mail examples."""

    type: str | None = None
    type_alias: str | None = msgspec.field(name="action", default=None)
    message_id: Id = None
    message_id_alias: Id = msgspec.field(name="message_id", default=None)
    user_id: Id = None
    user_id_alias: Id = msgspec.field(name="user_id", default=None)
    anonymous_id: Id = None
    anonymous_id_alias: Id = msgspec.field(name="anonymous_id", default=None)
    previous_id: Id = None
    previous_id_alias: Id = msgspec.field(name="previous_id", default=None)
    group_id: Id = None
    group_id_alias: Id = msgspec.field(name="group_id", default=None)
    event: str | None = None
    name: str | None = None
    category: str | None = None
    properties: Object | None = None
    traits: Object | None = None
    context: Object | None = None
    timestamp: str | None = None
    sent_at: str | None = None
    sent_at_alias: str | None = msgspec.field(name="sent_at", default=None)
    write_key: str | None = None


class Reception(msgspec.Struct, frozen=True):
    """What is the same for all calls of one request.

    sent_at, context  of the batch around them
    """

    workspace: WorkspaceId
    received_ms: int
    world: WorldRef
    sent_at: str | None = None
    context: Object = {}


_decoder = msgspec.json.Decoder(Call)
_CONTEXT_ALIASES = {"user_agent": "userAgent"}


def decode_call(raw: bytes) -> Call:
    """Read one call.

    Raises:
        SchemaError: with the reason why the bytes are none.
    """
    if len(raw) > EVENT_BYTES_MAX:
        raise SchemaError(Reason.TOO_LARGE, f"expected at most {EVENT_BYTES_MAX} bytes, got {len(raw)}")
    call: Call = decode_json(_decoder, raw)
    return call


def decode_json(decoder: msgspec.json.Decoder[Any], raw: bytes) -> Any:
    """Decode JSON; what goes wrong has a reason.

    Raises:
        SchemaError: with the reason.
    """
    try:
        return decoder.decode(raw)
    except RecursionError:
        raise SchemaError(Reason.TOO_DEEP, f"expected at most {DEPTH_MAX} levels of nesting, got far more") from None
    except msgspec.ValidationError as error:
        out_of_range = "out of range" in str(error)
        raise SchemaError(Reason.NOT_FINITE if out_of_range else Reason.WRONG_TYPE, str(error)) from None
    except UnicodeDecodeError:
        raise SchemaError(Reason.BAD_UTF8, "expected UTF-8") from None
    except msgspec.DecodeError as error:
        raise SchemaError(why_not_json(raw), str(error)) from None


def event_of(call: Call, raw: bytes, reception: Reception, kind: EventKind | None = None) -> Event:
    """The event that a call stands for, as it came in: reduced only by `connectors.collector.intake.Taken`.

    raw   its bytes: they name it where the sender does not
    kind  as the path says; None: as the call itself says

    Raises:
        SchemaError: with the reason why it cannot be one.
    """
    kind = _kind(call, kind)
    received_ms = reception.received_ms
    at_ms = happened_ms(call.timestamp, call.sent_at or call.sent_at_alias or reception.sent_at, received_ms)
    check_time(at_ms, received_ms)
    record_id = new_record_id(received_ms)
    user, anonymous = _user(call)
    return Event(
        workspace=reception.workspace,
        user=user,
        record_id=record_id,
        id=_event_id(call, raw) or EventId(record_id),
        kind=kind,
        at_ms=at_ms,
        received_ms=received_ms,
        world=reception.world,
        name=_name(call, kind),
        properties=_properties(call, kind),
        traits=call.traits or {},
        context=_context(call, reception),
        anonymous=anonymous,
        linked=_linked(call, kind, user),
    )


def erasure(user: str, reception: Reception) -> Event:
    """The event that asks for everything of a user to be forgotten."""
    record_id = new_record_id(reception.received_ms)
    return Event(
        workspace=reception.workspace,
        user=UserId(user),
        record_id=record_id,
        id=EventId(record_id),
        kind=EventKind.ERASE,
        at_ms=reception.received_ms,
        received_ms=reception.received_ms,
        world=reception.world,
    )


def _kind(call: Call, expected: EventKind | None) -> EventKind:
    found = call.type or call.type_alias
    if found is None and expected is not None:
        return expected
    if found not in SENDER_KINDS:
        raise SchemaError(Reason.UNKNOWN_KIND, f"type: expected one of {', '.join(sorted(SENDER_KINDS))}, got another")
    if expected is not None and found != expected:
        raise SchemaError(Reason.UNKNOWN_KIND, f"type: expected {expected.value}, as the path says, got {found}")
    return EventKind(found)


def _user(call: Call) -> tuple[UserId, bool]:
    """Who it was, and whether that is only the anonymous id of a device."""
    known = _first(call.user_id, call.user_id_alias)
    if known:
        return UserId(known), False
    device = _first(call.anonymous_id, call.anonymous_id_alias)
    if device:
        return UserId(device), True
    raise SchemaError(Reason.WRONG_TYPE, "expected userId or anonymousId, got neither")


def _linked(call: Call, kind: EventKind, user: UserId) -> str:
    """The other id that the call says is the same person's; none where both are one."""
    if kind is EventKind.IDENTIFY:
        found = _first(call.anonymous_id, call.anonymous_id_alias)
    elif kind is EventKind.ALIAS:
        found = _first(call.previous_id, call.previous_id_alias)
    else:
        return ""
    return "" if found == user else found


def _first(*found: Id) -> str:
    """The first that is an id, as text: 0 is one, an empty text is none."""
    for one in found:
        if one is not None and one != "":
            return str(one)
    return ""


def _event_id(call: Call, raw: bytes) -> EventId | None:
    """The sender's id; without one but with a time, the bytes'; without both, each call is its own event."""
    found = call.message_id if call.message_id is not None else call.message_id_alias
    if found is not None and found != "":
        return EventId(str(found))
    return event_id_of(raw) if call.timestamp else None


def _name(call: Call, kind: EventKind) -> str:
    if kind is EventKind.TRACK:
        if not call.event:
            raise SchemaError(Reason.WRONG_TYPE, "event: expected the name of what happened, got none")
        return call.event
    return call.name or ""


def _properties(call: Call, kind: EventKind) -> Object:
    """The call's own, with what the spec keeps beside them."""
    beside: Object = {}
    if call.category and kind in (EventKind.PAGE, EventKind.SCREEN):
        beside["category"] = call.category
    if kind is EventKind.ALIAS:
        beside["previousId"] = _needed("previousId", call.previous_id, call.previous_id_alias)
    if kind is EventKind.GROUP:
        beside["groupId"] = _needed("groupId", call.group_id, call.group_id_alias)
    return {**beside, **(call.properties or {})} if beside else call.properties or {}


def _needed(name: str, *found: Id) -> str:
    one = _first(*found)
    if not one:
        raise SchemaError(Reason.WRONG_TYPE, f"{name}: expected an id, got none")
    return one


def _context(call: Call, reception: Reception) -> Object:
    context = call.context or {}
    if reception.context:
        context = {**reception.context, **context}
    for alias, name in _CONTEXT_ALIASES.items():
        if alias in context:
            context = {name: context[alias], **{key: v for key, v in context.items() if key != alias}}
    return context
