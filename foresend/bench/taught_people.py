"""Model people with all parts of the models on: the demo's people live, are sent messages, click, and are learnt from.

What their lives came to is the state of as many users as are wanted, and what they did afterwards is what those users
do next. Nothing is rendered: messages are empty, and all that models do is done.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from msgspec.structs import replace

from connectors.cache.exposures import exposure_row
from connectors.cache.rows import Served
from connectors.kafka.event_records import event_record
from flink_jobs.cells import PROFILE, CellName
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.population.step import PopulationStep
from flink_jobs.records import InputRecord, Outcome, PlainCells
from flink_jobs.worlds import World
from foresend.simulation.closed_loop import START_MS, BlankWorlds
from foresend.simulation.simulation import Act, Occasion, Simulation
from online_models.trained import Trained
from schemas.codec import decode
from schemas.decisions import Communication, Decision
from schemas.draws import draw
from schemas.events import Event, decode_event
from schemas.examples import Example
from schemas.ids import EventId, RecordId, SendId, UserId, WorkspaceId
from schemas.keys import event_key
from schemas.library import ContentRules, Layout, LearningSettings, Release, Slot, Template
from schemas.models import ModelPart, ModelSnapshot, PartKind, Standing, checksum_of
from schemas.topics import COMMUNICATIONS, EXAMPLES
from schemas.versions import Position
from schemas.worlds import WorldRef
from templates.compiler import compile_release, with_id
from templates.workspace import SAMPLE, load_marketing
from training.examples import shown_of
from training.factors import train_collaborative
from training.histories import histories_of
from training.parameters import arrays_of, fresh
from training.vocabulary import vocabulary_of

SEED = 20_260_301
SLOTS, VARIANTS = 3, 8
DAY_S = 86_400.0
FACTS, NUMBERS = ("city",), ("events", "days_since_event", "tag_share")
END_MS = 1 << 62


def wide_release(policy: str = "") -> Release:
    """The sample workspace with one template: its slots that have the most variants.

    policy  another kind than the sample's; its temperature is 1 then
    """
    release = compile_release(load_marketing(SAMPLE))
    wide = [slot for template in release.templates for slot in template.slots if len(slot.variants) == VARIANTS]
    slots: tuple[Slot, ...] = tuple(wide[:SLOTS])
    layout = next(iter(release.layouts.values()))
    blank = {"blank": Layout("", "", layout.locale)}
    old = release.templates[-1]
    template: Template = replace(old, slots=slots, rules=ContentRules(), layouts=dict.fromkeys(old.layouts, "blank"))
    learning: LearningSettings = replace(release.settings.learning, facts=FACTS, numbers=NUMBERS)
    settings = replace(release.settings, learning=learning)
    if policy and policy != settings.policy.kind:
        settings = replace(settings, policy=replace(settings.policy, kind=policy, temperature=1.0))
    return with_id(replace(release, settings=settings, templates=(template,), layouts=blank))


class NewestWorlds(BlankWorlds):
    """Whatever world is asked for is the newest: who lives on here comes from another circle, with its own numbers."""

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:  # noqa: ARG002 - there is one
        """See `Worlds`."""
        return super().__call__(workspace, self.ref)


@dataclass
class Lives:
    """The demo's people, the job's step and the population's learner in a circle, at people's own pace.

    cells       of each person
    population  the population's cells
    records     that were applied since `records` was emptied: of each person, in their order
    examples    that were learnt from
    """

    release: Release
    people: int
    seed: int = SEED
    cells: dict[UserId, PlainCells] = field(default_factory=lambda: defaultdict(PlainCells))
    population: PlainCells = field(default_factory=PlainCells)
    records: dict[UserId, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    examples: list[Example] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.worlds = BlankWorlds(self.release)
        self._step = PersonalizeStep(self.worlds)
        self._learner = PopulationStep(lambda *_: self.release.settings, "bench")
        self._simulation = Simulation(self.release, people=self.people, seed=self.seed, day_s=DAY_S, start_ms=START_MS)
        self._newest: dict[UserId, Decision] = {}
        self._offsets = count(1)

    @property
    def world(self) -> World:
        """The newest."""
        return self.worlds(self.release.workspace, self.worlds.ref)

    def until(self, days: float) -> None:
        """Let everybody live on until so many days after the beginning."""
        for happened in self._simulation.until(days * DAY_S):
            at_ms = START_MS + int(happened.at_s * 1000)
            value = self._acted(happened, at_ms) if isinstance(happened, Act) else self._served(happened, at_ms)
            if value:
                self.apply(decode_event(value), at_ms)

    def apply(self, event: Event, at_ms: int) -> None:
        """Apply one event, and learn what it taught."""
        made = event_record(replace(event, world=self.worlds.ref))
        self.records[event.user].append(made.value)
        record = InputRecord(made.key, made.value, Position(at_ms, 0, next(self._offsets)))
        outcome = self._step.on_record(self.cells[event.user], record)
        for output in outcome.outputs:
            if output.topic == COMMUNICATIONS.name and output.value:
                decision = decode(Communication, output.value).decision
                if decision is not None:
                    self._newest[event.user] = decision
        for example in examples_of(outcome):
            self.examples.append(decode(Example, example))
            told = self._learner.on_record(self.population, record._replace(value=example))
            for snapshot in told.outputs:
                self.worlds.take(models=decode(ModelSnapshot, snapshot.value or b""))

    def serve(self, user: UserId, send_id: SendId, at_ms: int) -> bytes:
        """The gateway's exposure of a person's newest message, as it stands in the log; nothing for somebody new."""
        decision = self._newest.get(user)
        if decision is None or not decision.candidates:
            return b""
        shares = tuple([candidate.probability for candidate in decision.candidates])
        candidate = draw(shares, send_id)
        served = Served.drawn(decision, candidate, shares, at_ms)
        return exposure_row(self.release.workspace, send_id, served, decision, self.worlds.ref).value

    def _served(self, occasion: Occasion, at_ms: int) -> bytes:
        value = self.serve(occasion.user, occasion.send_id, at_ms)
        shown: dict[Any, Any] = {}
        if value:
            exposure = decode_event(value).exposure
            if exposure is not None:
                shown = dict(zip(exposure.slots, exposure.variants, strict=True))
        self._simulation.shown(occasion, shown, personal=bool(shown))
        return value

    def _acted(self, act: Act, at_ms: int) -> bytes:
        number = str(next(self._offsets))
        return event_record(
            Event(
                workspace=self.release.workspace,
                user=act.user,
                record_id=RecordId(f"r{number}"),
                id=EventId(f"e{number}"),
                kind=act.kind,
                at_ms=at_ms,
                received_ms=at_ms,
                name=act.name,
                properties=dict(act.properties),
                traits=dict(act.traits),
                context=dict(act.context),
            )
        ).value

    def train(self) -> None:
        """Use trained parts from now on.

        The collaborative one is trained. The sequence model is of the shapes and over the vocabulary that training
        would give it, with weights drawn at random: to train it takes libraries that a bench should not need, and a
        step and a score cost the same whatever the numbers are.
        """
        shop = self.release.workspace
        vocabulary = vocabulary_of(histories_of([], shown_of(self.examples), END_MS))
        chance = np.random.default_rng(self.seed)
        drawn = fresh(vocabulary, self.seed)
        drawn |= {
            name: np.asarray(0.05 * chance.standard_normal(values.shape), np.float32)
            for name, values in drawn.items()
            if name.endswith("_reward")
        }
        arrays, settings = arrays_of(drawn, vocabulary), {"lineage": 1.0, "deviation": 0.1}
        checksum = checksum_of(arrays, settings)
        sequence = ModelPart(shop, PartKind.SEQUENCE, Standing.CHAMPION, 1, 0, arrays, settings, checksum)
        collaborative = train_collaborative(self.examples, None, self.seed)
        self.worlds.take(trained=Trained({PartKind.SEQUENCE: sequence, PartKind.COLLABORATIVE: collaborative}))


def examples_of(outcome: Outcome) -> Iterator[bytes]:
    """The examples that a step wrote."""
    for output in outcome.outputs:
        if output.topic == EXAMPLES.name and output.value is not None:
            yield output.value


def sizes_of(cells: PlainCells) -> tuple[int, int]:
    """The bytes of the hot cell, and of all cells."""
    stored: dict[CellName, bytes] = cells.stored
    return len(stored.get(PROFILE.name, b"")), sum(map(len, stored.values()))


def renamed(record: bytes, user: UserId, number: int, world: WorldRef) -> tuple[bytes, bytes, int]:
    """Key, value and log time of a model person's record as if it were this user's."""
    event = decode_event(record)
    own = replace(event, user=user, world=world, record_id=RecordId(f"m{number}"), id=EventId(f"m{number}"))
    return event_key(own.workspace, user, own.record_id), event_record(own).value, own.received_ms
