"""How a person may be reached: addresses, permission with its proof, suppression. Moved by rights events alone.

These act for everybody, with or without consent; and nothing here ever grants a permission but an explicit opt-in.
"""

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import TypeVar

import msgspec

from flink_jobs.personalize.state import UserState
from online_models.cells import SOFT_BOUNCES_MAX, ContactPart
from schemas.contacts import CHANNELS, ContactChange, contact_change
from schemas.events import SUBSCRIBED, UNSUBSCRIBED, Event, EventKind
from schemas.profiles import Contact, Permission, Suppression

_V = TypeVar("_V")

COMPLAINED = "Email Marked as Spam"
BOUNCED = "Email Bounced"
EMAIL = "email"
SOFT_WINDOW_MS = 30 * 86_400_000
PURPOSES_MAX = 32
TEXT_MAX = 128

HARD_BOUNCE, SOFT_BOUNCES, COMPLAINT = "hard_bounce", "soft_bounces", "complaint"
BY_UNSUBSCRIBE = "unsubscribed"
_GRAVITY = MappingProxyType({BY_UNSUBSCRIBE: 0, SOFT_BOUNCES: 1, HARD_BOUNCE: 2, "import": 3, COMPLAINT: 3})
"""Of two reasons the graver one is kept: a new address ends bounces, nothing ends a complaint."""
_OF_ADDRESS = (HARD_BOUNCE, SOFT_BOUNCES)
"""What an address did to be suppressed, another has not done."""


def take_contact(state: UserState, event: Event) -> bool:
    """Let such an event act; returns whether anything that is told changed.

    Nothing is dated later than it was received: a wish from the future could not be taken back.

    Raises:
        SchemaError: a contact event whose properties are none.
    """
    if event.kind is EventKind.CONTACT:
        change = contact_change(event)
        change = msgspec.structs.replace(change, at_ms=min(change.at_ms, event.received_ms))
        return _put(state, _changed(state.contact.get(), change))
    found = _BY_NAME.get(event.name)
    if found is None:
        return False
    dated = msgspec.structs.replace(event, at_ms=min(event.at_ms, event.received_ms))
    return _put(state, found(state.contact.get(), dated))


def take_handed(state: UserState, handed: ContactPart) -> bool:
    """Add what a profile that became part of this one knew; returns whether anything that is told changed."""
    return handed != ContactPart() and _put(state, _merged(state.contact.get(), handed))


def _put(state: UserState, new: ContactPart) -> bool:
    part = state.contact.get()
    if new != part:
        state.contact.put(new)
    return new.contact != part.contact


def keep_suppressed(state: UserState, event: Event) -> bool:
    """Of an erased address, keep why it may not be written to: the erasure brings it along. Returns whether it did."""
    told = event.properties.get("suppressed")
    if not isinstance(told, dict):
        return False
    for channel, reason in sorted(told.items()):
        if isinstance(reason, str) and reason in _GRAVITY:
            contact = _suppressed(state.contact.get().contact, channel[:TEXT_MAX], reason, event.at_ms)
            state.contact.put(ContactPart(contact))
    return bool(state.contact.get().contact.suppressed)


def _changed(part: ContactPart, change: ContactChange) -> ContactPart:
    if change.address:
        part = _addressed(part, change.channel, change.address, change.at_ms)
    if change.granted is not None:
        told = Permission(change.granted, change.at_ms, change.source, change.text_version)
        part = _with(part, _permitted(part.contact, change.channel, change.purpose, told))
    if change.suppress == BY_UNSUBSCRIBE:
        return _wished(part, change.channel, change.at_ms)
    if change.suppress is not None:
        part = _with(part, _suppressed(part.contact, change.channel, change.suppress, change.at_ms))
    return part


def _addressed(part: ContactPart, channel: str, address: str, at_ms: int) -> ContactPart:
    """Of two addresses the one told later holds. What the old one did is over; what its owner wished holds on."""
    if at_ms < part.addressed_ms.get(channel, 0):
        return part
    part = msgspec.structs.replace(part, addressed_ms={**part.addressed_ms, channel: at_ms})
    if part.contact.addresses.get(channel) == address:
        return part
    contact = msgspec.structs.replace(part.contact, addresses={**part.contact.addresses, channel: address})
    contact = _lifted(contact, channel, _OF_ADDRESS, at_ms)
    if channel in part.unsubscribed_ms:
        contact = _suppressed(contact, channel, BY_UNSUBSCRIBE, part.unsubscribed_ms[channel])
    return msgspec.structs.replace(part, contact=contact, soft_bounces_ms=_without(part.soft_bounces_ms, channel))


def _wished(part: ContactPart, channel: str, at_ms: int) -> ContactPart:
    """Nothing more is to be sent. The wish is kept apart too: a graver reason may hide it, and be lifted."""
    newest = max(at_ms, part.unsubscribed_ms.get(channel, 0))
    part = msgspec.structs.replace(part, unsubscribed_ms={**part.unsubscribed_ms, channel: newest})
    return _with(part, _suppressed(part.contact, channel, BY_UNSUBSCRIBE, at_ms))


