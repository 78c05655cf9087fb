"""The population learner: what is learnt is stored at once or with what is pending, and published every so often."""

import struct

import pytest
from msgspec.structs import replace

from flink_jobs.cells import PENDING, POPULATION
from flink_jobs.population.step import FOLD_EVERY, FOLD_WITHIN_MS, PopulationStep
from flink_jobs.records import InputRecord, Outcome, PlainCells
from online_models.population import SLOTS_MAX, Pending, Population, PopulationCell
from online_models.scoring import Scorers
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation, SlotTable
from online_models.trained import NOTHING_TRAINED
from schemas.codec import decode, encode
from schemas.decisions import ASSESSED
from schemas.errors import SchemaError
from schemas.examples import Example, RewardKind
from schemas.ids import Locale, SendId, SlotName, Tag, TemplateName, UserId, VariantId, WorkspaceId
from schemas.library import LearningSettings, Variant, WorkspaceSettings
from schemas.models import SNAPSHOT_BYTES_MAX, ModelSnapshot
from schemas.topics import MODELS
from schemas.versions import Position

SHOP = WorkspaceId("shop")


def settings(every: int = 1000) -> WorkspaceSettings:
    return WorkspaceSettings(Locale("en"), "UTC", learning=LearningSettings(snapshot_every=every))


def example(number: int, variant: str = "jazz", kind: RewardKind = RewardKind.CLICK, slot: str = "hero") -> Example:
    return Example(
        workspace=SHOP,
        user=UserId(f"u{number}"),
        send_id=SendId(f"s{number}"),
        template=TemplateName("news"),
        at_ms=number,
        ended_ms=number,
        slots=(SlotName(slot),),
        variants=(VariantId(variant),),
        affinities=(0.0,),
        vector=b"",
        propensity=0.5,
        kind=kind,
        reward=float(kind is RewardKind.CLICK),
        tags=((Tag(variant),),),
        assessed=struct.pack(f"<{len(ASSESSED)}f", -3.0, 0.0, 0.0, 0.0, -3.0, 1.0, 0.0, 0.0),
    )


class Learner:
    def __init__(self, cells: PlainCells | None = None, every: int = 1000, incarnation: str = "a") -> None:
        self.cells = PlainCells() if cells is None else cells
        self._step = PopulationStep(lambda *_: settings(every), incarnation)

    def learn(self, one: Example) -> Outcome:
        return self._step.on_record(self.cells, InputRecord(b"shop|u|s", encode(one), Position(0, 0, 0)))

    def wake(self, at_ms: int) -> Outcome:
        return self._step.on_deadline(self.cells, SHOP, at_ms)


def snapshot_of(outcome: Outcome) -> ModelSnapshot:
    (output,) = outcome.outputs
    assert output.topic == MODELS.name
    return decode(ModelSnapshot, output.value or b"")


def test_every_so_many_examples_make_a_snapshot() -> None:
    learner = Learner(every=3)
    outcomes = [learner.learn(example(number)) for number in range(7)]
    assert [len(outcome.outputs) for outcome in outcomes] == [0, 0, 1, 0, 0, 1, 0]
    snapshot = snapshot_of(outcomes[5])
    assert (snapshot.number, snapshot.workspace, [*snapshot.slots]) == (6, SHOP, ["news/hero"])
    assert snapshot.slots["news/hero"].examples == 6


def test_what_was_learnt_survives_a_restart_wherever_it_comes() -> None:
    whole = Learner(every=1)
    examples = [example(n, "jazz" if n % 3 else "folk", [RewardKind.CLICK, RewardKind.NONE][n % 2]) for n in range(90)]
    expected = [whole.learn(one).outputs[0].value for one in examples]
    for restart in (1, FOLD_EVERY - 1, FOLD_EVERY, FOLD_EVERY + 1, 70):
        before = Learner(every=1)
        for one in examples[:restart]:
            before.learn(one)
        after = Learner(before.cells, every=1)
        assert [after.learn(one).outputs[0].value for one in examples[restart:]] == expected[restart:]


