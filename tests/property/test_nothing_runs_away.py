"""NaN, exploding weights, labels that never change: whatever is learnt from, what scores are made of stays finite, what
ran away begins anew and is counted, and what is chosen by it is a distribution."""

import math
import struct
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from online_models.calibration import OFFSET_MAX, SLOPE_RANGE, VARIANCE, Calibration
from online_models.policies.choosing import POLICIES, policy_of
from online_models.population import Population, PopulationCell
from online_models.prior import PriorStatistics
from online_models.scoring import Scorers
from online_models.sequence.state import SequenceInput, opened, packed, step
from online_models.sequence.weights import SequenceWeights
from online_models.slot_model import EMPTY, SlotModel, UserModels
from online_models.stacking import ADDED_MAX, LEARNT_FROM, WEIGHT_MAX, Stack, StackStatistics
from online_models.terms import Person, Situation, SlotTable
from online_models.trained import Trained
from online_models.vector import situation_of
from schemas.codec import decode, encode
from schemas.decisions import ASSESSED, VECTOR_BYTES_MAX, Exposure
from schemas.examples import Example, RewardKind
from schemas.ids import DecisionId, Locale, SendId, SlotName, Tag, TemplateName, UserId, VariantId, WorkspaceId
from schemas.library import LearningSettings, PolicySettings, Variant, WorkspaceSettings
from schemas.models import ModelSnapshot, PartKind, SlotPrior
from tests.support.examples import quick
from tests.support.sequences import arrays_of, part_of

SHOP, NEWS, HERO = WorkspaceId("shop"), TemplateName("news"), SlotName("hero")
LEARNING = LearningSettings(facts=("town",), numbers=("age",), number_traits=("age",), drift=1e-4)
SETTINGS = WorkspaceSettings(Locale("en"), "UTC", learning=LEARNING)
VARIANTS = [Variant(VariantId(name), (Tag(name),), {}) for name in ("a", "b", "c")]
TABLE = SlotTable(NEWS, HERO, VARIANTS)
wild = st.floats(width=32)
shares = st.floats(0.0, 1.0, width=32)
rows = st.tuples(*[wild] * len(ASSESSED))
examples = st.lists(
    st.builds(
        lambda variant, row, near, vector, grade, kind: (variant, row, near, vector, grade, kind),
        st.sampled_from(VARIANTS),
        st.one_of(rows, st.just((-3.0, 0.5, 0.0, 0.0, -2.5, 1.0, 4.0))),
        shares,
        st.binary(max_size=VECTOR_BYTES_MAX),
        st.one_of(st.none(), shares),
        st.sampled_from([RewardKind.CLICK, RewardKind.NONE, RewardKind.BOUNCE]),
    ),
    max_size=20,
)
_Row = tuple[Variant, tuple[float, ...], float, bytes, float | None, RewardKind]


def example(one: _Row, number: int = 0) -> Example:
    variant, row, near, vector, grade, kind = one
    return Example(
        workspace=SHOP, user=UserId("u"), send_id=SendId(f"s{number}"), template=NEWS, at_ms=number, ended_ms=number,
        slots=(HERO,), variants=(variant.id,), affinities=(near,), vector=vector, propensity=0.5, kind=kind,
        reward=float(kind is RewardKind.CLICK), tags=(variant.tags,), grade=grade,
        assessed=struct.pack(f"<{len(ASSESSED)}f", *row, *(0.0,) * (len(ASSESSED) - len(row))),
    )  # fmt: skip


def assert_chosen(scores: Sequence[float], deviations: Sequence[float]) -> None:
    """What every policy makes of these is a distribution."""
    for kind in POLICIES:
        chances = policy_of(PolicySettings(kind=kind, temperature=0.3, floor=0.01)).probabilities(scores, deviations)
        assert sum(chances) == pytest.approx(1.0, abs=1e-9)
        assert min(chances) >= 0.0


def assert_sound(snapshot: ModelSnapshot, person: Person, trained: Trained | None = None) -> None:
    """A snapshot's scores are numbers, and what is chosen by them is a distribution."""
    scores = Scorers(snapshot, trained or Trained({}), LEARNING).of(TABLE).score(person)
    assert np.isfinite(scores.scores).all()
    assert np.isfinite(scores.uncertainties).all()
    assert np.isfinite(scores.weights).all()
    assert_chosen(scores.scores, scores.uncertainties)


