"""Which of two statements holds on how a person may be reached: in whatever order they come, the outcome is one."""

from types import MappingProxyType
from typing import TypeVar

import msgspec

from schemas.profiles import Contact, Permission, Suppression

_V = TypeVar("_V")

PURPOSES_MAX = 32
HARD_BOUNCE, SOFT_BOUNCES, COMPLAINT = "hard_bounce", "soft_bounces", "complaint"
BY_UNSUBSCRIBE = "unsubscribed"
GRAVITY = MappingProxyType({BY_UNSUBSCRIBE: 0, SOFT_BOUNCES: 1, HARD_BOUNCE: 2, "import": 3, COMPLAINT: 3})
"""Of two reasons the graver one is kept: a new address ends bounces, nothing ends a complaint."""


def permitted(contact: Contact, channel: str, purpose: str, told: Permission) -> Contact:
    """Of two statements the later one holds; of two at the same time, the one that forbids."""
    key = f"{channel}/{purpose}"
    known = contact.permissions.get(key)
    if known is not None and (known.at_ms, not known.granted) > (told.at_ms, not told.granted):
        return contact
    if known is None and len(contact.permissions) >= PURPOSES_MAX:
        return contact
    return msgspec.structs.replace(contact, permissions={**contact.permissions, key: told})


def opted_in(contact: Contact, channel: str, at_ms: int) -> Contact:
    """An explicit opt-in ends an unsubscribe from before. An import is none: it repeats what was agreed to once.

    Mutant: lift in `permitted`; then `test_an_import_lifts_no_unsubscribe` fails.
    """
    newest = max(at_ms, contact.opted_in_ms.get(channel, 0))
    contact = msgspec.structs.replace(contact, opted_in_ms={**contact.opted_in_ms, channel: newest})
    return lifted(contact, channel, (BY_UNSUBSCRIBE,), at_ms)


def suppressed(contact: Contact, channel: str, reason: str, at_ms: int) -> Contact:
    """The gravest reason stays, of two alike the first; a wish counts unless an opt-in came after it."""
    known = contact.suppressed.get(channel)
    if known is not None and GRAVITY.get(known.reason, 0) >= GRAVITY[reason]:
        return contact
    if known is None and reason == BY_UNSUBSCRIBE and contact.opted_in_ms.get(channel, 0) > at_ms:
        return contact
    return msgspec.structs.replace(contact, suppressed={**contact.suppressed, channel: Suppression(reason, at_ms)})


def lifted(contact: Contact, channel: str, reasons: tuple[str, ...], at_ms: int) -> Contact:
    """A suppression from before, for one of some reasons, is over."""
    known = contact.suppressed.get(channel)
    if known is None or known.reason not in reasons or known.at_ms >= at_ms:
        return contact
    return msgspec.structs.replace(contact, suppressed=without(contact.suppressed, channel))


def without(rows: dict[str, _V], channel: str) -> dict[str, _V]:
    """The rows of the other channels."""
    return {key: value for key, value in rows.items() if key != channel}
