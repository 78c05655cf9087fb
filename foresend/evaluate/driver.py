"""The job's own step, driven by logged decisions: what was shown is scored first, and learnt from afterwards.

Scores come from the very scorer that `compose` asks; exposures and outcomes go as events through `PersonalizeStep`, and
its examples through the population's step, whose snapshots make the next world. No Kafka, no Flink, nothing rendered.
"""

import math
import struct
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from connectors.mappings.model import Evaluation
from flink_jobs.cells import PROFILE, CellName
from flink_jobs.personalize.compose import person_of
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.personalize.state import UserState
from flink_jobs.population.step import PopulationStep
from flink_jobs.records import InputRecord, Outcome, OutputRecord, PlainCells
from flink_jobs.worlds import Shelf, World, no_models
from foresend.evaluate.rows import LoggedDecision
from foresend.evaluate.timeline import DAY_MS, WORKSPACE
from online_models.trained import NOTHING_TRAINED, Trained
from schemas.codec import decode
from schemas.decisions import ASSESSED, TERMS, Exposure
from schemas.errors import ConfigError
from schemas.events import OUTCOME, Event, EventKind, encode_event
from schemas.examples import Example
from schemas.ids import (
    DecisionId,
    EventId,
    Locale,
    RecordId,
    ReleaseId,
    SendId,
    SlotName,
    Tag,
    TemplateName,
    UserId,
    VariantId,
)
from schemas.keys import event_key, user_key
from schemas.library import (
    ConsentSettings,
    Layout,
    LearningSettings,
    MessageClass,
    PolicySettings,
    Release,
    Slot,
    Template,
    Variant,
    WorkspaceSettings,
)
from schemas.models import ModelPart, ModelSnapshot, PartKind
from schemas.topics import EXAMPLES
from schemas.versions import Position
from schemas.worlds import WorldRef
from templates.library import Library

TEMPLATE, SLOT = TemplateName("evaluated"), SlotName("choice")
LOCALE = Locale("en")
WORLDS_KEPT_MAX = 4
CATALOG_ITEMS = 10


class Assessed(NamedTuple):
    """How the engine saw what was shown, before it knew what came of it."""

    score: float
    terms: tuple[float, ...]
    deviation: float

    @property
    def probability(self) -> float:
        """Of the label."""
        return 1.0 / (1.0 + math.exp(-max(-700.0, min(700.0, self.score))))


class _Worlds:
    """`Worlds` of one release whose models go on."""

    def __init__(self, release: Release, without: frozenset[str]) -> None:
        self._without = without
        self._shelf = Shelf(Library(release))
        self._snapshot = no_models(WORKSPACE)
        self._parts: dict[PartKind, ModelPart] = {}
        self._trained = NOTHING_TRAINED
        self._worlds: dict[int, World] = {}
        self.ref = WorldRef(1, 0)
        self._add()

    def __call__(self, workspace: Any, ref: WorldRef) -> World:  # noqa: ARG002 - there is one
        return self._worlds.get(ref.models) or self.newest

    @property
    def newest(self) -> World:
        return self._worlds[self.ref.models]

    def take_snapshot(self, snapshot: ModelSnapshot) -> None:
        self._snapshot = snapshot
        self._add()

    def take_part(self, part: ModelPart) -> None:
        self._parts = {**self._parts, part.kind: part}
        self._trained = Trained(self._parts)
        if self._trained.refused:
            raise ConfigError([*self._trained.refused.values()])
        self._add()

    def _add(self) -> None:
        world = World(self._shelf, self._snapshot, self._trained, self._without)
        # Nothing is sent: the step learns, and composes no message.
        world.templates = ()
        self.ref = WorldRef(1, self.ref.models + 1)
        self._worlds[self.ref.models] = world
        self._worlds.pop(self.ref.models - WORLDS_KEPT_MAX, None)


