"""Why addresses may not be written to, told for the addresses themselves: under every id, and after an erasure.

What is told is what a person's own contact part says, and what events say of an address whose owner is another profile.
Rows are by address and reason; telling one again changes nothing (docs/adr/0035).
"""

from collections.abc import Mapping

from connectors.contacts.addresses import ADDRESS_PREFIX
from flink_jobs.personalize.effects import Effects, Suppressing
from flink_jobs.personalize.state import UserState
from schemas.contacts import contact_change
from schemas.events import Event, EventKind
from schemas.ids import UserId
from schemas.profiles import Contact, Suppression
from schemas.suppressions import ERASED, HARD_BOUNCE, SOFT_BOUNCES

EMAIL = "email"


def is_address(user: str) -> bool:
    """Whether an id is of somebody of whom nothing but an e-mail address is known."""
    return user.startswith(ADDRESS_PREFIX)


def tell_suppressed(state: UserState, before: Contact, said: Contact, effects: Effects) -> None:
    """Tell what is new in a contact part, and what an event said by itself, though a graver reason hides it.

    before  the contact part, before the event
    said    what the event alone says: of a reason that stands already, since when it was said again
    """
    after, user = state.contact.get().contact, state.owner[1]
    new = {
        channel: why
        for channel, why in after.suppressed.items()
        if before.suppressed.get(channel) != why or before.addresses.get(channel) != after.addresses.get(channel)
    }
    for found in (new, said.suppressed):
        _tell(found, after, user, effects)


def tell_passing(user: UserId, said: Contact, effects: Effects) -> None:
    """Tell what an event says of an address that passes it on to its owner, who may have another one by now."""
    _tell(said.suppressed, Contact(), user, effects)


def tell_erased(state: UserState, at_ms: int, effects: Effects) -> None:
    """Tell of whoever is erased that nothing is sent unasked, and what stood before: whoever imports them again obeys.

    Mutant: tell nothing; then `test_who_was_erased_and_is_imported_again_is_not_mailed` fails.
    """
    contact, user = state.contact.get().contact, state.owner[1]
    _tell(contact.suppressed, contact, user, effects)
    channels = {EMAIL} if is_address(user) else set(contact.addresses)
    _tell({channel: Suppression(ERASED, at_ms) for channel in sorted(channels)}, contact, user, effects)


def tell_lifted(event: Event, contact: Contact, effects: Effects) -> None:
    """Tell that an operator ended the bounces of an address, where an event says so."""
    if event.kind is EventKind.CONTACT and (change := contact_change(event)).lift:
        at_ms = min(change.at_ms, event.received_ms)
        for reason in (HARD_BOUNCE, SOFT_BOUNCES):
            _tell({change.channel: Suppression(reason, at_ms)}, contact, event.user, effects, lifted_ms=at_ms)


def _tell(
    found: Mapping[str, Suppression], contact: Contact, user: str, effects: Effects, *, lifted_ms: int = 0
) -> None:
    names = {EMAIL: user.removeprefix(ADDRESS_PREFIX)} if is_address(user) else {}
    for channel, why in found.items():
        name = names.get(channel, "")
        address = "" if name else contact.addresses.get(channel, "")
        row = Suppressing(channel, why.reason, why.at_ms, address, name, lifted_ms)
        if (address or name) and row not in effects.suppressing:
            effects.suppressing.append(row)
