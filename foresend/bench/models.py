"""What the models cost: an event of a known user with every part on, and the bytes that users and snapshots take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from time import process_time_ns

from flink_jobs.personalize import compose, following, learning, reactions, state, step
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.population.step import PopulationStep
from flink_jobs.records import InputRecord, Outcome, PlainCells
from flink_jobs.worlds import World
from foresend.bench.clocks import Clocks, Watched
from foresend.bench.figures import Figure, Run, percentile
from foresend.bench.full_people import full_cells
from foresend.bench.people import user_number
from foresend.bench.sizes import size
from foresend.bench.taught_people import (
    SLOTS,
    VARIANTS,
    Lives,
    NewestWorlds,
    examples_of,
    renamed,
    sizes_of,
    wide_release,
)
from foresend.bench.telling import Tell
from foresend.simulation.closed_loop import START_MS
from online_models.scoring import SlotScorer
from schemas.codec import decode, encode
from schemas.ids import UserId
from schemas.models import ModelSnapshot
from schemas.topics import DAY_MS
from schemas.versions import Position

HISTORY_DAYS, LATER_DAYS = 60.0, 30.0
TRAINED_AT = 0.5
"""Part of the history after which parts are trained: states follow them from then on."""
EVENTS_EACH = 4
"""Events that a user does in a row: one visit and a message."""
AT_ONCE = 500
"""Records that are made, then timed together; what they taught is learnt after them."""
FULL_PEOPLE = 200
PARTS = ("features", "vector", "scoring", "policy", "learning", "sequence", "collaborative", "model_cells")
"""What counts as the models' work. The rest of a step is `other`: reading the event, rights, the hot cell, messages."""
FIRST_OFFSET = 1 << 40


@dataclass(frozen=True)
class ModelsSizes:
    """How many events pass, for how many users."""

    events: int = size(100_000, "events that are measured")
    users: int = size(1_000_000, "users known before")
    people: int = size(1_000, "model people whose lives stand for them")
    policy: tuple[str, ...] = size(("softmax", "thompson"), "policies; may be repeated")
    runs: int = size(1, "medians are told of so many runs")


@dataclass(frozen=True)
class _Known:
    """Where everything stands when measuring begins: model people, and what they do next."""

    lives: Lives
    people: list[UserId]
    cells: dict[UserId, PlainCells]
    later: dict[UserId, list[bytes]]
    population: PlainCells
    world: World


class _Pass:
    """One pass over the same events, from the same beginning."""

    def __init__(self, known: _Known, sizes: ModelsSizes) -> None:
        self._known = known
        self._plan = _plan(known, sizes)
        self._worlds = NewestWorlds(known.lives.release)
        self._worlds.take(known.world.models, known.world.trained)
        self._step = PersonalizeStep(self._worlds)
        self._learner = PopulationStep(lambda *_: known.lives.release.settings, "bench")
        self._population = PlainCells(dict(known.population.stored))
        self.cells: dict[int, PlainCells] = {}
        self.examples = self.snapshots = self.events = 0
        self.snapshot_bytes = len(encode(known.world.models))
        self.step_ns = self.population_ns = self.world_ns = 0

    def run(self, tell: Tell, words: str) -> None:
        """Apply all of it, timed in portions."""
        with tell.bar(words, len(self._plan)) as moved:
            for at in range(0, len(self._plan), AT_ONCE):
                records = [self._record(at + n, *one) for n, one in enumerate(self._plan[at : at + AT_ONCE])]
                began = process_time_ns()
                outcomes = [self._step.on_record(cells, record) for cells, record in records]
                self.step_ns += process_time_ns() - began
                self.events += len(records)
                self._learn(outcomes)
                moved(at)

    def _record(self, number: int, user: int, time: int) -> tuple[PlainCells, InputRecord]:
        known = self._known
        model = known.people[user % len(known.people)]
        cells = self.cells.get(user)
        if cells is None:
            # Bytes of the user's own: what many shared would lie in the processor's cache.
            own = {name: bytes(bytearray(packed)) for name, packed in known.cells[model].stored.items()}
            cells = self.cells[user] = PlainCells(own)
            # After any moment the first thing done comes later than one thing after another: it is not measured.
            self._step.on_record(cells, self._input(user, model, 0, 2 * number))
        return cells, self._input(user, model, time + 1, 2 * number + 1)

    def _input(self, user: int, model: UserId, time: int, number: int) -> InputRecord:
        packed = self._known.later[model][time]
        key, value, at_ms = renamed(packed, user_number(user), number, self._worlds.ref)
        return InputRecord(key, value, Position(at_ms, 0, FIRST_OFFSET + number))

    def _learn(self, outcomes: list[Outcome]) -> None:
        known = self._known
        for outcome in outcomes:
            for example in examples_of(outcome):
                began = process_time_ns()
                told = self._learner.on_record(self._population, InputRecord(b"", example, Position(0, 0, 0)))
                self.population_ns += process_time_ns() - began
                self.examples += 1
                for snapshot in told.outputs:
                    self.snapshot_bytes = max(self.snapshot_bytes, len(snapshot.value or b""))
                    began = process_time_ns()
                    self._worlds.take(models=decode(ModelSnapshot, snapshot.value or b""))
                    self._worlds(known.lives.release.workspace, self._worlds.ref)
                    self.world_ns += process_time_ns() - began
                    self.snapshots += 1


