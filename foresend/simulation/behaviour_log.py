"""The demo's people browsing, and nothing else, as one long log: for benches, which need much of it fast."""

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import numpy as np

from foresend.simulation.browsing import FOREIGN_SHARE, Browsing, Deed, Interest
from foresend.simulation.likes import Catalogue, Floats, Ints, draw_likes
from foresend.simulation.people import ACTIVITY_SPREAD, draw_people
from foresend.simulation.simulation import ORDER_SHARE, PAGE_SHARE, VISIT_LENGTH
from schemas.events import Event, EventKind
from schemas.ids import EventId, FieldName, RecordId, Tag, UserId
from schemas.library import Release
from schemas.worlds import WorldRef

TOLD_SHARE = 0.02
"""Part of the log in which somebody tells his name and city: new users come all the time."""
MODELS = 500
"""People who lend names, devices and languages to all users of a log, and kinds of deeds kept for each tag."""
FIRST_WORLD = WorldRef(1, 0)
"""The first release of a stack, and no model snapshot yet."""
VISIT_MS = 600_000
"""The longest visit."""


def _only(tag: Tag | None) -> Interest:
    return lambda _foreign: tag


class _Plan(NamedTuple):
    """Who does what when, in order of time: one entry each for every event.

    tags  indices into the catalogue; where there is none, it is about nothing
    """

    times: Ints
    users: Ints
    tags: Ints


def behaviour_log(
    release: Release,
    *,
    seed: int,
    users: int,
    events: int,
    start_ms: int,
    span_ms: int,
    world: WorldRef = FIRST_WORLD,
) -> Iterator[Event]:
    """Yield so many events of at most so many users, in order of time from `start_ms` on.

    Some users do far more than others, and what is done comes in visits; who they are and what they like is drawn
    as for the demo. No mail is sent, so there are no clicks. Made of arrays, and of deeds drawn beforehand, for speed.
    """
    catalogue = Catalogue.of(release)
    plan = _planned(catalogue, users, events, span_ms, np.random.default_rng([seed, 1]))
    chance = Random(f"log/{seed}")
    deeds = _Deeds(release, catalogue, chance)
    workspace = release.workspace
    for number, (at, user, tag) in enumerate(zip(*(column.tolist() for column in plan), strict=True)):
        kind, name, properties, traits, context = deeds.next(user, tag)
        at_ms = start_ms + at
        yield Event(
            workspace=workspace,
            user=UserId(f"user-{user}"),
            record_id=RecordId(f"r{seed}-{number}"),
            id=EventId(f"e{seed}-{number}"),
            kind=kind,
            at_ms=at_ms,
            received_ms=at_ms,
            world=world,
            name=name,
            properties=properties,
            traits=traits,
            context=context,
        )


class _Deeds:
    """Draws what an event tells from a stock: to make each anew would take longer than what is measured."""

    def __init__(self, release: Release, catalogue: Catalogue, chance: Random) -> None:
        browsing = Browsing(release.settings)
        self._chance = chance
        self._stock: list[list[tuple[EventKind, str, dict[str, Any]]]] = []
        for tag in (*catalogue.tags, None):
            orders = int(MODELS * ORDER_SHARE / VISIT_LENGTH)
            pages = int(MODELS * PAGE_SHARE)
            found: list[Deed] = [browsing.look(_only(tag), chance) for _ in range(MODELS - orders - pages)]
            found += [browsing.buy(_only(tag), chance) for _ in range(orders)]
            own = [(EventKind.TRACK, deed.name, dict(deed.properties)) for deed in found]
            self._stock.append(own + [(EventKind.PAGE, "Home", {})] * pages)
        fields = [FieldName(field.name) for template in release.templates for field in template.fields]
        people = draw_people(release, MODELS, chance.randrange(1 << 30))
        self._people = [(person.traits(fields), person.context(chance)) for person in people]

    def next(self, user: int, tag: int) -> tuple[EventKind, str, dict[str, Any], dict[str, Any], dict[str, Any]]:
        """What this user's event about a tag is: kind, name, properties, traits, context."""
        traits, context = self._people[user % len(self._people)]
        draw = self._chance.random()
        if draw < TOLD_SHARE:
            return EventKind.IDENTIFY, "", {}, traits, context
        stock = self._stock[tag]
        kind, name, properties = stock[int((draw - TOLD_SHARE) / (1 - TOLD_SHARE) * len(stock))]
        return kind, name, properties, {}, context


def _planned(catalogue: Catalogue, users: int, events: int, span_ms: int, chance: np.random.Generator) -> _Plan:
    activity = np.cumsum(np.exp(chance.normal(0, ACTIVITY_SPREAD, users)))
    lengths = chance.geometric(1 / VISIT_LENGTH, events)
    visits = np.repeat(np.arange(events), lengths)[:events]
    visitors = np.searchsorted(activity, chance.random(events) * activity[-1], side="right")
    begins = chance.integers(0, max(1, span_ms - min(VISIT_MS, span_ms // 2)), events)
    within = chance.integers(0, max(1, min(VISIT_MS, span_ms // 2)), events)
    times = begins[visits] + within
    order = np.argsort(times, kind="stable")
    who = visitors[visits][order]
    return _Plan(times[order], who, _tags(catalogue, who, users, chance))


def _tags(catalogue: Catalogue, who: Ints, users: int, chance: np.random.Generator) -> Ints:
    """What each event is about: mostly one of the user's likes, the more the likelier."""
    likes = draw_likes(catalogue, users, chance)
    nothing = np.full(len(who), len(catalogue.tags))
    if not catalogue.tags:
        return nothing
    parts: Floats = np.cumsum(likes.strengths, axis=1)
    draws = chance.random(len(who)) * parts[who, -1]
    own = likes.tags[who, (parts[who] <= draws[:, np.newaxis]).sum(axis=1)]
    foreign = np.searchsorted(np.cumsum(likes.popular), chance.random(len(who)) * 0.999_999, side="right")
    return np.where(chance.random(len(who)) < FOREIGN_SHARE, foreign, own)