def _merged(part: ContactPart, other: ContactPart) -> ContactPart:
    """Both, by the same rules as if all had been told of one. The bounces of an address go with that address."""
    for channel, address in sorted(other.contact.addresses.items()):
        part = _addressed(part, channel, address, other.addressed_ms.get(channel, 0))
    for key, told in sorted(other.contact.permissions.items()):
        channel, _, purpose = key.partition("/")
        part = _with(part, _permitted(part.contact, channel, purpose, told))
    for channel, at_ms in sorted(other.unsubscribed_ms.items()):
        part = _wished(part, channel, at_ms)
    here, there = part.contact.addresses, other.contact.addresses
    shared = {channel for channel in CHANNELS if there.get(channel) in (None, here.get(channel))}
    for channel, why in sorted(other.contact.suppressed.items()):
        if channel in shared or why.reason not in _OF_ADDRESS:
            part = _with(part, _suppressed(part.contact, channel, why.reason, why.at_ms))
    for channel, times in sorted(other.soft_bounces_ms.items()):
        if channel in shared:
            part = _soft_bounced(part, channel, times)
    return part


def _with(part: ContactPart, contact: Contact) -> ContactPart:
    return msgspec.structs.replace(part, contact=contact)


def _subscribed(part: ContactPart, event: Event) -> ContactPart:
    proof = Permission(True, event.at_ms, _text(event, "source"), _text(event, "text_version"))
    return msgspec.structs.replace(part, contact=_permitted(part.contact, EMAIL, _purpose(event), proof))


def _unsubscribed(part: ContactPart, event: Event) -> ContactPart:
    """Without a list all of marketing is meant, for every purpose."""
    taken_back = Permission(False, event.at_ms, _text(event, "source") or UNSUBSCRIBED)
    part = _with(part, _permitted(part.contact, EMAIL, _purpose(event), taken_back))
    return part if _text(event, "list_id") else _wished(part, EMAIL, event.at_ms)


def _complained(part: ContactPart, event: Event) -> ContactPart:
    return msgspec.structs.replace(part, contact=_suppressed(part.contact, EMAIL, COMPLAINT, event.at_ms))


def _bounced(part: ContactPart, event: Event) -> ContactPart:
    """A hard bounce suppresses; so does the fifth soft one in 30 days. A refusal by policy suppresses nobody."""
    kind = event.properties.get("bounce_type")
    if kind == "hard":
        return msgspec.structs.replace(part, contact=_suppressed(part.contact, EMAIL, HARD_BOUNCE, event.at_ms))
    return _soft_bounced(part, EMAIL, (event.at_ms,)) if kind == "soft" else part


def _soft_bounced(part: ContactPart, channel: str, new_ms: Iterable[int]) -> ContactPart:
    """Times of bounces are a set: one that is told again counts once, and their order does not matter."""
    times = sorted({*part.soft_bounces_ms.get(channel, ()), *new_ms})
    fifths = zip(times, times[SOFT_BOUNCES_MAX - 1 :], strict=False)
    too_many = [last for first, last in fifths if last - first <= SOFT_WINDOW_MS]
    kept = {**part.soft_bounces_ms, channel: tuple(times[-SOFT_BOUNCES_MAX:])}
    contact = _suppressed(part.contact, channel, SOFT_BOUNCES, too_many[0]) if too_many else part.contact
    return msgspec.structs.replace(part, contact=contact, soft_bounces_ms=kept)


_BY_NAME: MappingProxyType[str, Callable[[ContactPart, Event], ContactPart]] = MappingProxyType(
    {SUBSCRIBED: _subscribed, UNSUBSCRIBED: _unsubscribed, COMPLAINED: _complained, BOUNCED: _bounced}
)


def _permitted(contact: Contact, channel: str, purpose: str, told: Permission) -> Contact:
    """Of two statements the later one holds; of two at the same time, the one that forbids."""
    key = f"{channel}/{purpose}"
    known = contact.permissions.get(key)
    if known is not None and (known.at_ms, not known.granted) > (told.at_ms, not told.granted):
        return contact
    if known is None and len(contact.permissions) >= PURPOSES_MAX:
        return contact
    contact = msgspec.structs.replace(contact, permissions={**contact.permissions, key: told})
    return _lifted(contact, channel, (BY_UNSUBSCRIBE,), told.at_ms) if told.granted else contact


def _suppressed(contact: Contact, channel: str, reason: str, at_ms: int) -> Contact:
    """The gravest reason stays, of two alike the first; a wish counts unless an opt-in came after it."""
    known = contact.suppressed.get(channel)
    if known is not None and _GRAVITY.get(known.reason, 0) >= _GRAVITY[reason]:
        return contact
    if known is None and reason == BY_UNSUBSCRIBE and _opted_in_after(contact, channel, at_ms):
        return contact
    return msgspec.structs.replace(contact, suppressed={**contact.suppressed, channel: Suppression(reason, at_ms)})


def _opted_in_after(contact: Contact, channel: str, at_ms: int) -> bool:
    return any(
        key.startswith(f"{channel}/") and permission.granted and permission.at_ms > at_ms
        for key, permission in contact.permissions.items()
    )


def _lifted(contact: Contact, channel: str, reasons: tuple[str, ...], at_ms: int) -> Contact:
    known = contact.suppressed.get(channel)
    if known is None or known.reason not in reasons or known.at_ms >= at_ms:
        return contact
    return msgspec.structs.replace(contact, suppressed=_without(contact.suppressed, channel))


def _without(rows: dict[str, _V], channel: str) -> dict[str, _V]:
    return {key: value for key, value in rows.items() if key != channel}


def _purpose(event: Event) -> str:
    return _text(event, "list_id") or "marketing"


def _text(event: Event, name: str) -> str:
    value = event.properties.get(name)
    return value[:TEXT_MAX] if isinstance(value, str) else ""
