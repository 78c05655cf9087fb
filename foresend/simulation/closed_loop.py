"""The demo's people against the job's own steps, in one process: no Kafka, no Flink, no clock, nothing rendered.

Only what learning sees is here: events in the order of their times, deadlines as time goes on, draws by the
gateway's own rule, exposures as the gateway makes them, and the population's learner, whose snapshots are scored with
from the next event on.
"""

from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Any

from connectors.cache.exposures import exposure_row
from connectors.cache.rows import Served
from connectors.kafka.event_records import event_record
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.population.step import PopulationStep
from flink_jobs.records import InputRecord, OutputRecord, PlainCells
from flink_jobs.worlds import WORLDS_KEPT_MAX, Shelf, World, no_models
from foresend.simulation.pace import at_pace
from foresend.simulation.scoreboard import DemoFigures
from foresend.simulation.simulation import Act, Occasion, Simulation
from online_models.trained import NOTHING_TRAINED, Trained
from schemas.codec import decode
from schemas.decisions import Communication, Decision
from schemas.draws import draw
from schemas.events import Event
from schemas.ids import EventId, RecordId, SlotName, VariantId, WorkspaceId
from schemas.keys import communication_key
from schemas.library import Release
from schemas.models import ModelSnapshot
from schemas.topics import EXAMPLES
from schemas.versions import Position
from schemas.worlds import WorldRef
from templates.library import Library

START_MS = 1_760_000_000_000
ADVANCE_S = 0.25
"""How often time alone is let go on: users who do nothing still have deadlines."""


class _Blank:
    """Renders nothing."""

    def body(self, _variants: object) -> bytes:
        return b""


class BlankLibrary(Library):
    """A library whose messages are empty: what is shown is told by the decision."""

    def personal(self, *_of_whom: Any, **_named: Any) -> Any:
        """What renders nothing."""
        return _Blank()


class BlankWorlds:
    """`Worlds` of one release whose messages are empty, and whose models go on.

    ref  the newest one, which events are to name; an older one stays what it was
    """

    def __init__(self, release: Release, snapshot: ModelSnapshot | None = None) -> None:
        self._shelf = Shelf(BlankLibrary(release))
        self._made_of: list[tuple[ModelSnapshot, Trained]] = []
        self._kept: OrderedDict[int, World] = OrderedDict()
        self._newest = snapshot or no_models(release.workspace), NOTHING_TRAINED
        self.take()

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:  # noqa: ARG002 - there is one
        """See `Worlds`."""
        world = self._kept.pop(ref.models, None) or World(self._shelf, *self._made_of[ref.models])
        self._kept[ref.models] = world
        if len(self._kept) > WORLDS_KEPT_MAX:
            self._kept.popitem(last=False)
        return world

    def take(self, models: ModelSnapshot | None = None, trained: Trained | None = None) -> None:
        """Use other models from now on; those that are not named stay."""
        self._newest = models or self._newest[0], trained or self._newest[1]
        self.ref = WorldRef(1, len(self._made_of))
        self._made_of.append(self._newest)


class ClosedLoop:
    """A simulation, and the steps that serve it.

    day_s     seconds that a day of theirs lasts
    follow    is given every record that the person's step writes
    options   of `Simulation`
    examples  how many the population's learner was given
    """

    def __init__(
        self,
        release: Release,
        *,
        people: int,
        seed: int,
        day_s: float = 4.0,
        snapshot: ModelSnapshot | None = None,
        follow: Callable[[OutputRecord], None] = lambda _: None,
        **options: Any,
    ) -> None:
        self._follow = follow
        self.release = paced = at_pace(release, day_s)
        self.simulation = Simulation(paced, people=people, seed=seed, day_s=day_s, start_ms=START_MS, **options)
        self.worlds = BlankWorlds(paced, snapshot)
        self.oracle = Oracle(PersonalizeStep(self.worlds), follow=self._learn)
        self.examples = 0
        self._learner, self._learnt = PopulationStep(lambda *_: paced.settings, "loop"), PlainCells()
        self._offsets = count()
        self._advanced_s = 0.0

    def run(self, seconds: float) -> DemoFigures:
        """Let time go on to so many seconds after the beginning."""
        for happened in self.simulation.until(seconds):
            if happened.at_s - self._advanced_s >= ADVANCE_S:
                self._advanced_s = happened.at_s
                self.oracle.advance(log_time(happened.at_s))
            if isinstance(happened, Act):
                record = event_record(self._event(happened, next(self._offsets)))
                key, value = record.key, record.value
            else:
                exposure = self._serve(happened)
                if exposure is None:
                    continue
                key, value = exposure
            position = Position(log_time(happened.at_s), 0, next(self._offsets))
            self.oracle.apply([InputRecord(key, value, position)])
        return self.simulation.scoreboard.figures()

    def _learn(self, written: OutputRecord) -> None:
        """What the job's second step does with what the first one wrote."""
        self._follow(written)
        if written.topic != EXAMPLES.name or not written.value:
            return
        record = InputRecord(written.key, written.value, Position(START_MS, 0, self.examples))
        self.examples += 1
        for output in self._learner.on_record(self._learnt, record).outputs:
            self.worlds.take(models=decode(ModelSnapshot, output.value or b""))

    def _event(self, act: Act, number: int) -> Event:
        at_ms = log_time(act.at_s)
        return Event(
            workspace=self.release.workspace,
            user=act.user,
            record_id=RecordId(f"r{number}"),
            id=EventId(f"e{number}"),
            kind=act.kind,
            at_ms=at_ms,
            received_ms=at_ms,
            world=self.worlds.ref,
            name=act.name,
            properties=dict(act.properties),
            traits=dict(act.traits),
            context=dict(act.context),
        )

    def _serve(self, occasion: Occasion) -> tuple[bytes, bytes] | None:
        """Draw, tell the simulation, and make the exposure; None for somebody unknown."""
        key = communication_key(self.release.workspace, occasion.template, occasion.user)
        packed = self.oracle.communications.get(key)
        decision = decode(Communication, packed).decision if packed else None
        if decision is None or not decision.candidates:
            self.simulation.shown(occasion, {}, personal=False)
            return None
        probabilities = tuple(candidate.probability for candidate in decision.candidates)
        candidate = draw(probabilities, occasion.send_id)
        variants: dict[SlotName, VariantId] = {
            slot.slot: variant for slot, variant in zip(decision.slots, decision.variants_of(candidate), strict=True)
        }
        self.simulation.shown(occasion, variants, personal=is_personal(decision))
        served = Served.drawn(decision, candidate, probabilities, log_time(occasion.at_s))
        row = exposure_row(self.release.workspace, occasion.send_id, served, decision, self.worlds.ref)
        return row.key, row.value


def log_time(at_s: float) -> int:
    """When in the log something happens."""
    return START_MS + int(at_s * 1000)


def is_personal(decision: Decision) -> bool:
    """Whether the person's own events count in it: some affinity, or something learnt."""
    return any(any(slot.features) for slot in decision.slots)
