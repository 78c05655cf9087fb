"""Whose events are they? A device's profile becomes part of a person's, and what comes later passes on.

The rules, each of which is a test in tests/property/test_identity.py:

- An anonymous profile keeps its newest events. At its first link they go to the person, through `relays` and the
  collector, into `events` under the person's key: the person's step takes them as if they had been the person's from
  the beginning. Of what was before them the declared features are handed over, in an event of kind merge.
- From then on the profile keeps nothing: each event goes on to the person whom a link names for the time at which
  it happened. Before the first link everything is the first person's.
- A second person on the same device gets what happens from the second link on, and inherits nothing.
- An alias of two known persons hands over features; the former id's later events pass on.
- Only what is a device's is moved by an identify: a profile that had behaviour of a known person is moved by an alias
  alone, and an alias that comes with a key that everybody can read counts as an identify. The first behaviour of a
  known person ends what identifies said of the id before: ids can be guessed, and whoever names another's as a device
  gets nothing of it, neither now nor later.
- What somebody says of an id is not believed of that id: it becomes one of the person's ids once its own profile has
  handed over.
- Events pass through chains of links. Where the merge of a new link comes back to a profile that it has passed, the
  ring is cut open.
"""

from hashlib import blake2b
from typing import Any

import msgspec

from flink_jobs.personalize.consent import ANALYTICS, PERSONALISATION, may_use
from flink_jobs.personalize.effects import Effects, Output
from flink_jobs.personalize.permission import ABOUT_MESSAGES, UNSUBSCRIBED
from flink_jobs.personalize.state import UserState
from online_models.cells import (
    LINKED_MAX,
    LINKS_MAX,
    TRAIL_BYTES_MAX,
    TRAIL_EVENT_BYTES_MAX,
    TRAIL_EVENTS_MAX,
    Handed,
    Link,
    Profile,
    Trail,
)
from online_models.features import features_only, observe
from online_models.reactions import is_own
from schemas.codec import decode, encode
from schemas.errors import Reason, SchemaError, StateError
from schemas.events import BEHAVIOUR, VIA_MAX, Event, EventKind, decode_event, encode_event
from schemas.ids import EventId, RecordId, UserId
from schemas.keys import user_key
from schemas.library import WorkspaceSettings
from schemas.relays import EVENTS_OF_RELAY_MAX, encode_relay
from schemas.topics import RELAYS

ADDRESS_PREFIX = "address-"
"""Begins the id of somebody of whom nothing but an address is known."""
PARTED = "parted"
"""Name of a merge that says the contrary: the profile is not the person's."""
NOBODY = Link("", 0)
_OF_PERSONS = BEHAVIOUR | {
    EventKind.IDENTIFY,
    EventKind.GROUP,
    EventKind.ALIAS,
    EventKind.CONTACT,
    EventKind.MERGE,
}
"""Kinds that a known person's id comes with; what was shown or sent is told under the id of a device as well."""
_STAYING = frozenset({EventKind.ERASE, EventKind.LINK, EventKind.REFRESH, EventKind.HEARTBEAT})
"""Kinds that mean this very profile, whoever it belongs to."""


def goes_on(profile: Profile, event: Event) -> UserId | None:
    """Whose an event is that came to this profile; None where it is this profile's own. A ring of links is cut.

    An empty id: it happened so long ago that nobody remembers whose the profile was.
    """
    if not profile.links or event.kind in _STAYING or len(event.via) >= VIA_MAX:
        return None
    person = UserId(profile.links[0].user)
    for link in profile.links:
        if link.from_ms <= event.at_ms:
            person = UserId(link.user)
    if person not in event.via:
        return person
    # A ring of links. The merge that closed it cuts it here, once; anything else stays where it has come to.
    if event.kind is EventKind.MERGE:
        profile.links = tuple(link for link in profile.links if link.user != person)
    return None


def tells_person(event: Event) -> bool:
    """Whether an event says that the id it came under is a known person's, and no device's."""
    if event.anonymous or event.kind not in _OF_PERSONS:
        return False
    return event.name != UNSUBSCRIBED and not event.name.startswith(ABOUT_MESSAGES)


def become_person(state: UserState, event: Event, effects: Effects) -> None:
    """From now on nothing but an alias moves this profile; whoever named it as a device learns that it is none."""
    profile = state.profile
    profile.is_person = True
    state.trail.put(Trail())
    for person in sorted({UserId(link.user) for link in profile.links if link.user and not link.is_alias}):
        _relay([_merge(event, person, Handed(), PARTED)], effects)
    profile.links = tuple(link for link in profile.links if link.is_alias)


def is_asked_for(profile: Profile, event: Event) -> bool:
    """Whether an erasure is for this profile: asked of it itself, or of another id of the same person."""
    if not event.via or profile.is_grave:
        return True
    return event.via[-1] in profile.linked or any(link.user == event.via[-1] for link in profile.links)


def pass_on(event: Event, person: UserId, effects: Effects) -> None:
    """Send one event on to the person whose it is."""
    if person:
        _relay([_for(event, person)], effects)


