"""How a person may be reached: addresses, permission with its proof, suppression. Moved by rights events alone.

These act for everybody, with or without consent; and nothing here ever grants a permission but an explicit opt-in.
"""

from collections.abc import Callable, Iterable
from functools import partial
from types import MappingProxyType

import msgspec

from flink_jobs.personalize.contact_rules import (
    BY_UNSUBSCRIBE,
    COMPLAINT,
    GRAVITY,
    HARD_BOUNCE,
    SOFT_BOUNCES,
    lifted,
    opted_in,
    permitted,
    suppressed,
    without,
)
from flink_jobs.personalize.effects import Effects
from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.suppressing import EMAIL, is_address, tell_lifted, tell_passing, tell_suppressed
from online_models.cells import SOFT_BOUNCES_MAX, ContactPart
from schemas.contacts import CHANNELS, ContactChange, contact_change
from schemas.events import SUBSCRIBED, UNSUBSCRIBED, Event, EventKind
from schemas.profiles import Contact, Permission

COMPLAINED = "Email Marked as Spam"
BOUNCED = "Email Bounced"
SOFT_WINDOW_MS = 30 * 86_400_000
TEXT_MAX = 128

_OF_ADDRESS = (HARD_BOUNCE, SOFT_BOUNCES)
"""What an address did to be suppressed, another has not done."""


def take_contact(state: UserState, event: Event, effects: Effects) -> bool:
    """Let such an event act; returns whether anything that is told changed.

    Nothing is dated later than it was received: a wish from the future could not be taken back.

    Raises:
        SchemaError: a contact event whose properties are none.
    """
    change = _change_by(event)
    if change is None:
        return False
    before = state.contact.get()
    is_told = _put(state, change(before))
    tell_lifted(event, state.contact.get().contact, effects)
    if not any(is_address(former) for former in event.via):
        # What comes from an address's own profile was told of that address there: it may not be the person's any more.
        tell_suppressed(state, before.contact, change(ContactPart()).contact, effects)
    return is_told


def let_pass(event: Event, effects: Effects) -> None:
    """Tell what an event says of an address, on its way from the address's profile to its owner's.

    Raises:
        SchemaError: a contact event whose properties are none.
    """
    if is_address(event.user) and (change := _change_by(event)) is not None:
        tell_passing(event.user, change(ContactPart()).contact, effects)
        tell_lifted(event, Contact(), effects)


def take_handed(state: UserState, handed: ContactPart, effects: Effects) -> bool:
    """Add what a profile that became part of this one knew; returns whether anything that is told changed."""
    if handed == ContactPart():
        return False
    before = state.contact.get()
    is_told = _put(state, _merged(before, handed))
    tell_suppressed(state, before.contact, Contact(), effects)
    return is_told


def _change_by(event: Event) -> Callable[[ContactPart], ContactPart] | None:
    """What an event does to a contact part; None: it tells nothing of how somebody may be reached."""
    if event.kind is EventKind.CONTACT:
        change = contact_change(event)
        change = msgspec.structs.replace(change, at_ms=min(change.at_ms, event.received_ms))
        return partial(_changed, change=change)
    found = _BY_NAME.get(event.name)
    if found is None:
        return None
    dated = msgspec.structs.replace(event, at_ms=min(event.at_ms, event.received_ms))
    return lambda part: found(part, dated)


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
        if isinstance(reason, str) and reason in GRAVITY:
            contact = suppressed(state.contact.get().contact, channel[:TEXT_MAX], reason, event.at_ms)
            state.contact.put(ContactPart(contact))
    return bool(state.contact.get().contact.suppressed)


def _changed(part: ContactPart, change: ContactChange) -> ContactPart:
    if change.address:
        part = _addressed(part, change.channel, change.address, change.at_ms)
    if change.granted is not None:
        told = Permission(change.granted, change.at_ms, change.source, change.text_version)
        part = _with(part, permitted(part.contact, change.channel, change.purpose, told))
    if change.lift:
        part = _bounces_lifted(part, part.contact, change.channel, change.at_ms)
    if change.suppress == BY_UNSUBSCRIBE:
        return _wished(part, change.channel, change.at_ms)
    if change.suppress is not None:
        part = _with(part, suppressed(part.contact, change.channel, change.suppress, change.at_ms))
    return part


def _addressed(part: ContactPart, channel: str, address: str, at_ms: int) -> ContactPart:
    """Of two addresses the one told later holds. What the old one did is over; what its owner wished holds on."""
    if at_ms < part.addressed_ms.get(channel, 0):
        return part
    part = msgspec.structs.replace(part, addressed_ms={**part.addressed_ms, channel: at_ms})
    if part.contact.addresses.get(channel) == address:
        return part
    contact = msgspec.structs.replace(part.contact, addresses={**part.contact.addresses, channel: address})
    return _bounces_lifted(part, contact, channel, at_ms)


