"""Events on their way to another profile's key: by the topic `relays` and the collector into the log again."""

from hashlib import blake2b

import msgspec

from flink_jobs.personalize.effects import Effects, Output
from schemas.events import Event
from schemas.ids import UserId
from schemas.keys import user_key
from schemas.relays import EVENTS_OF_RELAY_MAX, encode_relay
from schemas.topics import RELAYS


def relay(events: list[Event], effects: Effects) -> None:
    """Under the person's key, so that their order stays; in portions that may be repeated whole."""
    key = user_key(events[0].workspace, events[0].user)
    for start in range(0, len(events), EVENTS_OF_RELAY_MAX):
        portion = events[start : start + EVENTS_OF_RELAY_MAX]
        effects.outputs.append(Output(key, encode_relay(portion), RELAYS.name))


def for_person(event: Event, person: UserId) -> Event:
    """The same event, under a person's key: same id, so that however it comes, it counts once."""
    return msgspec.structs.replace(event, user=person, via=(*event.via, event.user), anonymous=False)


def derived_id(event: Event, what: str, other: UserId) -> str:
    """An id that is the same whenever the step is run again."""
    return f"{what}-{blake2b(f'{event.id}|{event.user}|{other}'.encode(), digest_size=16).hexdigest()}"