def test_the_whole_is_stored_now_and_then_and_examples_until_then() -> None:
    learner = Learner()
    for number in range(FOLD_EVERY - 1):
        learner.learn(example(number))
    assert POPULATION.name not in learner.cells.stored
    assert PENDING.name in learner.cells.stored
    learner.learn(example(FOLD_EVERY))
    assert PENDING.name not in learner.cells.stored
    assert decode(PopulationCell, learner.cells.stored[POPULATION.name]).number == FOLD_EVERY


def test_where_nothing_more_comes_nothing_of_a_person_stays() -> None:
    learner = Learner()
    due_ms = 5 + FOLD_WITHIN_MS
    outcomes = [learner.learn(example(number)) for number in (5, 9, 12)]
    assert [(one.woken_at_ms, one.wake_at_ms) for one in outcomes] == [(0, due_ms), (due_ms, due_ms), (due_ms, due_ms)]
    early = learner.wake(due_ms - 1)
    assert (early.woken_at_ms, early.wake_at_ms) == (due_ms, due_ms)
    assert b"u9" in learner.cells.stored[PENDING.name]
    outcome = learner.wake(due_ms)
    assert (outcome.outputs, outcome.woken_at_ms, outcome.wake_at_ms) == ([], due_ms, 0)
    assert [*learner.cells.stored] == [POPULATION.name]
    assert not [user for user in (b"u5", b"u9", b"u12") if user in learner.cells.stored[POPULATION.name]]
    assert learner.wake(2 * due_ms) == Outcome()
    assert learner.learn(example(70_000)).wake_at_ms == 70_000 + FOLD_WITHIN_MS


def test_full_before_its_time_it_is_folded_and_nobody_is_woken() -> None:
    learner = Learner()
    outcomes = [learner.learn(example(number)) for number in range(FOLD_EVERY)]
    assert (outcomes[-1].woken_at_ms, outcomes[-1].wake_at_ms) == (FOLD_WITHIN_MS, 0)


def test_what_is_learnt_is_the_same_whenever_it_is_folded_and_wherever_a_restart_comes() -> None:
    whole = Learner(every=1)
    examples = [example(n, "jazz" if n % 3 else "folk", [RewardKind.CLICK, RewardKind.NONE][n % 2]) for n in range(50)]
    expected = [whole.learn(one).outputs[0].value for one in examples]
    for fold in (1, 7, 31, 40):
        for is_restarted_first in (True, False):
            before = Learner(every=1)
            for one in examples[:fold]:
                before.learn(one)
            if is_restarted_first:
                before = Learner(before.cells, every=1)
            before.wake(10 * FOLD_WITHIN_MS)
            assert PENDING.name not in before.cells.stored
            again = Learner(PlainCells(dict(before.cells.stored)), every=1)
            for after in (before, again):
                assert [after.learn(one).outputs[0].value for one in examples[fold:]] == expected[fold:]


def test_what_an_older_version_left_pending_is_folded_with_the_next() -> None:
    cells = PlainCells({PENDING.name: encode(Pending([encode(example(1))]))})
    learner = Learner(cells)
    assert learner.learn(example(3)).wake_at_ms == 3 + FOLD_WITHIN_MS
    learner.wake(3 + FOLD_WITHIN_MS)
    assert decode(PopulationCell, cells.stored[POPULATION.name]).number == 2
    assert PENDING.name not in cells.stored


def test_two_operators_never_write_one_key() -> None:
    keys = [Learner(every=1, incarnation=name).learn(example(1)).outputs[0].key for name in ("a", "b")]
    assert keys == [b"shop|1-a", b"shop|1-b"]


