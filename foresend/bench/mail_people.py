"""Simulated recipients: each with a name, an address, a language and messages of one's own.

Some may not be written to, for a reason that is known beforehand.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import structs
from prometheus_client import CollectorRegistry

from connectors.cache.applying import Applier, LogRecord
from connectors.cache.follower import CATCH_UP_RECORDS, now_ms
from connectors.cache.meters import CacheMeters
from connectors.cache.releases import Releases
from connectors.cache.store import CacheStore
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from foresend.bench.people import EVENTS_EACH, HISTORY_MS, SEED, START_MS, OneWorld, records_of, user_number
from foresend.bench.telling import Moved
from foresend.simulation.behaviour_log import behaviour_log
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.events import Event
from schemas.ids import Locale, TemplateName, UserId
from schemas.keys import communication_key, join_key, split_key, user_key
from schemas.library import DeliverySettings, Release, Sender
from schemas.profiles import Contact, Permission, Suppression, ToldProfile
from schemas.sending import SkipReason
from schemas.topics import COMMUNICATIONS, LIBRARY, PROFILES
from templates.assembly import Assembly

MARKETING, TRANSACTIONAL = TemplateName("newsletter"), TemplateName("receipt")
MODELS = 300
STAND_IN = b"Qzstandin"
"""What every model person is called; each recipient's own name then stands in its place."""
DOMAINS = 40
SENDER = Sender("Lantern & Reel", "post@lantern-reel.example", "help@lantern-reel.example")
SETTINGS = DeliverySettings(
    sender=SENDER,
    home_url="https://www.lantern-reel.example/",
    live=True,
    channel="smtp",
    # At any hour of the day that this runs.
    quiet_from=0,
    quiet_until=0,
)
_BODY_AT = 5
_items = msgspec.msgpack.Decoder(list[bytes | int])


class Recipient(NamedTuple):
    """One of many, and what is to become of a message to him or her.

    skips  why nothing is sent in marketing, and in all else; None: it is sent
    """

    user: UserId
    address: str
    name: str
    locale: Locale
    skips: tuple[SkipReason | None, SkipReason | None]


@dataclass(frozen=True)
class Model:
    """Whose messages stand for many users'."""

    entries: tuple[Communication, ...]
    locale: Locale


def sending_release(release: Release) -> Release:
    """A release by which mails go to real people, at any hour."""
    return structs.replace(release, settings=structs.replace(release.settings, delivery=SETTINGS))


def models_of(release: Release, templates: Sequence[TemplateName], people: int = MODELS) -> list[Model]:
    """Model people that all have the same name, with their messages of some templates."""
    events = behaviour_log(
        release, seed=SEED, users=people, events=people * EVENTS_EACH, start_ms=START_MS, span_ms=HISTORY_MS
    )
    oracle = Oracle(PersonalizeStep(OneWorld(release)))
    oracle.apply(records_of(map(_renamed, events)))
    entries: dict[str, list[Communication]] = {}
    for key, value in oracle.communications.items():
        template, user = split_key(key, 3)[1:]
        if value is not None and template in templates:
            entries.setdefault(user, []).append(decode(Communication, value))
    found = [entry for entry in entries.values() if len(entry) == len(templates) and all(map(_is_named, entry))]
    return [Model(tuple(one), one[0].decision.locale) for one in found if one[0].decision]


def _is_named(entry: Communication) -> bool:
    """Whether every message of an entry says the name: who never told it is greeted as everybody."""
    return entry.decision is not None and all(STAND_IN in body for body in entry.bodies)


def _renamed(event: Event) -> Event:
    traits = {**event.traits, "first_name": STAND_IN.decode()} if event.traits else {}
    return structs.replace(event, traits=traits)