def somebody(hidden: bytes = b"", models: UserModels | None = None, vector: bytes = b"") -> Person:
    return Person({"a": 0.7, "b": 0.3}, situation_of(vector, SETTINGS), models or UserModels(), hidden, 0, vector)


@given(examples, st.binary(max_size=VECTOR_BYTES_MAX))
@quick
def test_whatever_examples_say_what_is_published_is_sound_and_stored_as_it_lives(
    told: list[_Row], vector: bytes
) -> None:
    living = Population.of(PopulationCell())
    for number, one in enumerate(told):
        living.learn(example(one, number), SETTINGS)
        living = Population.of(decode(PopulationCell, encode(living.packed())))
    snapshot = living.snapshot(SHOP)
    snapshot.check()
    assert_sound(snapshot, somebody(vector=vector))


@pytest.mark.parametrize("kind", [RewardKind.CLICK, RewardKind.NONE])
@pytest.mark.parametrize("score", [-3.0, 25.0, -25.0])
def test_labels_that_never_change_stay_bounded(kind: RewardKind, score: float) -> None:
    population, models = Population.of(PopulationCell()), UserModels()
    for number in range(1_500):
        row = (score, 0.0, 0.5, -0.5, score, 1.0, number)
        population.learn(example((VARIANTS[number % 2], row, 0.5, b"", None, kind), number), SETTINGS)
        model = models.model_of(NEWS, HERO, LEARNING)
        model.learn({1: 1.0, 2: 0.5}, float(kind is RewardKind.CLICK), score)
        models.put(NEWS, HERO, model)
    snapshot = population.snapshot(SHOP)
    assert_sound(snapshot, somebody(models=models))
    assert abs(models.model_of(NEWS, HERO, LEARNING).offset([(1, 1.0)])) < 40.0
    assert snapshot.slots["news/hero"].examples == 1_500


@given(st.lists(st.tuples(*[wild] * 5, st.integers(0, 1 << 40), st.booleans()), max_size=30))
@quick
def test_the_stack_stays_within_its_bounds(told: list[tuple[float, float, float, float, float, int, bool]]) -> None:
    statistics = StackStatistics()
    statistics.examples = LEARNT_FROM
    for *terms, score, experience, clicked in told:
        statistics.learn(tuple(terms), score, experience, clicked)
        *weights, added = Stack.of(statistics.snapshot()).weights(experience, len(terms))
        assert all(0.0 <= weight <= WEIGHT_MAX for weight in weights)
        assert abs(added) <= ADDED_MAX


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1e9])
@pytest.mark.parametrize("what", ["mean", "variance"])
def test_a_stack_that_ran_away_begins_anew_and_is_counted(bad: float, what: str) -> None:
    statistics = StackStatistics()
    statistics.examples = LEARNT_FROM
    statistics.calibration.resets = 2
    getattr(statistics, what)[0] = bad
    with np.errstate(all="ignore"):
        statistics.learn((-3.0, 0.5, 0.0, 0.0), -2.5, 3, True)
    assert statistics.resets == 1
    assert statistics.calibration.resets == 2, "what was counted stays counted"
    assert statistics.snapshot() == StackStatistics().snapshot()


@given(st.lists(st.tuples(st.floats(), st.floats(), st.booleans()), max_size=40))
@quick
def test_a_calibration_stays_within_its_bounds(told: list[tuple[float, float, bool]]) -> None:
    calibration = Calibration()
    for score, said, clicked in told:
        calibration.learn(score, clicked=clicked, told=said)
        slope, offset = calibration.line
        assert SLOPE_RANGE[0] <= slope <= SLOPE_RANGE[1]
        assert abs(offset) <= OFFSET_MAX
        assert 0.0 < calibration.variance[0] <= VARIANCE * 1.001
        assert 0.0 < calibration.variance[2] <= VARIANCE * 1.001
    assert 0.0 <= calibration.error() <= 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e9])