def test_what_never_arrived_teaches_nothing() -> None:
    learner = Learner(every=1)
    learner.learn(example(1))
    before = snapshot_of(learner.learn(example(2)))
    after = snapshot_of(learner.learn(example(3, kind=RewardKind.BOUNCE)))
    assert (after.number, after.slots) == (3, before.slots)


def test_what_is_no_example_is_refused_and_leaves_nothing() -> None:
    step, cells = PopulationStep(lambda *_: settings(), "a"), PlainCells()
    for value in (b"", b"\x07", b"\x02garbage", encode(ModelSnapshot(SHOP, 1, {}))):
        with pytest.raises(SchemaError, match="expected an example"):
            step.on_record(cells, InputRecord(b"shop|u|s", value, Position(0, 0, 0)))
    assert not cells.stored


def test_many_slots_stay_within_a_snapshot() -> None:
    population = Population.of(PopulationCell())
    for number in range(4 * SLOTS_MAX):
        population.learn(example(number, f"v{number}", slot=f"slot{number % (SLOTS_MAX + 10)}"), settings())
    snapshot = population.snapshot(SHOP)
    assert len(snapshot.slots) == SLOTS_MAX
    assert len(encode(snapshot)) <= SNAPSHOT_BYTES_MAX


def test_an_example_of_before_anything_was_assessed_teaches_the_prior_alone() -> None:
    learner = Learner(every=1)
    told = snapshot_of(learner.learn(replace(example(1), assessed=b"", tags=())))
    assert told.slots["news/hero"].learnt


def test_what_is_clicked_more_is_scored_higher() -> None:
    population = Population.of(PopulationCell())
    for number in range(400):
        kind = RewardKind.CLICK if number % 10 == 0 or (number % 2 and number % 3 == 0) else RewardKind.NONE
        population.learn(example(number, "jazz" if number % 2 else "folk", kind), settings())
    snapshot = population.snapshot(SHOP)
    variants = [Variant(VariantId(name), (Tag(name),), {}) for name in ("jazz", "folk", "new")]
    table = SlotTable(TemplateName("news"), SlotName("hero"), variants)
    scorer = Scorers(snapshot, NOTHING_TRAINED, LearningSettings()).of(table)
    scores = scorer.score(Person({}, Situation(), UserModels(), b"", 0))
    jazz, folk, new = scores.scores
    assert jazz > new > folk
    assert scores.uncertainties[2] > scores.uncertainties[0]


def told(number: int, at_ms: int, ended_ms: int, *, clicked: bool) -> Example:
    kind = RewardKind.CLICK if clicked else RewardKind.NONE
    return replace(example(number, kind=kind), at_ms=at_ms, ended_ms=ended_ms)


def test_on_drift_all_is_doubted_once_and_what_was_decided_before_is_no_news() -> None:
    population = Population.of(PopulationCell())
    for number in range(300):
        population.learn(told(number, number, 1_000 + number, clicked=number % 20 == 0), settings())
    assert population.snapshot(SHOP).slots["news/hero"].drifts == 0
    # All of these were decided before anything was seen to have drifted, and end together.
    for number in range(2_000):
        population.learn(told(number, 400, 5_000, clicked=number % 2 == 0), settings())
    assert population.snapshot(SHOP).slots["news/hero"].drifts == 1
    for number in range(2_000):
        population.learn(told(number, 6_000, 6_001, clicked=number % 20 == 0), settings())
    assert population.snapshot(SHOP).slots["news/hero"].drifts == 2
    again = Population.of(decode(PopulationCell, encode(population.packed())))
    assert again.snapshot(SHOP) == population.snapshot(SHOP)
    # Restored, it still knows what is no news.
    for one in (population, again):
        for number in range(2_000):
            one.learn(told(number, 400, 7_000, clicked=number % 2 == 0), settings())
    assert again.snapshot(SHOP) == population.snapshot(SHOP)
    assert again.snapshot(SHOP).slots["news/hero"].drifts == 2
