"""Made-up behaviour for benches: the demo's people, browsing."""

import random
from collections.abc import Iterator

from schemas.events import Event, EventKind
from schemas.ids import EventId, RecordId, UserId
from schemas.library import Release
from schemas.worlds import WorldRef

_GENRES = ("comedy", "drama", "horror", "western", "jazz", "sci-fi", "romance", "crime", "soul", "rock", "thriller")


def behaviour_log(
    release: Release, *, seed: int, users: int, events: int, start_ms: int, span_ms: int
) -> Iterator[Event]:
    """Stand-in until the demo's own is there."""
    chance = random.Random(seed)
    tastes = [chance.sample(_GENRES, 2) for _ in range(users)]
    weights = [1 / (1 + number) ** 0.4 for number in range(users)]
    whom = chance.choices(range(users), weights, k=events)
    for number, user in enumerate(whom):
        at_ms = start_ms + number * span_ms // events
        is_name = chance.random() < 0.03
        genre = chance.choice(tastes[user]) if chance.random() < 0.8 else chance.choice(_GENRES)
        yield Event(
            workspace=release.workspace,
            user=UserId(f"user-{user}"),
            record_id=RecordId(f"r{seed}-{number}"),
            id=EventId(f"e{seed}-{number}"),
            kind=EventKind.IDENTIFY if is_name else EventKind.TRACK,
            at_ms=at_ms,
            received_ms=at_ms,
            world=WorldRef(1, 0),
            name="" if is_name else "Content Rated",
            properties={} if is_name else {"genres": [genre], "rating": 5},
            traits={"first_name": chance.choice(("Ana", "Bo", "Cy", "Dora"))} if is_name else {},
        )
