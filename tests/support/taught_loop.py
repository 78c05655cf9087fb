"""Made-up people, the job's step and the population's learner in a circle: what is shown is clicked, what is clicked is
learnt, and what was learnt is scored with from the next event on. Nothing is rendered, and nothing stored but cells."""

from collections import defaultdict, deque
from collections.abc import Iterator
from random import Random

from msgspec.structs import replace

from connectors.kafka.event_records import event_record
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.population.step import PopulationStep
from flink_jobs.records import InputRecord, Outcome, PlainCells
from flink_jobs.worlds import Shelf, World, no_models
from foresend.demo.behaviour_log import behaviour_log
from foresend.demo.closed_loop import _BlankLibrary
from online_models.trained import NOTHING_TRAINED, Trained
from schemas.codec import decode
from schemas.decisions import Communication, Decision
from schemas.draws import draw
from schemas.events import Event
from schemas.examples import Example
from schemas.ids import SendId, WorkspaceId
from schemas.library import LearningSettings, Release
from schemas.models import ModelSnapshot
from schemas.topics import COMMUNICATIONS, EXAMPLES
from schemas.versions import Position
from schemas.worlds import WorldRef
from tests.support.events import DAY_MS, START_MS, clicked, served

SERVED_SHARE = 0.15
CLICKED_SHARE = 0.3
WORLDS_KEPT = 64


class TaughtWorlds:
    """`Worlds` of one release whose models go on."""

    def __init__(self, release: Release) -> None:
        self._shelf = Shelf(_BlankLibrary(release))
        self._models, self._trained = no_models(release.workspace), NOTHING_TRAINED
        self._worlds: dict[int, World] = {}
        self.ref = WorldRef(1, -1)
        self._add()

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:  # noqa: ARG002 - there is one
        """See `Worlds`; what is too old to be kept is replaced by the newest."""
        return self._worlds.get(ref.models) or self._worlds[self.ref.models]

    def take(self, models: ModelSnapshot | None = None, trained: Trained | None = None) -> None:
        """Use something else from now on."""
        self._models, self._trained = models or self._models, trained or self._trained
        self._add()

    def _add(self) -> None:
        self.ref = WorldRef(1, self.ref.models + 1)
        self._worlds[self.ref.models] = World(self._shelf, self._models, self._trained)
        self._worlds.pop(self.ref.models - WORLDS_KEPT, None)


class TaughtLoop:
    """One partition of the log, written while it is read.

    examples   that were learnt from
    snapshots  that were taken into use
    """

    def __init__(self, release: Release, *, seed: int, users: int, events: int) -> None:
        learning: LearningSettings = replace(release.settings.learning, snapshot_every=16)
        self._release = replace(release, settings=replace(release.settings, learning=learning))
        self._behaviour = behaviour_log(
            self._release, seed=seed, users=users, events=events, start_ms=START_MS, span_ms=20 * DAY_MS
        )
        self._chance = Random(seed)
        self.worlds = TaughtWorlds(self._release)
        self._step = PersonalizeStep(self.worlds)
        self._learner = PopulationStep(lambda *_: self._release.settings, "test")
        self._learnt = PlainCells()
        self._cells: dict[str, PlainCells] = defaultdict(PlainCells)
        self._newest: dict[str, Decision] = {}
        self._clicks: deque[tuple[str, str]] = deque()
        self._offset = 0
        self.examples: list[Example] = []
        self.snapshots = 0

    def run(self, parts_at: dict[int, Trained]) -> Iterator[Decision]:
        """Yield every decision that the step writes.

        parts_at  trained parts to be used from so many events on
        """
        for number, event in enumerate(self._behaviour):
            if number in parts_at:
                self.worlds.take(trained=parts_at[number])
            yield from self._apply(event)
            if event.user in self._newest and self._chance.random() < SERVED_SHARE:
                yield from self._serve(self._newest[event.user], number, event.at_ms)
            if self._clicks and self._chance.random() < SERVED_SHARE * CLICKED_SHARE:
                user, send_id = self._clicks.popleft()
                yield from self._apply(clicked(send_id, user, event.at_ms))

    def _serve(self, decision: Decision, number: int, at_ms: int) -> Iterator[Decision]:
        send_id = SendId(f"s{number}")
        shares = tuple(candidate.probability for candidate in decision.candidates)
        if not shares:
            return
        self._clicks.append((decision.user, send_id))
        if len(self._clicks) > 20:
            self._clicks.popleft()
        yield from self._apply(served(decision, send_id, at_ms, draw(shares, send_id)))

    def _apply(self, event: Event) -> Iterator[Decision]:
        made = event_record(replace(event, world=self.worlds.ref))
        self._offset += 1
        record = InputRecord(made.key, made.value, Position(event.at_ms, 0, self._offset))
        yield from self._perform(self._step.on_record(self._cells[event.user], record), record)

    def _perform(self, outcome: Outcome, record: InputRecord) -> Iterator[Decision]:
        for output in outcome.outputs:
            if output.topic == EXAMPLES.name and output.value:
                self._teach(output.value, record)
            if output.topic == COMMUNICATIONS.name and output.value:
                decision = decode(Communication, output.value).decision
                if decision is not None:
                    self._newest[decision.user] = decision
                    yield decision

    def _teach(self, example: bytes, record: InputRecord) -> None:
        self.examples.append(decode(Example, example))
        for output in self._learner.on_record(self._learnt, record._replace(value=example)).outputs:
            self.worlds.take(models=decode(ModelSnapshot, output.value or b""))
            self.snapshots += 1
