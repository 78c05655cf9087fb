"""How a person may be reached: addresses, permission with its proof, suppression. Moved by rights events alone.

These act for everybody, with or without consent; and nothing here ever grants a permission but an explicit opt-in.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import TypeVar

import msgspec

from flink_jobs.personalize.state import UserState
from online_models.cells import SOFT_BOUNCES_MAX, ContactPart
from schemas.contacts import ContactChange, contact_change
from schemas.events import Event, EventKind
from schemas.profiles import Contact, Permission, Suppression

_V = TypeVar("_V")

ABOUT_MESSAGES = "Email "
"""Begins the names of events that tell of messages sent earlier: they bring nobody back, and say not who is known."""
SUBSCRIBED = "Subscribed"
UNSUBSCRIBED = "Unsubscribed"
COMPLAINED = "Email Marked as Spam"
BOUNCED = "Email Bounced"
EMAIL = "email"
SOFT_WINDOW_MS = 30 * 86_400_000
PURPOSES_MAX = 32
TEXT_MAX = 128

HARD_BOUNCE, SOFT_BOUNCES, COMPLAINT = "hard_bounce", "soft_bounces", "complaint"
BY_UNSUBSCRIBE = "unsubscribed"
REASONS = frozenset({HARD_BOUNCE, SOFT_BOUNCES, COMPLAINT, BY_UNSUBSCRIBE, "import"})


def is_about_reaching(event: Event) -> bool:
    """Whether an event tells how a person may be reached."""
    return event.kind is EventKind.CONTACT or event.name in _BY_NAME


def take_contact(state: UserState, event: Event) -> bool:
    """Let such an event act; returns whether anything changed.

    Raises:
        SchemaError: a contact event whose properties are none.
    """
    part = state.contact.get()
    if event.kind is EventKind.CONTACT:
        new = _changed(part, contact_change(event))
    else:
        found = _BY_NAME.get(event.name)
        if found is None:
            return False
        new = found(part, event)
    if new == part:
        return False
    state.contact.put(new)
    return True


def keep_suppressed(state: UserState, event: Event) -> bool:
    """Of an erased address, keep why it may not be written to: the erasure brings it along. Returns whether it did."""
    told = event.properties.get("suppressed")
    if not isinstance(told, dict):
        return False
    for channel, reason in sorted(told.items()):
        if isinstance(reason, str) and reason in REASONS:
            contact = _suppressed(state.contact.get().contact, channel[:TEXT_MAX], reason, event.at_ms)
            state.contact.put(ContactPart(contact))
    return bool(state.contact.get().contact.suppressed)


def _changed(part: ContactPart, change: ContactChange) -> ContactPart:
    contact = part.contact
    if change.address and contact.addresses.get(change.channel) != change.address:
        contact = msgspec.structs.replace(contact, addresses={**contact.addresses, change.channel: change.address})
        # What an address did to be suppressed, another has not done; what its owner wished holds on.
        contact = _lifted(contact, change.channel, (HARD_BOUNCE, SOFT_BOUNCES), change.at_ms)
        part = msgspec.structs.replace(part, soft_bounces_ms=_without(part.soft_bounces_ms, change.channel))
    if change.granted is not None:
        told = Permission(change.granted, change.at_ms, change.source, change.text_version)
        contact = _permitted(contact, change.channel, change.purpose, told)
    if change.suppress is not None:
        contact = _suppressed(contact, change.channel, change.suppress, change.at_ms)
    return msgspec.structs.replace(part, contact=contact)


def _subscribed(part: ContactPart, event: Event) -> ContactPart:
    proof = Permission(True, event.at_ms, _text(event, "source"), _text(event, "text_version"))
    return msgspec.structs.replace(part, contact=_permitted(part.contact, EMAIL, _purpose(event), proof))


def _unsubscribed(part: ContactPart, event: Event) -> ContactPart:
    """Without a list all of marketing is meant, for every purpose."""
    taken_back = Permission(False, event.at_ms, _text(event, "source") or UNSUBSCRIBED)
    contact = _permitted(part.contact, EMAIL, _purpose(event), taken_back)
    if not _text(event, "list_id"):
        contact = _suppressed(contact, EMAIL, BY_UNSUBSCRIBE, event.at_ms)
    return msgspec.structs.replace(part, contact=contact)


def _complained(part: ContactPart, event: Event) -> ContactPart:
    return msgspec.structs.replace(part, contact=_suppressed(part.contact, EMAIL, COMPLAINT, event.at_ms))


def _bounced(part: ContactPart, event: Event) -> ContactPart:
    """A hard bounce suppresses; so does the fifth soft one in 30 days. A refusal by policy suppresses nobody."""
    kind = event.properties.get("bounce_type")
    if kind == "hard":
        return msgspec.structs.replace(part, contact=_suppressed(part.contact, EMAIL, HARD_BOUNCE, event.at_ms))
    if kind != "soft":
        return part
    times = sorted((*part.soft_bounces_ms.get(EMAIL, ()), event.at_ms))[-SOFT_BOUNCES_MAX:]
    part = msgspec.structs.replace(part, soft_bounces_ms={**part.soft_bounces_ms, EMAIL: tuple(times)})
    if len(times) == SOFT_BOUNCES_MAX and times[-1] - times[0] <= SOFT_WINDOW_MS:
        return msgspec.structs.replace(part, contact=_suppressed(part.contact, EMAIL, SOFT_BOUNCES, event.at_ms))
    return part


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
    """The gravest reason stays: what is there already was no less of one, unless an opt-in came in between."""
    known = contact.suppressed.get(channel)
    if known is not None and known.reason != BY_UNSUBSCRIBE:
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
