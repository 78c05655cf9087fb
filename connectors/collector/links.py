"""The second record of a call that says that two ids are one person: it goes to the profile that is to pass on."""

from hashlib import blake2b

import msgspec

from schemas.events import Event, EventKind
from schemas.ids import EventId, RecordId, UserId

_NAMING = frozenset({EventKind.IDENTIFY, EventKind.ALIAS})


def link_of(event: Event, *, is_trusted: bool = True) -> Event | None:
    """The link that an identify or alias implies; None where it names one id only.

    Its ids come from the call's, so that a call sent again is one link. It carries nothing of the person but ids.

    is_trusted  not everybody can send this: an alias may move a known person, which an identify never does
    """
    if event.kind not in _NAMING or not event.linked or event.linked == event.user:
        return None
    number = blake2b(f"{event.id}|{event.linked}".encode(), digest_size=16).hexdigest()
    return msgspec.structs.replace(
        event,
        user=UserId(event.linked),
        linked=event.user,
        record_id=RecordId(f"link-{event.record_id}"[:256]),
        id=EventId(f"link-{number}"),
        kind=EventKind.LINK,
        name="",
        properties={},
        traits={},
        context={},
        anonymous=event.kind is EventKind.IDENTIFY or not is_trusted,
    )
