"""Model people: made-up histories folded by the real step, whose state and messages then stand for many users'."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from flink_jobs.cells import PROFILE
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.records import InputRecord
from flink_jobs.worlds import World, make_world
from foresend.simulation.behaviour_log import behaviour_log
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.events import Event, encode_event
from schemas.ids import UserId, WorkspaceId
from schemas.keys import communication_key, event_key, split_key
from schemas.library import Release
from schemas.topics import DAY_MS
from schemas.versions import Position
from schemas.worlds import WorldRef

START_MS = 1_760_000_000_000
HISTORY_MS = 30 * DAY_MS
EVENTS_EACH = 20
"""Mean length of a history: with it, every second person's preferences have settled."""
SEED = 20_260_301


class OneWorld:
    """`Worlds` without Kafka: every world is the same release, without a snapshot."""

    def __init__(self, release: Release) -> None:
        self.world = make_world(release, None)

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:  # noqa: ARG002 - whatever is asked for
        """See `Worlds`."""
        return self.world


@dataclass(frozen=True)
class ModelPerson:
    """What a history came to: the packed profile, and the person's entry of each template."""

    profile: bytes
    entries: tuple[Communication, ...]

    def entries_of(self, user: UserId) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each entry, as if it were this user's."""
        for entry in self.entries:
            decision = entry.decision
            if decision is not None:
                own = msgspec.structs.replace(decision, user=user)
                key = communication_key(own.workspace, own.template, user)
                yield key, encode(msgspec.structs.replace(entry, decision=own))


def model_people(release: Release, people: int, seed: int = SEED) -> list[ModelPerson]:
    """So many people at most, for somebody may have done nothing; in the order of their first event."""
    events = behaviour_log(
        release, seed=seed, users=people, events=people * EVENTS_EACH, start_ms=START_MS, span_ms=HISTORY_MS
    )
    oracle = Oracle(PersonalizeStep(OneWorld(release)))
    oracle.apply(records_of(events))
    entries: dict[tuple[str, str], list[Communication]] = {}
    for key, value in oracle.communications.items():
        workspace, _, user = split_key(key, 3)
        if value is not None:
            entries.setdefault((workspace, user), []).append(decode(Communication, value))
    people_found = []
    for key_text, cells in oracle.cells.items():
        workspace, user = split_key(key_text.encode(), 2)
        people_found.append(ModelPerson(cells[PROFILE.name], tuple(entries[workspace, user])))
    return people_found


def records_of(events: Iterable[Event]) -> Iterator[InputRecord]:
    """Events as records of a log with one partition; log time is when they were received."""
    for offset, event in enumerate(events):
        key = event_key(event.workspace, event.user, event.record_id)
        yield InputRecord(key, encode_event(event), Position(event.received_ms, 0, offset))


def user_number(number: int) -> UserId:
    """The id of one of many users that differ in nothing but this number."""
    return UserId(f"user-{number}")
