"""Events to write tests with: short to say, complete to send."""

from itertools import count
from typing import Any

from connectors.cache.exposures import assessed_of, features_of
from schemas.decisions import Communication, Decision, Exposure
from schemas.events import Event, EventKind
from schemas.ids import EventId, RecordId, SendId, UserId, WorkspaceId
from schemas.worlds import WorldRef

WORKSPACE = WorkspaceId("sample")
START_MS = 1_760_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_numbers = count()


def event(kind: EventKind, user: str = "ana", at_ms: int = START_MS, **fields: Any) -> Event:
    """An event of the sample workspace, received when it happened; ids are new each time unless given."""
    number = str(next(_numbers))
    chosen: dict[str, Any] = {
        "workspace": WORKSPACE,
        "user": UserId(user),
        "record_id": RecordId(f"r{number}"),
        "id": EventId(f"e{number}"),
        "kind": kind,
        "at_ms": at_ms,
        "received_ms": at_ms,
        "world": WorldRef(1, 0),
    }
    return Event(**(chosen | fields))


def rated(genre: str, user: str = "ana", at_ms: int = START_MS, **fields: Any) -> Event:
    """Somebody rated something of a genre: the behaviour that the sample workspace turns into tags."""
    properties = {"genres": [genre], "rating": 5}
    return event(EventKind.TRACK, user, at_ms, name="Content Rated", properties=properties, **fields)


def named(name: str, user: str = "ana", at_ms: int = START_MS, **fields: Any) -> Event:
    """Somebody told his first name."""
    return event(EventKind.IDENTIFY, user, at_ms, traits={"first_name": name}, **fields)


def erased(user: str = "ana", at_ms: int = START_MS, **fields: Any) -> Event:
    """Somebody is to be forgotten."""
    return event(EventKind.ERASE, user, at_ms, **fields)


def exposed(entry: Communication, send_id: str, at_ms: int, candidate: int = 0, **fields: Any) -> Event:
    """A candidate of an entry was served."""
    decision = entry.decision
    assert decision is not None
    shown = Exposure(
        send_id=SendId(send_id),
        template=decision.template,
        decision=decision.id,
        candidate=candidate,
        propensity=decision.candidates[candidate].probability,
        probabilities=tuple(one.probability for one in decision.candidates),
        slots=tuple(slot.slot for slot in decision.slots),
        variants=decision.variants_of(candidate),
        features=tuple(0.5 for _ in decision.slots),
        policy=decision.policy,
        vector=decision.vector,
    )
    return event(EventKind.EXPOSURE, decision.user, at_ms, exposure=shown, **fields)


def served(decision: Decision, send_id: str, at_ms: int, candidate: int = 0, **fields: Any) -> Event:
    """A candidate of a decision was served, and everything is told of it that the gateway tells."""
    shown = Exposure(
        send_id=SendId(send_id),
        template=decision.template,
        decision=decision.id,
        candidate=candidate,
        propensity=decision.candidates[candidate].probability,
        probabilities=tuple(one.probability for one in decision.candidates),
        slots=tuple(slot.slot for slot in decision.slots),
        variants=decision.variants_of(candidate),
        features=features_of(decision, candidate),
        policy=decision.policy,
        vector=decision.vector,
        assessed=assessed_of(decision, candidate),
    )
    return event(EventKind.EXPOSURE, decision.user, at_ms, exposure=shown, **fields)


def clicked(send_id: str, user: str = "ana", at_ms: int = START_MS, **fields: Any) -> Event:
    """Somebody clicked a link of what was sent."""
    return event(EventKind.TRACK, user, at_ms, name="Email Link Clicked", properties={"send_id": send_id}, **fields)
