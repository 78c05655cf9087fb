"""The keyed state of one user: what is read and written on every event, and what only exposures touch."""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from online_models.clicks import Click
from online_models.contents import Contents
from online_models.decayed import DecayedCounts
from online_models.declared import DeclaredState
from online_models.fatigue import Sends
from online_models.orders import Orders
from online_models.sessions import Sessions
from schemas.codec import Cell, Upgrade
from schemas.ids import FieldName, ReleaseId, SendId, SlotName, TemplateName, UserId, VariantId
from schemas.profiles import Contact
from schemas.versions import Position, Version, version_of
from schemas.worlds import WorldRef

SEEN_EVENTS_MAX = 128
"""Newest event ids remembered: a repeat among them is a no-op. Kafka-in commits more often than that."""
OPEN_EXPOSURES_MAX = 20
UNDELIVERED_MAX = 8
TAGS_MAX = 32
DEVICES_MAX = 6
TRAITS_MAX = 16
LINKS_MAX = 8
"""Persons that one device is known to have been used by."""
LINKED_MAX = 16
"""Other ids of one person that are remembered, so that erasing the person erases them too."""
TRAIL_EVENTS_MAX = 200
TRAIL_BYTES_MAX = 65_536
TRAIL_EVENT_BYTES_MAX = 4_096
"""Larger events of an anonymous profile are kept as features only."""
SOFT_BOUNCES_MAX = 5


class Emitted(msgspec.Struct, array_like=True):
    """What was last emitted for one template, as far as the next comparison needs it.

    release        the release it was rendered from
    shown          hash of the locale, field values and allowed variants it was rendered with
    probabilities  for each slot float32, shape (n,)
    until_ms       when the set of valid variants changes next; 0 is never
    slates         for each catalog slot the slates that it was emitted with; none: the release's own items
    """

    release: ReleaseId
    shown: bytes
    probabilities: tuple[bytes, ...]
    until_ms: int = 0
    slates: tuple[tuple[VariantId, ...], ...] = ()


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What somebody said of one purpose, and when.

    since_ms  a consent after a refusal: what happened earlier is not meant by it; else 0
    """

    granted: bool
    at_ms: int
    since_ms: int = 0


class Link(msgspec.Struct, frozen=True, array_like=True):
    """To whom a profile's events belong from a time on.

    is_alias  a known person's events too; else those of a device only
    """

    user: str
    from_ms: int
    is_alias: bool = False


class Profile(Cell):
    """The hot cell: read and written once for each event.

    is_grave            the user was erased, and nothing happened since
    erased_at_ms        when the user was erased last; 0 for never
    tombstone_at_ms     when the grave's tombstones are due; 0 where none is
    seen                hashes of the newest event ids (`online_models.repeats`)
    moved               how far the preference vector can have moved since last scored (total variation, upper bound)
    exposures_until_ms  when the first open exposure's window ends, or the first click need wait no more; 0 for neither
    consent             for each purpose, what was said last
    links               whose this profile's events are, the oldest first; none: its own
    linked              ids whose profiles became part of this one
    declared            by name, what is kept of the features that the workspace declares
    tagged_ms           time of the newest event that engaged with a tag
    device_ms           time of the newest event that named a device
    tell_at_ms          when what changed is told in the topic `profiles`; 0 where nothing changed
    is_told             the topic holds a record of this person
    reactions           how many opens and clicks came from people, and how many from machines for which reason
    is_listed           the topic `erased` knows of the erasure, so the state need not
    is_person           there was behaviour of a known person: only an alias moves this profile
    facts               what models know of a person as categories and numbers, by the trait's name
    hidden              packed state of the sequence model (`online_models.sequence`)
    repeats             how often the person was shown a variant that has a bound on that, by `template/slot/variant`
    """

    SCHEMA_VERSION: ClassVar[int] = 4
    # Older versions had fewer fields; those that are missing have their defaults.
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = dict.fromkeys(
        (1, 2, 3), lambda body: msgspec.msgpack.decode(body, type=Profile)
    )

    newest_log_ms: int = 0
    newest_partition: int = 0
    newest_offset: int = 0
    sequence: int = 0
    world: WorldRef = WorldRef()
    is_grave: bool = False
    erased_at_ms: int = 0
    tombstone_at_ms: int = 0
    seen: bytes = b""
    first_seen_ms: int = 0
    last_seen_ms: int = 0
    events: int = 0
    tags: DecayedCounts = msgspec.field(default_factory=DecayedCounts)
    hours: DecayedCounts = msgspec.field(default_factory=DecayedCounts)
    devices: DecayedCounts = msgspec.field(default_factory=DecayedCounts)
    locale: str = ""
    timezone: str = ""
    traits: dict[FieldName, str] = {}
    moved: float = 0.0
    emitted: dict[TemplateName, Emitted] = {}
    exposures_until_ms: int = 0
    consent: dict[str, Said] = {}
    links: tuple[Link, ...] = ()
    linked: tuple[UserId, ...] = ()
    declared: dict[str, DeclaredState] = {}
    sessions: Sessions = msgspec.field(default_factory=Sessions)
    orders: Orders = msgspec.field(default_factory=Orders)
    contents: Contents = msgspec.field(default_factory=Contents)
    sends: Sends = msgspec.field(default_factory=Sends)
    tagged_ms: int = 0
    device_ms: int = 0
    tell_at_ms: int = 0
    is_told: bool = False
    reactions: dict[str, int] = {}
    is_listed: bool = False
    is_person: bool = False
    facts: dict[str, str | float] = {}
    hidden: bytes = b""
    repeats: dict[str, int] = {}

    @property
    def is_forgotten(self) -> bool:
        """Whether nothing need be kept: the person was erased, all tombstones are written, and a list knows of it."""
        return self.is_listed and self.is_grave and not self.tombstone_at_ms

    def advance(self, position: Position) -> None:
        """Take note of the record that is being applied: versions written from now on name it."""
        newest = Position(self.newest_log_ms, self.newest_partition, self.newest_offset)
        if position > newest:
            self.newest_log_ms, self.newest_partition, self.newest_offset = position
            self.sequence = 0

    def next_version(self) -> Version:
        """The version for the next thing written for this user."""
        newest = Position(self.newest_log_ms, self.newest_partition, self.newest_offset)
        version = version_of(newest, self.sequence)
        self.sequence += 1
        return version


class OpenExposure(msgspec.Struct, frozen=True, array_like=True):
    """An exposure that waits for its reward: for each slot what was shown, and its affinity at the decision.

    at_ms         when it was served
    propensity    with which it was drawn
    vector        the person's features at the decision, packed (`online_models.vector`)
    delivered_ms  when it was delivered, as far as told; 0 where it was not
    assessed      how the decision saw what was shown, packed as the exposure has it
    """

    send_id: SendId
    template: TemplateName
    until_ms: int
    slots: tuple[SlotName, ...]
    variants: tuple[VariantId, ...]
    features: tuple[float, ...]
    at_ms: int = 0
    propensity: float = 0.0
    vector: bytes = b""
    delivered_ms: int = 0
    assessed: bytes = b""


class OpenExposures(Cell):
    """A user's exposures inside their attribution window, oldest first; at most `OPEN_EXPOSURES_MAX`.

    clicks  those that wait for what else comes, in the order of the log; at most `online_models.clicks.CLICKS_MAX`
    undelivered  sends that nobody got, of which that was told before their exposure was; the newest at most
                 `UNDELIVERED_MAX`
    """

    SCHEMA_VERSION: ClassVar[int] = 4
    # Older versions had fewer fields; those that are missing have their defaults.
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = dict.fromkeys(
        (1, 2, 3), lambda body: msgspec.msgpack.decode(body, type=OpenExposures)
    )

    DEFLATED_FROM: ClassVar[int] = 1_024
    """Twenty exposures, each with the person's features at its decision, are much alike: a third is left of them."""

    items: tuple[OpenExposure, ...] = ()
    clicks: tuple[Click, ...] = ()
    undelivered: tuple[SendId, ...] = ()