def measure(sizes: ModelsSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line for each policy."""
    for policy in sizes.policy:
        known = _known(policy, sizes, tell)
        yield [_run(known, sizes, policy, tell) for _ in range(sizes.runs)]


def _known(policy: str, sizes: ModelsSizes, tell: Tell) -> _Known:
    lives = Lives(wide_release(policy), min(sizes.people, sizes.users))
    tell(f"{policy}: {lives.people} model people live through {HISTORY_DAYS:g} days ...")
    lives.until(HISTORY_DAYS * TRAINED_AT)
    lives.train()
    lives.until(HISTORY_DAYS)
    cells = {user: PlainCells(dict(own.stored)) for user, own in lives.cells.items()}
    population = PlainCells(dict(lives.population.stored))
    world = lives.world
    lives.records.clear()
    lives.until(HISTORY_DAYS + LATER_DAYS)
    people = [user for user in cells if len(lives.records[user]) > EVENTS_EACH]
    return _Known(lives, people, cells, dict(lives.records), population, world)


def _plan(known: _Known, sizes: ModelsSizes) -> list[tuple[int, int]]:
    """Which user does what, in the order of the log: each user's own events in their order, users mixed.

    Users come as often as their model people do something, so that events are of the kinds that they are in the demo.
    """
    chance = Random(f"models/{sizes.users}/{sizes.events}")
    activity = [len(known.later[user]) for user in known.people]
    visits = max(1, sizes.events // EVENTS_EACH)
    users: dict[int, int] = {}
    for model in chance.choices(range(len(known.people)), activity, k=visits):
        alike = max(1, sizes.users // len(known.people))
        users.setdefault(model + len(known.people) * chance.randrange(alike), 0)
    plan = [user for user in users for _ in range(EVENTS_EACH)]
    chance.shuffle(plan)
    found = []
    for user in plan:
        found.append((user, users[user]))
        users[user] += 1
    return found


def _run(known: _Known, sizes: ModelsSizes, policy: str, tell: Tell) -> Run:
    bare = _Pass(known, sizes)
    bare.run(tell, "events")
    clocks = Clocks()
    watched = _Pass(known, sizes)
    with clocks.around([*_watched(type(known.world.policy))]):
        watched.run(tell, "the same events, with clocks")
    full = full_cells(known.lives, FULL_PEOPLE, START_MS + int((HISTORY_DAYS + LATER_DAYS) * DAY_MS))
    return _figures(sizes, policy, bare, clocks, full)


def _watched(policy: type) -> Iterator[Watched]:
    """What is watched: names where they are looked up, for that is where calls pass."""
    yield PersonalizeStep, "on_record", "other"
    for owner, name in (
        (step, "observe"),
        (reactions, "observe"),
        (step, "remember_context"),
        (step, "remember_facts"),
    ):
        yield owner, name, "features"
    yield compose, "person_of", "vector"
    yield SlotScorer, "score", "scoring"
    yield policy, "probabilities", "policy"
    yield compose, "shifted", "policy"
    yield learning, "learn_from", "learning"
    yield following, "step", "sequence"
    yield following, "steps", "sequence"
    yield following, "input_of_event", "sequence"
    yield following, "input_of_reward", "sequence"
    yield following, "_meet", "collaborative"
    yield state.LazyCell, "get", "model_cells"
    yield state.LazyCell, "packed_change", "model_cells"


def _figures(sizes: ModelsSizes, policy: str, bare: _Pass, clocks: Clocks, full: list[tuple[int, int]]) -> Run:
    hot = sorted(sizes_of(cells)[0] for cells in bare.cells.values())
    events, whole = bare.events, sum(clocks.spent_ns.values())
    us_per_event = bare.step_ns / events / 1000
    parts = {f"{part}_us": us_per_event * clocks.spent_ns[part] / whole for part in (*PARTS, "other")}
    given: dict[str, Figure] = {
        "policy": policy,
        "users": sizes.users,
        "events": events,
        "slots": SLOTS,
        "variants": VARIANTS,
        "examples": bare.examples,
        "scored_share": clocks.calls["vector"] / events,
        "hot_cell_bytes_p50": percentile(hot, 0.5),
        "hot_cell_bytes_p99": percentile(hot, 0.99),
        "full_hot_cell_bytes_p99": percentile(sorted(one for one, _ in full), 0.99),
        "all_cells_bytes_p99": percentile(sorted(every for _, every in full), 0.99),
        "snapshot_bytes": bare.snapshot_bytes,
    }
    return Run(
        given,
        {
            "us_per_event": us_per_event,
            "models_us_per_event": sum(us for part, us in parts.items() if part != "other_us"),
            **parts,
            "population_us_per_example": bare.population_ns / max(1, bare.examples) / 1000,
            "world_us_per_snapshot": bare.world_ns / max(1, bare.snapshots) / 1000,
        },
    )
