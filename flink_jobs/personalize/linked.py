"""The other ids of one person: what is asked of the person is done to them."""

from typing import Any

import msgspec

from flink_jobs.personalize.effects import Effects
from flink_jobs.personalize.relaying import derived_id, for_person, relay
from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.suppressing import is_address
from online_models.cells import LINKED_MAX, Profile
from schemas.events import VIA_MAX, Event, EventKind
from schemas.ids import EventId, RecordId, UserId

PARTED = "parted"
"""Name of a merge that says the contrary: the profile is not the person's."""


def remember_linked(profile: Profile, event: Event, effects: Effects) -> None:
    """Keep the other ids of a person, so that what is asked of the person can be done to them.

    One too many is asked to forget whose it is: no erasure would find it any more.
    """
    if event.kind is EventKind.MERGE and event.name == PARTED:
        profile.linked = tuple(other for other in profile.linked if other != event.via[0])
        return
    for other in event.via:
        if other != event.user and other not in profile.linked:
            linked = (*profile.linked, other)
            for former in linked[:-LINKED_MAX]:
                ask_to_forget(event, former, effects)
            profile.linked = linked[-LINKED_MAX:]


def is_asked_for(profile: Profile, event: Event) -> bool:
    """Whether an erasure is for this profile: asked of it itself, or of another id of the same person."""
    if not event.via or profile.is_grave:
        return True
    return event.via[-1] in profile.linked or any(link.user == event.via[-1] for link in profile.links)


def ask_to_forget(event: Event, other: UserId, effects: Effects, properties: dict[str, Any] | None = None) -> None:
    """Have another id that is this person's forget everything, whose it is too."""
    record = derived_id(event, "erase", other)
    relay(
        [
            msgspec.structs.replace(
                for_person(event, other),
                record_id=RecordId(record),
                id=EventId(record),
                kind=EventKind.ERASE,
                at_ms=event.received_ms,
                name="",
                properties=properties or {},
                traits={},
                context={},
                exposure=None,
                via=(*event.via[: VIA_MAX - 1], event.user),
                handed=b"",
            )
        ],
        effects,
    )


def erase_linked(state: UserState, event: Event, effects: Effects) -> None:
    """Ask for the same of every other id of the person, and of whom an alias made of this one; not of a device's users.

    Why an address may not be written to outlives its owner: such an id is an HMAC of the address
    (`connectors/contacts/addresses.py`). Source: GDPR, Art. 17(3)(b) and 21.
    """
    suppressed = {channel: one.reason for channel, one in state.contact.get().contact.suppressed.items()}
    persons = {UserId(link.user) for link in state.profile.links if link.is_alias}
    for other in (*state.profile.linked, *sorted(persons - {*state.profile.linked})):
        if other not in event.via and len(event.via) < VIA_MAX:
            told = {name: value for name, value in event.properties.items() if name == "listed"}
            if suppressed and is_address(other):
                told["suppressed"] = suppressed
            ask_to_forget(event, other, effects, told)