def _bounces_lifted(part: ContactPart, contact: Contact, channel: str, at_ms: int) -> ContactPart:
    """Bounces until then are over; a wish that they hid is not."""
    contact = lifted(contact, channel, _OF_ADDRESS, at_ms)
    if channel in part.unsubscribed_ms:
        contact = suppressed(contact, channel, BY_UNSUBSCRIBE, part.unsubscribed_ms[channel])
    return msgspec.structs.replace(part, contact=contact, soft_bounces_ms=without(part.soft_bounces_ms, channel))


def _wished(part: ContactPart, channel: str, at_ms: int) -> ContactPart:
    """Nothing more is to be sent. The wish is kept apart too: a graver reason may hide it, and be lifted."""
    newest = max(at_ms, part.unsubscribed_ms.get(channel, 0))
    part = msgspec.structs.replace(part, unsubscribed_ms={**part.unsubscribed_ms, channel: newest})
    return _with(part, suppressed(part.contact, channel, BY_UNSUBSCRIBE, at_ms))


def _merged(part: ContactPart, other: ContactPart) -> ContactPart:
    """Both, by the same rules as if all had been told of one. The bounces of an address go with that address."""
    for channel, address in sorted(other.contact.addresses.items()):
        part = _addressed(part, channel, address, other.addressed_ms.get(channel, 0))
    for key, told in sorted(other.contact.permissions.items()):
        channel, _, purpose = key.partition("/")
        part = _with(part, permitted(part.contact, channel, purpose, told))
    for channel, at_ms in sorted(other.contact.opted_in_ms.items()):
        part = _with(part, opted_in(part.contact, channel, at_ms))
    for channel, at_ms in sorted(other.unsubscribed_ms.items()):
        part = _wished(part, channel, at_ms)
    here, there = part.contact.addresses, other.contact.addresses
    shared = {channel for channel in CHANNELS if there.get(channel) in (None, here.get(channel))}
    for channel, why in sorted(other.contact.suppressed.items()):
        if channel in shared or why.reason not in _OF_ADDRESS:
            part = _with(part, suppressed(part.contact, channel, why.reason, why.at_ms))
    for channel, times in sorted(other.soft_bounces_ms.items()):
        if channel in shared:
            part = _soft_bounced(part, channel, times)
    return part


def _with(part: ContactPart, contact: Contact) -> ContactPart:
    return msgspec.structs.replace(part, contact=contact)


def _subscribed(part: ContactPart, event: Event) -> ContactPart:
    proof = Permission(True, event.at_ms, _text(event, "source"), _text(event, "text_version"))
    contact = permitted(part.contact, EMAIL, _purpose(event), proof)
    return _with(part, opted_in(contact, EMAIL, event.at_ms))


def _unsubscribed(part: ContactPart, event: Event) -> ContactPart:
    """Without a list all of marketing is meant, for every purpose."""
    taken_back = Permission(False, event.at_ms, _text(event, "source") or UNSUBSCRIBED)
    part = _with(part, permitted(part.contact, EMAIL, _purpose(event), taken_back))
    return part if _text(event, "list_id") else _wished(part, EMAIL, event.at_ms)


def _complained(part: ContactPart, event: Event) -> ContactPart:
    return msgspec.structs.replace(part, contact=suppressed(part.contact, EMAIL, COMPLAINT, event.at_ms))


def _bounced(part: ContactPart, event: Event) -> ContactPart:
    """A hard bounce suppresses; so does the fifth soft one in 30 days. A refusal by policy suppresses nobody."""
    kind = event.properties.get("bounce_type")
    if kind == "hard":
        return msgspec.structs.replace(part, contact=suppressed(part.contact, EMAIL, HARD_BOUNCE, event.at_ms))
    return _soft_bounced(part, EMAIL, (event.at_ms,)) if kind == "soft" else part


def _soft_bounced(part: ContactPart, channel: str, new_ms: Iterable[int]) -> ContactPart:
    """Times of bounces are a set: one that is told again counts once, and their order does not matter."""
    times = sorted({*part.soft_bounces_ms.get(channel, ()), *new_ms})
    fifths = zip(times, times[SOFT_BOUNCES_MAX - 1 :], strict=False)
    too_many = [last for first, last in fifths if last - first <= SOFT_WINDOW_MS]
    kept = {**part.soft_bounces_ms, channel: tuple(times[-SOFT_BOUNCES_MAX:])}
    contact = suppressed(part.contact, channel, SOFT_BOUNCES, too_many[0]) if too_many else part.contact
    return msgspec.structs.replace(part, contact=contact, soft_bounces_ms=kept)


_BY_NAME: MappingProxyType[str, Callable[[ContactPart, Event], ContactPart]] = MappingProxyType(
    {SUBSCRIBED: _subscribed, UNSUBSCRIBED: _unsubscribed, COMPLAINED: _complained, BOUNCED: _bounced}
)


def _purpose(event: Event) -> str:
    return _text(event, "list_id") or "marketing"


def _text(event: Event, name: str) -> str:
    value = event.properties.get(name)
    return value[:TEXT_MAX] if isinstance(value, str) else ""