class Trail(Cell):
    """What an anonymous profile keeps for the person it may become.

    events  packed events, oldest first; at most `TRAIL_EVENTS_MAX`, together at most `TRAIL_BYTES_MAX`
    older   features of what was before them
    """

    SCHEMA_VERSION: ClassVar[int] = 3
    # Older versions had fewer features; those that are missing have their defaults.
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = dict.fromkeys(
        (1, 2), lambda body: msgspec.msgpack.decode(body, type=Trail)
    )

    events: list[bytes] = []
    older: Profile = msgspec.field(default_factory=Profile)


class ContactPart(Cell):
    """How a person may be reached: kept apart from consent, and moved by rights alone.

    soft_bounces_ms  for each channel, when the newest ones were; at most `SOFT_BOUNCES_MAX`
    addressed_ms     for each channel, when its address was told
    unsubscribed_ms  for each channel, when its owner wished last that nothing more is sent
    """

    SCHEMA_VERSION: ClassVar[int] = 2
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {1: lambda body: _with_opt_ins(body)}  # noqa: PLW0108 - it comes below

    contact: Contact = Contact()
    soft_bounces_ms: dict[str, tuple[int, ...]] = {}
    addressed_ms: dict[str, int] = {}
    unsubscribed_ms: dict[str, int] = {}


def _with_opt_ins(body: bytes) -> ContactPart:
    """Version 1 did not tell an opt-in from an import: whatever permission stood had ended unsubscribes before it."""
    part = msgspec.msgpack.decode(body, type=ContactPart)
    newest: dict[str, int] = {}
    for key, told in part.contact.permissions.items():
        channel = key.partition("/")[0]
        if told.granted:
            newest[channel] = max(told.at_ms, newest.get(channel, 0))
    part.contact = msgspec.structs.replace(part.contact, opted_in_ms=newest)
    return part


class Handed(Cell):
    """What a profile hands over to the person it became part of: of `features`, also what was said of consent."""

    features: Profile = msgspec.field(default_factory=Profile)
    contact: ContactPart = msgspec.field(default_factory=ContactPart)
