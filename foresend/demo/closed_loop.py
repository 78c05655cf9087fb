"""The demo's people against the job's own step, in one process: no Kafka, no Flink, no clock, nothing rendered.

Only what learning sees is here: events in the order of their times, deadlines as time goes on, draws by the
gateway's own rule, and exposures as the gateway makes them.
"""

from dataclasses import dataclass
from itertools import count
from typing import Any

from connectors.cache.rows import Served
from connectors.gateway.events import exposure_row
from connectors.kafka.event_records import event_record
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.records import InputRecord
from flink_jobs.worlds import Shelf, World, no_models
from foresend.demo.pace import at_pace
from foresend.demo.scoreboard import DemoFigures
from foresend.demo.simulation import Act, Occasion, Simulation
from schemas.codec import decode
from schemas.decisions import Communication, Decision, Rendered
from schemas.draws import draw
from schemas.events import Event
from schemas.ids import EventId, RecordId, SlotName, VariantId, WorkspaceId
from schemas.keys import communication_key
from schemas.library import Release
from schemas.models import ModelSnapshot
from schemas.versions import Position
from schemas.worlds import WorldRef
from templates.library import Library

START_MS = 1_760_000_000_000
WORLD = WorldRef(1, 0)
ADVANCE_S = 0.25
"""How often time alone is let go on: users who do nothing still have deadlines."""


class _Blank:
    """Renders nothing."""

    def render(self, _variants: object) -> Rendered:
        return Rendered("", "", b"", b"")


class _BlankLibrary(Library):
    """A library whose messages are empty: what is shown is told by the decision."""

    def personal(self, *_of_whom: Any, **_named: Any) -> Any:
        return _Blank()

    def compress(self, *_rendered: Any, **_named: Any) -> bytes:
        return b""


class BlankWorlds:
    """`Worlds` of one release whose messages are empty."""

    def __init__(self, release: Release, snapshot: ModelSnapshot | None) -> None:
        self._world = World(Shelf(_BlankLibrary(release)), snapshot or no_models(release.workspace))

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:  # noqa: ARG002 - whatever is asked for
        """See `Worlds`."""
        return self._world


@dataclass
class ClosedLoop:
    """A simulation, and the step that serves it."""

    release: Release
    simulation: Simulation
    oracle: Oracle

    @classmethod
    def of(
        cls,
        release: Release,
        *,
        people: int,
        seed: int,
        day_s: float = 4.0,
        snapshot: ModelSnapshot | None = None,
        **options: Any,
    ) -> "ClosedLoop":
        """People of a release; `options` are those of `Simulation`."""
        paced = at_pace(release, day_s)
        simulation = Simulation(paced, people=people, seed=seed, day_s=day_s, start_ms=START_MS, **options)
        return cls(paced, simulation, Oracle(PersonalizeStep(BlankWorlds(paced, snapshot))))

    def run(self, seconds: float) -> DemoFigures:
        """Let time go on from the beginning to so many seconds after it."""
        offsets = count()
        advanced_s = 0.0
        for happened in self.simulation.until(seconds):
            if happened.at_s - advanced_s >= ADVANCE_S:
                advanced_s = happened.at_s
                self.oracle.advance(log_time(advanced_s))
            if isinstance(happened, Act):
                record = event_record(self._event(happened, next(offsets)))
                key, value = record.key, record.value
            else:
                exposure = self._serve(happened)
                if exposure is None:
                    continue
                key, value = exposure
            self.oracle.apply([InputRecord(key, value, Position(log_time(happened.at_s), 0, next(offsets)))])
        return self.simulation.scoreboard.figures()

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
            world=WORLD,
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
        served = Served(
            template=occasion.template,
            user=occasion.user,
            at_ms=log_time(occasion.at_s),
            release=decision.release,
            locale=decision.locale,
            decision=decision.id,
            reason="",
            candidate=candidate,
            propensity=probabilities[candidate],
            probabilities=probabilities,
            variants={},
            body=b"",
            marks={},
        )
        row = exposure_row(self.release.workspace, occasion.send_id, served, decision, WORLD)
        return row.key, row.value


def log_time(at_s: float) -> int:
    """When in the log something happens."""
    return START_MS + int(at_s * 1000)


def is_personal(decision: Decision) -> bool:
    """Whether the person's own events count in it: some affinity, or something learnt."""
    return any(any(slot.features) for slot in decision.slots)
