"""Addresses that an identify call tells: contact data, which stands in events of its own."""

from typing import Any

import msgspec

from connectors.collector.meanings import channel_of
from connectors.collector.record_ids import event_id_of
from connectors.contacts.addresses import normalised_email, normalised_phone
from schemas.contacts import Channel, ContactChange
from schemas.events import Event, EventKind
from schemas.ids import RecordId

_NORMALISED = {"email": normalised_email, "sms": normalised_phone}


def told_contacts(event: Event) -> list[Event]:
    """The contact events of an identify call as it came in. Permission to write there is never told by one.

    Their ids follow from the call's, so that a call sent again tells nothing new.
    """
    if event.kind is not EventKind.IDENTIFY:
        return []
    addresses = _addresses(event.context.get("traits")) | _addresses(event.traits)
    return [_contact(event, channel, address) for channel, address in sorted(addresses.items())]


def _addresses(traits: Any) -> dict[Channel, str]:
    """By channel; where several traits name one, the first that is an address."""
    found: dict[Channel, str] = {}
    if not isinstance(traits, dict):
        return found
    for name, value in traits.items():
        channel = channel_of(name)
        if channel is not None and channel not in found and isinstance(value, str):
            address = _NORMALISED[channel](value)
            if address is not None:
                found[channel] = address
    return found


def _contact(event: Event, channel: Channel, address: str) -> Event:
    return Event(
        workspace=event.workspace,
        user=event.user,
        record_id=RecordId(f"{event.record_id}-{channel}"),
        id=event_id_of(f"{event.id}|{channel}".encode(errors="surrogatepass")),
        kind=EventKind.CONTACT,
        at_ms=event.at_ms,
        received_ms=event.received_ms,
        world=event.world,
        properties=msgspec.to_builtins(ContactChange(channel=channel, at_ms=event.at_ms, address=address)),
        anonymous=event.anonymous,
    )