def test_a_calibration_that_ran_away_begins_anew_and_is_counted(bad: float) -> None:
    for mean, variance in (((bad, 0.0), None), ((0.0, bad), None), ((0.0, 0.0), (bad, 0.0, bad))):
        calibration = Calibration()
        calibration.mean, calibration.variance = mean, variance or calibration.variance
        calibration.learn(0.5, clicked=True, told=0.5)
        assert (calibration.resets, calibration.line) == (1, (1.0, 0.0))


def test_a_prior_that_ran_away_begins_anew_and_is_counted() -> None:
    for bad in (math.nan, math.inf, 1e9):
        for place in range(2):
            statistics = PriorStatistics()
            for variant in VARIANTS:
                statistics.learn(Situation((5,), (1.0,)), variant.id, variant.tags, 0.5, 1.0, 0.0, LEARNING)
            if place:
                statistics.table.means[statistics.table.touched] = bad
            else:
                statistics.block.means[0] = bad
            with np.errstate(all="ignore"):
                statistics.learn(Situation((5,), (1.0,)), VARIANTS[2].id, VARIANTS[2].tags, 0.5, 1.0, 0.0, LEARNING)
            assert statistics.resets == 1
            assert_sound(
                ModelSnapshot(SHOP, 1, {"news/hero": SlotPrior(learnt=statistics.snapshot(9_000))}), somebody()
            )


@given(st.lists(st.tuples(st.dictionaries(st.integers(1, 5), st.floats()), st.floats(), st.floats()), max_size=10))
@quick
def test_a_persons_own_model_is_sound_or_begins_anew(told: list[tuple[dict[int, float], float, float]]) -> None:
    models = UserModels()
    for x, target, base in told:
        model = models.model_of(NEWS, HERO, LEARNING)
        before = model.experience + model.resets
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.learn(x, target, base)
        assert model.resets == SlotModel.of(model.stored(), LEARNING).resets
        assert model.experience == 0 or model.experience + model.resets == before + 1
        models.put(NEWS, HERO, model)
    assert SlotModel.of(EMPTY, LEARNING).resets == 0
    assert_sound(ModelSnapshot(SHOP, 0, {}), somebody(models=models))


@given(st.binary(max_size=120), st.sampled_from([1.0, 1e2, 2e3]))
@quick
def test_whatever_state_and_weights_the_sequence_says_a_number(stored: bytes, spread: float) -> None:
    arrays = {
        name: values * np.float32(spread) if values.dtype == np.float32 else values
        for name, values in arrays_of(tags=("a", "b")).items()
    }
    trained = Trained({PartKind.SEQUENCE: replace(part_of(arrays), workspace=SHOP)})
    assert trained.sequence is not None
    hidden = stored
    for at_ms in range(3):
        hidden = step(hidden, trained.sequence, SequenceInput(1, 2, (3,), at_ms))
        assert_sound(ModelSnapshot(SHOP, 0, {}), somebody(hidden=hidden), trained)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1e5])
def test_a_sequence_part_whose_weights_exploded_is_refused(bad: float) -> None:
    arrays = arrays_of()
    arrays["kernel"][0, 0] = bad
    trained = Trained({PartKind.SEQUENCE: part_of(arrays)})
    assert trained.sequence is None
    assert "expected kernel as finite float32 up to" in trained.refused[PartKind.SEQUENCE]


@pytest.mark.parametrize("bad", [math.nan, math.inf, 7.0])
def test_a_sequence_state_that_is_none_begins_anew_and_is_counted(bad: float) -> None:
    weights = SequenceWeights.of(part_of(arrays_of()))
    found = opened(b"", weights)
    values = np.full(weights.hidden, bad, np.float32)
    again = opened(packed(found._replace(values=values, last_ms=5), weights), weights)
    assert (again.resets, again.last_ms, bool(again.values.any())) == (1, 5, False)


@given(rows)
@quick
def test_an_exposure_that_tells_no_numbers_is_refused(row: tuple[float, ...]) -> None:
    shown = Exposure(
        SendId("s"), NEWS, DecisionId("d"), 0, 0.5, slots=(HERO,), variants=(VARIANTS[0].id,), features=(0.5,)
    )
    assessed = struct.pack(f"<{len(ASSESSED)}f", *row)
    if all(map(math.isfinite, row)):
        assert replace(shown, assessed=assessed).assessed == assessed
    else:
        with pytest.raises(ValueError, match="expected finite numbers"):
            replace(shown, assessed=assessed)