class Driver:
    """Decisions and outcomes of one evaluation, through the step.

    examples  all that were learnt from, in order: what training reads
    """

    def __init__(
        self, evaluation: Evaluation, decisions: Iterable[LoggedDecision], without: frozenset[str] = frozenset()
    ) -> None:
        release = release_of(evaluation, decisions)
        self._worlds = _Worlds(release, without)
        self._settings = release.settings
        self._rows = {variant.id: row for row, variant in enumerate(release.templates[0].slots[0].variants)}
        self._step = PersonalizeStep(self._worlds)
        self._population = PopulationStep(lambda *_: release.settings, incarnation="evaluation")
        self._population_cells = PlainCells()
        self._cells: dict[UserId, dict[CellName, bytes]] = defaultdict(dict)
        self._told: dict[UserId, dict[str, str | float]] = {}
        self._offset = 0
        self.examples: list[Example] = []
        self.settings = release.settings

    def behave(self, event: Event) -> None:
        """Let the step see what a person did."""
        self._apply(event)

    def assess(self, decision: LoggedDecision) -> Assessed:
        """Score what was shown, and expose the person to it. Nothing of the decision's outcome is known here."""
        self._tell_traits(decision)
        world, row = self._worlds.newest, self._rows[decision.variant]
        cells = self._cells[decision.user]
        state = UserState(user_key(WORKSPACE, decision.user), cells.get(PROFILE.name), cells.get)
        person = person_of(state, world, decision.at_ms)
        scores = world.menu(TEMPLATE, decision.at_ms).scorers[0].score(person, (row,))
        terms = tuple(scores.terms)
        assessed = Assessed(scores.scores[0], terms, scores.uncertainties[0])
        padded = (*terms, *(0.0,) * (len(TERMS) - len(terms)))
        exposure = Exposure(
            send_id=_send_id(decision),
            template=TEMPLATE,
            decision=DecisionId(""),
            candidate=0,
            propensity=1.0,
            slots=(SLOT,),
            variants=(decision.variant,),
            features=(scores.affinities[0],),
            vector=person.vector,
            assessed=struct.pack(
                f"<{len(ASSESSED)}f", *padded, assessed.score, assessed.deviation, scores.experience, scores.top
            ),
        )
        self._apply(self._event(decision, EventKind.EXPOSURE, decision.at_ms, exposure=exposure))
        return assessed

    def tell(self, decision: LoggedDecision, label: float, rank: float | None, at_ms: int) -> None:
        """Tell the step what a decision came to."""
        told: dict[str, Any] = {"send_id": _send_id(decision), "reward": label}
        if rank is not None:
            told["grade"] = (label + rank) / 2
        self._apply(self._event(decision, EventKind.TRACK, at_ms, name=OUTCOME, properties=told))

    def take_part(self, part: ModelPart) -> None:
        """Use a trained part from now on."""
        self._worlds.take_part(part)

    def state_bytes(self) -> list[int]:
        """The bytes of all cells of each person."""
        return [sum(map(len, cells.values())) for cells in self._cells.values()]

    def _tell_traits(self, decision: LoggedDecision) -> None:
        traits: dict[str, str | float] = {**decision.facts, **decision.numbers}
        before = self._told.get(decision.user, {})
        if traits != before:
            self._told[decision.user] = traits
            gone = dict.fromkeys(before.keys() - traits.keys())
            self._apply(self._event(decision, EventKind.IDENTIFY, decision.at_ms, traits={**gone, **traits}))

    def _event(self, decision: LoggedDecision, kind: EventKind, at_ms: int, **fields: Any) -> Event:
        return Event(
            workspace=WORKSPACE,
            user=decision.user,
            record_id=RecordId(f"{decision.number}-{kind}"),
            id=EventId(f"{decision.number}-{kind}"),
            kind=kind,
            at_ms=at_ms,
            received_ms=at_ms,
            **fields,
        )

    def _apply(self, event: Event) -> None:
        event = msgspec.structs.replace(event, world=self._worlds.ref)
        self._offset += 1
        record = InputRecord(
            event_key(event.workspace, event.user, event.record_id),
            encode_event(event),
            Position(event.at_ms, 0, self._offset),
        )
        self._perform(self._step.on_record(PlainCells(self._cells[event.user]), record))

    def _perform(self, outcome: Outcome) -> None:
        for output in outcome.outputs:
            if output.topic == EXAMPLES.name:
                self._learn(output)

    def _learn(self, output: OutputRecord) -> None:
        if output.value is None:
            return
        self.examples.append(decode(Example, output.value))
        record = InputRecord(output.key, output.value, Position(0, 0, 0))
        for snapshot in self._population.on_record(self._population_cells, record).outputs:
            self._worlds.take_snapshot(decode(ModelSnapshot, snapshot.value or b""))


def _send_id(decision: LoggedDecision) -> SendId:
    return SendId(f"row-{decision.number}")


def release_of(evaluation: Evaluation, decisions: Iterable[LoggedDecision]) -> Release:
    """A release with one slot: the variants that were shown, in the order of their names."""
    tags: dict[VariantId, tuple[Tag, ...]] = {}
    for decision in decisions:
        tags.setdefault(decision.variant, decision.tags)
    variants = tuple(Variant(variant, tags[variant], {LOCALE: {"text": ""}}) for variant in sorted(tags))
    slot = Slot(SLOT, "text", variants, CATALOG_ITEMS if evaluation.is_catalog else 0)
    return Release(
        workspace=WORKSPACE,
        id=ReleaseId("evaluation"),
        settings=settings_of(evaluation),
        templates=(Template(TEMPLATE, MessageClass.MARKETING, (slot,), (), {LOCALE: "empty"}),),
        layouts={"empty": Layout("", "", LOCALE)},
        fallbacks={},
        mark_prefix="evaluation",
    )


def settings_of(evaluation: Evaluation) -> WorkspaceSettings:
    """The settings that a mapping names; outcomes are told, so no window ends before them."""
    learning: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in evaluation.settings.get("learning", {}).items()
    }
    return WorkspaceSettings(
        default_locale=LOCALE,
        timezone="UTC",
        consent=ConsentSettings(missing=True),
        policy=PolicySettings.of(evaluation.settings.get("policy", {})),
        learning=LearningSettings(
            facts=tuple(evaluation.facts),
            number_traits=tuple(evaluation.numbers),
            numbers=(*evaluation.features, *evaluation.numbers),
            attribution_ms=(evaluation.label_delay_days + 1) * DAY_MS,
            **learning,
        ),
    )