def recipient(number: int, model: Model) -> Recipient:
    """The recipient of a number."""
    skips: tuple[SkipReason | None, SkipReason | None] = (None, None)
    if number % 20 == 3:
        skips = (SkipReason.NO_PERMISSION, None)
    elif number % 50 == 7:
        skips = (SkipReason.SUPPRESSED, SkipReason.SUPPRESSED)
    elif number % 50 == 17:
        skips = (SkipReason.SUPPRESSED, None)
    elif number % 100 == 9:
        skips = (SkipReason.NO_ADDRESS, SkipReason.NO_ADDRESS)
    address = f"reader{number}@r{number % DOMAINS}.people.example"
    return Recipient(user_number(number), address, f"Zoe{number:07d}", model.locale, skips)


def fill_node(
    folder: Path,
    release: Release,
    templates: Sequence[TemplateName],
    count: int,
    moved: Moved,
    facts: Mapping[str, bytes],
) -> list[Recipient]:
    """Make the folder that of a node which knows so many recipients, and has their messages of some templates."""
    models = models_of(release, templates)
    found = [recipient(number, models[number % len(models)]) for number in range(count)]
    places = {(entry.decision.template, one.locale) for one in models for entry in one.entries if entry.decision}
    assemblies = {place: Assembly("/".join(place), release.pieces["/".join(place)]) for place in places}
    columns = ((one, models[number % len(models)]) for number, one in enumerate(found))
    rest = (record for one, model in columns for record in _records(release, one, model, assemblies))
    store = CacheStore(folder)
    try:
        store.forget_followed(dict(facts), unlogged=True)
        applier = Applier(store, Releases(store), CacheMeters(CollectorRegistry()), 0)
        key = join_key(release.workspace, "0")
        applier.apply([_record(LIBRARY.name, key, encode(release))], {(LIBRARY.name, 0): 0}, now_ms())
        done = 0
        while part := list(islice(rest, CATCH_UP_RECORDS)):
            read = {(COMMUNICATIONS.name, 0): 0, (PROFILES.name, 0): 0}
            applier.apply(part, read, now_ms(), live=False, logged=False)
            done += len(part)
            moved(done // (1 + len(templates)))
        store.finish_unlogged()
    finally:
        store.close()
    return found


def _records(
    release: Release, one: Recipient, model: Model, assemblies: Mapping[tuple[TemplateName, Locale], Assembly]
) -> Iterator[LogRecord]:
    """The profile of a recipient, and the messages."""
    told = _profile(one, model)
    yield _record(PROFILES.name, user_key(release.workspace, one.user), encode(told))
    for entry in model.entries:
        decision = entry.decision
        if decision is None:
            continue
        assembly = assemblies[decision.template, model.locale]
        bodies = tuple(_own_body(body, one.name.encode(), assembly) for body in entry.bodies)
        own = structs.replace(entry, decision=structs.replace(decision, user=one.user), bodies=bodies)
        yield _record(
            COMMUNICATIONS.name, communication_key(release.workspace, decision.template, one.user), encode(own)
        )


def _own_body(body: bytes, name: bytes, assembly: Assembly) -> bytes:
    """A model's body with another name in it."""
    items: Sequence[bytes | int] = _items.decode(body[_BODY_AT:])
    return assembly.pack([item if isinstance(item, int) else item.replace(STAND_IN, name) for item in items])


def _profile(one: Recipient, model: Model) -> ToldProfile:
    permission = Permission(one.skips[0] is not SkipReason.NO_PERMISSION, START_MS, "form", "v1")
    reasons: dict[object, str] = {
        (SkipReason.SUPPRESSED, SkipReason.SUPPRESSED): "hard_bounce",
        (SkipReason.SUPPRESSED, None): "unsubscribed",
    }
    reason = reasons.get(one.skips)
    contact = Contact(
        addresses={} if SkipReason.NO_ADDRESS in one.skips else {"email": one.address},
        permissions={"email/marketing": permission},
        suppressed={"email": Suppression(reason, START_MS)} if reason else {},
    )
    return ToldProfile(
        model.entries[0].version,
        at_ms=START_MS,
        locale=model.locale,
        traits={"first_name": one.name},
        consent={"personalisation": True, "analytics": True},
        contact=contact,
    )


def _record(topic: str, key: bytes, value: bytes) -> LogRecord:
    return LogRecord(topic, 0, 0, START_MS, key, value)
