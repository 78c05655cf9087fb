"""A user's own model of one slot: offsets that start at nothing and grow with what he does."""

import itertools
import math
import struct

import pytest
from river import linear_model
from river.utils import VectorDict

from online_models.adaptive import AdaptiveLogit, AdaptiveRates
from online_models.slot_model import (
    EMPTY,
    FEATURES_MAX,
    OWN,
    OWN_DOUBT,
    RECENT,
    RECENT_KEPT,
    RECENT_SHARE,
    SLOTS_MAX,
    WEIGHT_MAX,
    SlotModel,
    SlotWeights,
    UserModels,
)
from schemas.codec import decode, encode
from schemas.errors import StateCorrupt, StateVersionError
from schemas.ids import SlotName, TemplateName
from schemas.library import LearningSettings

SETTINGS = LearningSettings(rate=0.5, shrinkage=0.002)
NEWS = TemplateName("newsletter")
A, B, C = 11, 22, 33


def untaught(settings: LearningSettings = SETTINGS) -> SlotModel:
    return SlotModel.of(EMPTY, settings)


def sigma(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def float32(number: float) -> float:
    (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    return float(rounded)


def test_an_unknown_user_adds_nothing_to_the_prior() -> None:
    model = untaught()
    assert model.offset([(A, 0.8), (B, 1.0)]) == 0.0
    assert model.variance([(A, 2.0), (B, 1.0)]) == pytest.approx(0.5 * 5)
    assert (model.experience, model.resets) == (0, 0)


def test_one_example_is_one_newton_step_from_the_prior_on() -> None:
    model = untaught()
    model.learn({A: 2.0}, target=1.0, base=-1.0)
    chance = sigma(-1.0)
    curvature = chance * (1 - chance)
    recent = RECENT_SHARE * 0.5
    scale = 1 / (1 + curvature * (0.5 * 4 + 0.5 + recent))
    assert model.weight(A) == float32(0.5 * 2.0 * scale * (1 - chance))
    assert model.weight(OWN) == pytest.approx(0.5 * scale * (1 - chance))
    assert model.weight(RECENT) == pytest.approx(RECENT_KEPT * recent * scale * (1 - chance))
    assert model.variance([(A, 1.0)]) == pytest.approx(0.5 - (0.5 * 2.0) ** 2 * curvature * scale, rel=1e-3)


def test_it_learns_as_rivers_logistic_regression_does_with_these_rates() -> None:
    """River's own learning, with its optimizer's rates worked out beside it."""
    weights, variances = {A: 0.0, B: 0.0}, {A: 0.5, B: 0.5}
    own, its = AdaptiveLogit(weights, variances, -0.7), {A: 0.5, B: 0.5}
    river = linear_model.LogisticRegression(optimizer=AdaptiveRates(its), intercept_init=-0.7, intercept_lr=0.0)
    river._weights = VectorDict({A: 0.0, B: 0.0})
    for n in range(200):
        x, clicked = {A: n % 3 / 2, B: n % 5 / 4}, n % 7 < 3
        rates: AdaptiveRates = river.optimizer
        rates.expect(x, river.predict_proba_one(x)[True])  # type: ignore[no-untyped-call]
        river.learn_one(x, clicked)
        own.learn_one(x, float(clicked))
    assert own.weights == pytest.approx(river.weights, abs=1e-9)
    assert variances == pytest.approx(its)


def test_the_prior_of_one_example_leaves_no_trace_in_the_next() -> None:
    one, other = untaught(), untaught()
    one.learn({A: 1.0}, target=1.0, base=50.0)
    other.learn({A: 1.0}, target=0.0, base=-50.0)
    for model in (one, other):
        model.learn({B: 1.0}, target=1.0, base=0.0)
    assert one.weight(B) == pytest.approx(other.weight(B), abs=1e-6)


def test_rates_fall_with_what_was_seen() -> None:
    model = untaught(LearningSettings(rate=0.5, shrinkage=0.0))
    steps, before = [], 0.0
    for _ in range(30):
        model.learn({A: 1.0}, target=1.0, base=-model.offset([(A, 1.0)]))
        steps.append(model.weight(A) - before)
        before = model.weight(A)
    assert all(later < sooner for sooner, later in itertools.pairwise(steps))
    assert model.variance([(A, 1.0)]) < 0.5 < model.variance([(B, 1.0), (C, 1.0)])


def test_what_was_learnt_is_doubted_again() -> None:
    def variance_after_1000(shrinkage: float) -> float:
        model = untaught(LearningSettings(rate=0.5, shrinkage=shrinkage))
        for n in range(1000):
            model.learn({A: 1.0}, target=float(n % 2), base=0.0)
        return model.variance([(A, 1.0)])

    free, little, much = map(variance_after_1000, (0.0, 0.002, 0.2))
    assert free < little < much < 0.5


def test_only_the_features_of_an_example_are_doubted() -> None:
    model = untaught(LearningSettings(rate=0.5, shrinkage=0.5))
    for _ in range(5):
        model.learn({A: 1.0, B: 1.0}, target=1.0, base=0.0)
    before = model.variance([(B, 1.0)])
    # A base so sure of what comes that nothing is left to learn.
    model.learn({A: 1.0}, target=1.0, base=60.0)
    assert model.variance([(B, 1.0)]) == before
    assert model.variance([(A, 1.0)]) > before
    assert OWN_DOUBT < 0.5


def test_what_was_recent_is_soon_forgotten() -> None:
    model = untaught()
    for _ in range(5):
        model.learn({A: 1.0}, target=1.0, base=0.0)
    recent = model.weight(RECENT)
    for _ in range(10):
        model.learn({A: 0.0}, target=1.0, base=60.0)
    assert model.weight(RECENT) == pytest.approx(recent * RECENT_KEPT**10, rel=0.01)


def test_a_grade_teaches_between_yes_and_no() -> None:
    weights = []
    for target in (0.0, 0.25, 0.5, 0.75, 1.0):
        model = untaught()
        model.learn({A: 1.0}, target=target, base=0.0)
        weights.append(model.weight(A))
    assert weights == sorted(weights)
    assert weights[2] == 0.0
    assert weights[1] == pytest.approx(-weights[3])


def test_an_experienced_user_overrules_the_prior() -> None:
    model = untaught()
    for _ in range(100):
        model.learn({A: 1.0}, target=1.0, base=-2.0)
        model.learn({B: 1.0}, target=0.0, base=-2.0)
    assert sigma(-2.0 + model.offset([(A, 1.0)])) > 0.5
    assert sigma(-2.0 + model.offset([(B, 1.0)])) < sigma(-2.0)


def test_a_taste_that_turns_is_learnt_anew() -> None:
    model = untaught()
    for _ in range(50):
        model.learn({A: 1.0}, target=1.0, base=0.0)
        model.learn({B: 1.0}, target=0.0, base=0.0)
    turned = 0
    while model.offset([(A, 1.0)]) >= model.offset([(B, 1.0)]):
        model.learn({A: 1.0}, target=0.0, base=0.0)
        model.learn({B: 1.0}, target=1.0, base=0.0)
        turned += 1
        assert turned < 60


@pytest.mark.parametrize("target", [1.0, 0.0])
def test_the_same_answer_for_ever_stays_bounded(target: float) -> None:
    model = untaught(LearningSettings(rate=5.0, shrinkage=0.0))
    for _ in range(3_000):
        model.learn({A: 1.0, B: -1.0}, target, base=0.0)
    assert model.resets == 0
    assert 2 < abs(model.offset([(A, 1.0), (B, -1.0)])) < WEIGHT_MAX


def test_at_most_so_many_features_are_kept_and_the_least_learnt_leave() -> None:
    model = untaught()
    for n in range(FEATURES_MAX + 10):
        for _ in range(1 if n % 7 else 5):
            model.learn({1000 + n: 1.0}, target=1.0, base=-model.offset(()))
    assert len(model.stored().packed) == 10 * FEATURES_MAX
    assert model.weight(OWN) != 0.0
    assert all(model.weight(1000 + n) for n in range(0, FEATURES_MAX + 10, 7))


def test_of_equally_learnt_features_the_first_hashes_stay() -> None:
    model = untaught()
    model.learn(dict.fromkeys(reversed(range(FEATURES_MAX + 2)), 1.0), target=1.0, base=0.0)
    assert [n for n in range(FEATURES_MAX + 2) if model.weight(n)] == list(range(FEATURES_MAX - 2))


@pytest.mark.parametrize(
    ("x", "base"),
    [({A: math.nan}, 0.0), ({A: math.inf}, 0.0), ({A: 1.0}, math.nan), ({A: 1e300}, 0.0), ({A: 1e-3}, math.nan)],
    ids=["nan", "infinite", "nan prior", "beyond float32", "small with nan prior"],
)
def test_a_model_that_ran_away_starts_again_from_the_prior_and_is_counted(x: dict[int, float], base: float) -> None:
    model = untaught()
    model.learn({B: 1.0}, target=1.0, base=0.0)
    model.learn(x, target=1.0, base=base)
    assert model.stored() == SlotWeights(resets=1)
    model.learn({B: 1.0}, target=1.0, base=0.0)
    assert model.weight(B) > 0.0
    assert (model.experience, model.resets) == (1, 1)


def test_a_weight_beyond_the_bound_empties_the_model() -> None:
    model = untaught(LearningSettings(rate=10.0))
    for _ in range(20):
        model.learn({A: 5.0}, target=1.0, base=-1e6)
    assert model.resets > 0


@pytest.mark.parametrize("base", [math.inf, -math.inf, 1e308])
def test_an_endless_prior_is_only_a_sure_one(base: float) -> None:
    model = untaught()
    model.learn({A: 1.0}, target=float(base < 0), base=base)
    assert abs(model.weight(A)) == pytest.approx(0.5)
    assert model.resets == 0


def test_an_example_without_features_teaches_how_this_person_answers() -> None:
    model = untaught()
    model.learn({}, target=1.0, base=0.0)
    assert model.offset(()) > 0.0
    assert model.variance(()) == 0.0
    assert model.experience == 1


def test_the_order_of_features_in_an_example_makes_no_difference_but_by_rounding() -> None:
    one, other = untaught(), untaught()
    for n in range(30):
        x = {B: n * 0.1, A: 0.3, C: -n * 0.07}
        one.learn(x, n % 2, -0.3)
        other.learn(dict(reversed(x.items())), n % 2, -0.3)
    assert one.weight(A) == pytest.approx(other.weight(A), abs=1e-5)


def test_weights_that_do_not_match_their_names_stop_the_job() -> None:
    with pytest.raises(StateCorrupt, match="expected 2 weights of 4 bytes, got 4 bytes"):
        SlotModel.of(SlotWeights(names=("a", "b"), weights=b"\0\0\0\0"), SETTINGS)
    with pytest.raises(StateCorrupt, match="expected features of 10 bytes, got 11 bytes"):
        SlotModel.of(SlotWeights(packed=b"\0" * 11), SETTINGS)


def test_a_user_has_a_model_for_each_slot_of_each_template() -> None:
    models = UserModels()
    model = models.model_of(NEWS, SlotName("image"), SETTINGS)
    model.learn({A: 1.0}, target=1.0, base=0.0)
    models.put(NEWS, SlotName("image"), model)
    assert models.experience_of(NEWS, SlotName("image")) == 1
    assert models.model_of(NEWS, SlotName("image"), SETTINGS).experience == 1
    assert models.model_of(NEWS, SlotName("offer"), SETTINGS).experience == 0
    assert models.experience_of(TemplateName("cart"), SlotName("image")) == 0


def test_beyond_so_many_slots_the_one_that_learnt_longest_ago_leaves() -> None:
    models = UserModels()
    for n in range(SLOTS_MAX):
        models.put(NEWS, SlotName(f"slot{n}"), untaught())
    models.put(NEWS, SlotName("slot0"), untaught())
    models.put(NEWS, SlotName("one too many"), untaught())
    assert len(models.slots) == SLOTS_MAX
    assert "newsletter/slot0" in models.slots
    assert "newsletter/slot1" not in models.slots


def test_a_full_model_takes_half_a_kilobyte() -> None:
    models, model = UserModels(), untaught()
    model.learn(dict.fromkeys(range(FEATURES_MAX), 1.0), target=1.0, base=0.0)
    for n in range(3):
        models.put(NEWS, SlotName(f"slot{n}"), model)
    assert len(encode(models)) < 3 * 520


def test_bytes_of_a_newer_version_and_bytes_of_nothing_are_refused() -> None:
    packed = encode(UserModels())
    with pytest.raises(StateVersionError, match="UserModels version 3 or older, got 4"):
        decode(UserModels, b"\x04" + packed[1:])
    with pytest.raises(StateCorrupt):
        decode(UserModels, packed[:1] + b"\xc1")