def link(state: UserState, event: Event, effects: Effects) -> bool:
    """Make a profile part of another's. Returns whether it was not part of any before."""
    profile, person = state.profile, UserId(event.linked)
    if not person or person == event.user:
        return False
    if event.anonymous and profile.is_person:
        return False
    is_first = not profile.links
    is_known = any(one.user == person for one in profile.links)
    new = Link(person, event.at_ms, not event.anonymous)
    profile.links = _bounded({*profile.links, new})
    if is_first:
        _hand_over(state, event, person, effects)
    elif not is_known:
        # Hands over nothing: by it the person's profile learns of this id.
        _relay([_merge(event, person, Handed())], effects)
    return is_first


def _bounded(links: set[Link]) -> tuple[Link, ...]:
    """Links in their order: of one person's in a row the first and the last, and no more than are remembered.

    What was before those belongs to nobody: it is not to be the next one's.
    """
    ordered = sorted(links, key=lambda one: (one.from_ms, one.user, one.is_alias))
    whose = [(one.user, one.is_alias) for one in ordered]
    kept = [
        one
        for number, one in enumerate(ordered)
        if not (0 < number < len(ordered) - 1 and whose[number - 1] == whose[number] == whose[number + 1])
    ]
    return tuple(kept) if len(kept) <= LINKS_MAX else (NOBODY, *kept[1 - LINKS_MAX :])


def handed_by(event: Event) -> Handed:
    """What a merge brings along.

    Raises:
        SchemaError: it cannot be read.
    """
    try:
        return decode(Handed, event.handed)
    except StateError:
        raise SchemaError(Reason.WRONG_TYPE, "handed: expected a packed profile, got other bytes") from None


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


def ask_to_forget(event: Event, other: UserId, effects: Effects, properties: dict[str, Any] | None = None) -> None:
    """Have another id that is this person's forget everything, whose it is too."""
    record = _derived(event, "erase", other)
    _relay(
        [
            msgspec.structs.replace(
                _for(event, other),
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


def keep(state: UserState, event: Event, settings: WorkspaceSettings) -> None:
    """Keep one event of an anonymous profile; what must leave for it stays as features."""
    trail = state.trail.get()
    # MessagePack would be smaller, but these are the log's own bytes: they decode by the same rules.
    is_shown = may_use(event, state.profile, PERSONALISATION, settings.consent)
    packed = encode_event(event if is_shown else msgspec.structs.replace(event, traits={}))
    older = trail.older
    if len(packed) > TRAIL_EVENT_BYTES_MAX:
        _grow_old(older, event, state.profile.timezone, settings)
        state.trail.put(Trail(trail.events, older))
        return
    events = [*trail.events, packed]
    size = sum(map(len, events))
    while len(events) > TRAIL_EVENTS_MAX or size > TRAIL_BYTES_MAX:
        oldest = events.pop(0)
        size -= len(oldest)
        _grow_old(older, decode_event(oldest), state.profile.timezone, settings)
    state.trail.put(Trail(events, older))


def is_kept(profile: Profile, event: Event, settings: WorkspaceSettings) -> bool:
    """Whether an event is to be kept for the person that an anonymous profile may become."""
    if not event.anonymous or event.kind in _STAYING:
        return False
    return may_use(event, profile, ANALYTICS, settings.consent)


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
            if suppressed and other.startswith(ADDRESS_PREFIX):
                told["suppressed"] = suppressed
            ask_to_forget(event, other, effects, told)


def _hand_over(state: UserState, event: Event, person: UserId, effects: Effects) -> None:
    trail = state.trail.get()
    features = trail.older if trail.events or trail.older.events else features_only(state.profile)
    # The merge goes round also where it is empty: it would find a ring.
    features.consent = state.profile.consent
    handed = Handed(features, state.contact.get())
    _relay([_merge(event, person, handed), *[_for(decode_event(packed), person) for packed in trail.events]], effects)


def _merge(event: Event, person: UserId, handed: Handed, name: str = "") -> Event:
    record = _derived(event, name or "merge", person)
    return Event(
        workspace=event.workspace,
        user=person,
        record_id=RecordId(record),
        id=EventId(record),
        kind=EventKind.MERGE,
        name=name,
        at_ms=event.at_ms,
        received_ms=event.received_ms,
        world=event.world,
        via=(event.user,) if name else (*event.via, event.user),
        handed=encode(handed),
    )


def _for(event: Event, person: UserId) -> Event:
    """The same event, under a person's key: same id, so that however it comes, it counts once."""
    return msgspec.structs.replace(event, user=person, via=(*event.via, event.user), anonymous=False)


def _relay(events: list[Event], effects: Effects) -> None:
    """Under the person's key, so that their order stays; in portions that may be repeated whole."""
    key = user_key(events[0].workspace, events[0].user)
    for start in range(0, len(events), EVENTS_OF_RELAY_MAX):
        portion = events[start : start + EVENTS_OF_RELAY_MAX]
        effects.outputs.append(Output(key, encode_relay(portion), RELAYS.name))


def _derived(event: Event, what: str, other: UserId) -> str:
    """An id that is the same whenever the step is run again."""
    return f"{what}-{blake2b(f'{event.id}|{event.user}|{other}'.encode(), digest_size=16).hexdigest()}"


def _grow_old(older: Profile, event: Event, timezone: str, settings: WorkspaceSettings) -> None:
    older.timezone = timezone
    if event.kind in BEHAVIOUR and is_own(event):
        observe(older, event, settings)
