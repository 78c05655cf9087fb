"""A user's own model of one slot: offsets that start at nothing and grow with what he does."""

import math
import struct

import pytest
from river import linear_model, optim

from online_models.slot_model import (
    EMPTY,
    FEATURES_MAX,
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

SETTINGS = LearningSettings(rate=0.1, shrinkage=0.01)
NEWS = TemplateName("newsletter")


def untaught(settings: LearningSettings = SETTINGS) -> SlotModel:
    return SlotModel.of(EMPTY, settings)


def float32(number: float) -> float:
    (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    return float(rounded)


def sigma(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def test_an_unknown_user_adds_nothing_to_the_prior() -> None:
    model = untaught()
    assert model.offset({"affinity": 0.8, "variant:red": 1.0}) == 0.0
    assert (model.experience, model.resets) == (0, 0)


def test_one_example_is_one_step_against_the_gradient_from_the_prior_on() -> None:
    model = untaught()
    model.learn({"a": 2.0}, clicked=True, prior_logit=-1.0)
    first = float32(-0.1 * (sigma(-1.0) - 1) * 2.0)
    assert model.weights().by_name() == {"a": first}
    # The second step starts from prior plus offset, and shrinks the weight before it.
    model.learn({"a": 2.0}, clicked=False, prior_logit=-1.0)
    second = first - 0.1 * (sigma(2.0 * first - 1.0) * 2.0 + 0.01 * first)
    assert model.weights().by_name() == {"a": pytest.approx(second, abs=1e-7)}
    assert model.experience == 2


def test_it_learns_what_rivers_own_logistic_regression_learns_on_an_intercept_of_the_prior() -> None:
    river = linear_model.LogisticRegression(optimizer=optim.SGD(0.1), l2=0.01, intercept_init=-0.7, intercept_lr=0.0)
    model = untaught()
    for n in range(200):
        x, clicked = {"a": n % 3 / 2, "b": n % 5 / 4}, n % 7 < 3
        model.learn(x, clicked, prior_logit=-0.7)
        river.learn_one(x, clicked)
    x = {"a": 0.3, "b": 0.9}
    expected = river.predict_proba_one(x)  # type: ignore[no-untyped-call]
    assert sigma(-0.7 + model.offset(x)) == pytest.approx(expected[True], abs=1e-5)


def test_the_prior_of_one_example_leaves_no_trace_in_the_next() -> None:
    model = untaught()
    model.learn({"a": 0.0}, clicked=True, prior_logit=5.0)
    model.learn({"a": 1.0}, clicked=True, prior_logit=0.0)
    assert model.offset({"a": 1.0}) == pytest.approx(0.05)


def test_shrinkage_touches_only_the_features_of_the_example() -> None:
    model = untaught(LearningSettings(rate=0.1, shrinkage=1.0))
    model.learn({"a": 1.0, "b": 1.0}, clicked=True, prior_logit=0.0)
    before = model.weights().by_name()
    # A prior so sure of the click that the loss has no gradient left: only shrinkage moves.
    model.learn({"a": 1.0}, clicked=True, prior_logit=60.0)
    after = model.weights().by_name()
    assert after["b"] == before["b"]
    assert after["a"] == pytest.approx(0.9 * before["a"])


def test_shrinkage_pulls_to_the_prior() -> None:
    def weight_after_50_clicks(shrinkage: float) -> float:
        model = untaught(LearningSettings(rate=0.1, shrinkage=shrinkage))
        for _ in range(50):
            model.learn({"a": 1.0}, clicked=True, prior_logit=0.0)
        return model.offset({"a": 1.0})

    free, little, much = map(weight_after_50_clicks, (0.0, 0.1, 1.0))
    assert free > little > much > 0


def test_an_experienced_user_overrules_the_prior() -> None:
    model = untaught()
    for _ in range(300):
        model.learn({"sport": 1.0}, clicked=True, prior_logit=-2.0)
        model.learn({"fashion": 1.0}, clicked=False, prior_logit=-2.0)
    assert sigma(-2.0 + model.offset({"sport": 1.0})) > 0.5
    assert sigma(-2.0 + model.offset({"fashion": 1.0})) < sigma(-2.0)


@pytest.mark.parametrize("clicked", [True, False])
def test_the_same_answer_for_ever_stays_bounded(clicked: bool) -> None:
    model = untaught(LearningSettings(rate=1.0, shrinkage=0.0))
    for _ in range(5_000):
        model.learn({"a": 1.0, "b": -1.0}, clicked, prior_logit=0.0)
    assert model.resets == 0
    assert 2 < abs(model.offset({"a": 1.0})) < WEIGHT_MAX


def test_at_most_so_many_features_are_kept_and_the_smallest_leave() -> None:
    model = untaught()
    x = {f"f{n:03}": (-1) ** n * (n + 1) / 100 for n in range(FEATURES_MAX + 3)}
    model.learn(x, clicked=True, prior_logit=0.0)
    kept = model.weights().names
    assert len(kept) == FEATURES_MAX
    assert kept == tuple(f"f{n:03}" for n in range(3, FEATURES_MAX + 3))


def test_of_equally_small_features_the_first_names_stay() -> None:
    model = untaught()
    model.learn({f"f{n:03}": 1.0 for n in reversed(range(FEATURES_MAX + 2))}, clicked=True, prior_logit=0.0)
    assert model.weights().names == tuple(f"f{n:03}" for n in range(FEATURES_MAX))


@pytest.mark.parametrize(
    ("x", "prior_logit"),
    [
        ({"a": math.nan}, 0.0),
        ({"a": math.inf}, 0.0),
        ({"a": 1.0}, math.nan),
        ({"a": 1e300}, 0.0),
        ({"a": 500.0}, 0.0),
        ({"a": -500.0}, 0.0),
    ],
    ids=["nan", "infinite", "nan prior", "beyond float32", "beyond the bound", "beyond it below"],
)
def test_a_model_that_ran_away_starts_again_from_the_prior_and_is_counted(
    x: dict[str, float], prior_logit: float
) -> None:
    model = untaught()
    model.learn({"b": 1.0}, clicked=True, prior_logit=0.0)
    model.learn(x, clicked=True, prior_logit=prior_logit)
    assert model.weights() == SlotWeights(resets=1)
    model.learn({"b": 1.0}, clicked=True, prior_logit=0.0)
    assert model.offset({"b": 1.0}) == pytest.approx(0.05)
    assert (model.experience, model.resets) == (1, 1)


@pytest.mark.parametrize("prior_logit", [math.inf, -math.inf, 1e308])
def test_an_endless_prior_is_only_a_sure_one(prior_logit: float) -> None:
    model = untaught()
    model.learn({"a": 1.0}, clicked=prior_logit < 0, prior_logit=prior_logit)
    assert abs(model.offset({"a": 1.0})) == pytest.approx(0.1)
    assert model.resets == 0


def test_an_example_without_features_is_only_counted() -> None:
    model = untaught()
    model.learn({}, clicked=True, prior_logit=0.0)
    assert model.weights() == SlotWeights(examples=1)


def test_the_order_of_features_in_an_example_makes_no_difference() -> None:
    one, other = untaught(), untaught()
    for n in range(30):
        x = {"b": n * 0.1, "a": 0.3, "c": -n * 0.07}
        one.learn(x, n % 2 == 0, -0.3)
        other.learn(dict(reversed(x.items())), n % 2 == 0, -0.3)
    assert one.weights() == other.weights()


def test_weights_that_do_not_match_their_names_stop_the_job() -> None:
    with pytest.raises(StateCorrupt, match="expected 2 weights of 4 bytes, got 4 bytes"):
        SlotModel.of(SlotWeights(names=("a", "b"), weights=b"\0\0\0\0"), SETTINGS)


def test_a_user_has_a_model_for_each_slot_of_each_template() -> None:
    models = UserModels()
    model = models.model_of(NEWS, SlotName("image"), SETTINGS)
    model.learn({"a": 1.0}, clicked=True, prior_logit=0.0)
    models.put(NEWS, SlotName("image"), model)
    assert models.model_of(NEWS, SlotName("image"), SETTINGS).experience == 1
    assert models.model_of(NEWS, SlotName("offer"), SETTINGS).experience == 0
    assert models.model_of(TemplateName("cart"), SlotName("image"), SETTINGS).experience == 0


def test_beyond_so_many_slots_the_one_that_learnt_longest_ago_leaves() -> None:
    models = UserModels()
    for n in range(SLOTS_MAX):
        models.put(NEWS, SlotName(f"slot{n}"), untaught())
    models.put(NEWS, SlotName("slot0"), untaught())
    models.put(NEWS, SlotName("one too many"), untaught())
    assert len(models.slots) == SLOTS_MAX
    assert "newsletter/slot0" in models.slots
    assert "newsletter/slot1" not in models.slots


def test_the_largest_cell_is_small_enough_to_read_on_a_reward() -> None:
    models = UserModels()
    model = untaught()
    model.learn({f"variant:a-rather-long-name-{n:03}": 1.0 for n in range(FEATURES_MAX)}, True, 0.0)
    for n in range(SLOTS_MAX):
        models.put(NEWS, SlotName(f"slot{n}"), model)
    assert len(encode(models)) < 100_000


def test_bytes_of_a_newer_version_and_bytes_of_nothing_are_refused() -> None:
    packed = encode(UserModels())
    with pytest.raises(StateVersionError, match="UserModels version 2 or older, got 3"):
        decode(UserModels, b"\x03" + packed[1:])
    with pytest.raises(StateCorrupt):
        decode(UserModels, packed[:1] + b"\xc1")
