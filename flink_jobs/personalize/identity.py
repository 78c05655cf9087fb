"""Whose events are they? A device's profile becomes part of a person's, and what comes later passes on.

The rules, each of which is a test in tests/property/test_identity.py or tests/harness/test_rights_under_attack.py:

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
- What is told late counts for the time at which it happened; of more persons than a device remembers, what was before
  the oldest is nobody's.
- Nothing passes on to who was erased: what still does is told to forget it.
- Events pass through chains of links. Where the merge of a new link comes back to a profile that it has passed, the
  ring is cut open.
"""

from flink_jobs.personalize.effects import Effects
from flink_jobs.personalize.linked import PARTED
from flink_jobs.personalize.relaying import derived_id, for_person, relay
from flink_jobs.personalize.state import UserState
from online_models.cells import LINKS_MAX, Handed, Link, Profile, Trail
from online_models.features import features_only
from schemas.codec import decode, encode
from schemas.errors import Reason, SchemaError, StateError
from schemas.events import ABOUT_MAIL, BEHAVIOUR, STAYING, UNSUBSCRIBED, VIA_MAX, Event, EventKind, decode_event
from schemas.ids import EventId, RecordId, UserId

NOBODY = Link("", 0)
_OF_PERSONS = BEHAVIOUR | {
    EventKind.IDENTIFY,
    EventKind.GROUP,
    EventKind.ALIAS,
    EventKind.CONTACT,
    EventKind.MERGE,
}
"""Kinds that a known person's id comes with; what was shown or sent is told under the id of a device as well."""


def goes_on(profile: Profile, event: Event) -> UserId | None:
    """Whose an event is that came to this profile; None where it is this profile's own. A ring of links is cut.

    An empty id: it happened so long ago that nobody remembers whose the profile was.
    """
    if not profile.links or event.kind in STAYING or len(event.via) >= VIA_MAX:
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
    return event.name != UNSUBSCRIBED and not event.name.startswith(ABOUT_MAIL)


def become_person(state: UserState, event: Event, effects: Effects) -> None:
    """From now on nothing but an alias moves this profile; whoever named it as a device learns that it is none."""
    profile = state.profile
    profile.is_person = True
    state.trail.put(Trail())
    for person in sorted({UserId(link.user) for link in profile.links if link.user and not link.is_alias}):
        relay([_merge(event, person, Handed(), PARTED)], effects)
    profile.links = tuple(link for link in profile.links if link.is_alias)


def pass_on(event: Event, person: UserId, effects: Effects) -> None:
    """Send one event on to the person whose it is."""
    if person:
        relay([for_person(event, person)], effects)


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
        relay([_merge(event, person, Handed())], effects)
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


def _hand_over(state: UserState, event: Event, person: UserId, effects: Effects) -> None:
    trail = state.trail.get()
    features = trail.older if trail.events or trail.older.events else features_only(state.profile)
    # The merge goes round also where it is empty: it would find a ring.
    features.consent = state.profile.consent
    handed = Handed(features, state.contact.get())
    relay(
        [_merge(event, person, handed), *[for_person(decode_event(packed), person) for packed in trail.events]], effects
    )


def _merge(event: Event, person: UserId, handed: Handed, name: str = "") -> Event:
    record = derived_id(event, name or "merge", person)
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
