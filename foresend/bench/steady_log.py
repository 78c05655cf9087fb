"""A log of people who are known already: the hot path's state, and the events that go on from it.

A thousand model people live through a made-up log. What their histories came to is the state of as many users as are
wanted, and what they did afterwards is what those users do next: tastes, names and languages go on as they were.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, count
from random import Random

from msgspec.structs import replace

from flink_jobs.bench.program import REPORT, STATE, ModelState
from flink_jobs.cells import PROFILE
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.step import next_deadline_ms
from foresend.bench.people import HISTORY_MS, SEED, START_MS, OneWorld, records_of, user_number
from foresend.bench.writing import Record
from foresend.simulation.behaviour_log import behaviour_log
from schemas.events import Event, encode_event
from schemas.ids import EventId, RecordId, UserId
from schemas.keys import event_key, user_key
from schemas.library import Release

MODELS = 1_000
EVENTS_EACH = 60
"""Mean length of a history: people who are known."""
NEW_SHARE = 0.025
"""Part of the events that are the first of somebody new."""
VISIT_LENGTH = 2.5
"""Mean number of events that follow each other closely, as the demo's people do them."""
VISIT_MS = 600_000
PARTITION = 0
"""One partition: records pass in the order in which they were written, so that first state, then warm-up, then what
is measured."""


@dataclass(frozen=True)
class Model:
    """One model person: what the history came to, the history, and what the person did after it."""

    state: ModelState
    history: list[Event]
    later: list[Event]


@dataclass(frozen=True)
class SteadyLog:
    """The records of one bench, in their order: states of known users, warm-up, what is measured, the report.

    events, warm_up  how many are measured, and how many go before them
    """

    release: Release
    models: list[Model]
    users: int
    warm_up: int
    events: int

    @property
    def first(self) -> int:
        """Offset of the first record that is measured."""
        return self.users + self.warm_up

    @property
    def end(self) -> int:
        """Offset after the last one."""
        return self.first + self.events

    def records(self) -> Iterator[Record]:
        """All of them."""
        workspace, start_ms = self.release.workspace, START_MS + HISTORY_MS
        for number in range(self.users):
            key = event_key(workspace, user_number(number), RecordId(STATE))
            yield Record(PARTITION, key, str(number % len(self.models)).encode(), start_ms)
        last_ms = start_ms
        for event in self._events(start_ms):
            last_ms = event.received_ms
            yield Record(PARTITION, event_key(workspace, event.user, event.record_id), encode_event(event), last_ms)
        yield Record(PARTITION, event_key(workspace, UserId("nobody"), RecordId(REPORT)), b"report", last_ms)

    def _events(self, start_ms: int) -> Iterator[Event]:
        """Warm-up and measured events, in order of time."""
        taken: dict[int, int] = {}
        for number, (at_ms, user) in enumerate(self._plan(start_ms, Random(f"steady/{SEED}/{self.users}"))):
            time = taken[user] = taken.get(user, -1) + 1
            yield replace(
                self._deed(user, time),
                user=user_number(user),
                record_id=RecordId(f"m{number}"),
                id=EventId(f"m{number}"),
                at_ms=at_ms,
                received_ms=at_ms,
            )

    def _deed(self, user: int, time: int) -> Event:
        """What a user does the so-manieth time from now on."""
        model = self.models[user % len(self.models)]
        deeds = model.later if user < self.users else [*model.history, *model.later]
        return deeds[time % len(deeds)]

    def _plan(self, start_ms: int, chance: Random) -> list[tuple[int, int]]:
        """When, and which user: visits at the pace of the histories, by each as often as the model person makes them.

        Users above the known ones are newcomers, who come once.
        """
        wanted = self.warm_up + self.events
        span_ms = max(VISIT_MS, HISTORY_MS * wanted // (self.users * EVENTS_EACH))
        later = [len(model.later) for model in self.models]
        activity = list(accumulate(later[user % len(later)] for user in range(self.users)))
        known = chance.choices(range(self.users), cum_weights=activity, k=wanted)
        newcomers = count(self.users)
        plan: list[tuple[int, int]] = []
        for user in known:
            visitor = next(newcomers) if chance.random() < NEW_SHARE * VISIT_LENGTH else user
            begin_ms = start_ms + chance.randrange(span_ms)
            plan.append((begin_ms, visitor))
            while chance.random() > 1 / VISIT_LENGTH:
                plan.append((begin_ms + chance.randrange(VISIT_MS), visitor))
            if len(plan) >= wanted:
                break
        return sorted(plan[:wanted])


def model_people(release: Release, models: int = MODELS) -> list[Model]:
    """Model people who did something in the history and something after it, at most so many."""
    log = behaviour_log(
        release, seed=SEED, users=models, events=2 * models * EVENTS_EACH, start_ms=START_MS, span_ms=2 * HISTORY_MS
    )
    history: dict[UserId, list[Event]] = {}
    later: dict[UserId, list[Event]] = {}
    for event in log:
        part = history if event.at_ms < START_MS + HISTORY_MS else later
        part.setdefault(event.user, []).append(event)
    oracle = Oracle(PersonalizeStep(OneWorld(release)))
    for events in history.values():
        oracle.apply(records_of(events))
    return [
        Model(_state(oracle, user_key(release.workspace, user)), history[user], later[user])
        for user in history
        if user in later
    ]


def _state(oracle: Oracle, key: bytes) -> ModelState:
    profile = oracle.cells[key.decode()][PROFILE.name]
    return ModelState(profile, next_deadline_ms(UserState(key, profile, lambda _: None)))
