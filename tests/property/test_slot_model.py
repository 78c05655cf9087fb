"""A model that is stored and read back goes on exactly as the one that was not."""

from hypothesis import given
from hypothesis import strategies as st

from online_models.slot_model import EMPTY, FEATURES_MAX, WEIGHT_MAX, SlotModel, UserModels
from schemas.codec import decode, encode
from schemas.ids import SlotName, TemplateName
from schemas.library import LearningSettings
from tests.support.examples import quick

NEWS, IMAGE = TemplateName("newsletter"), SlotName("image")

_Example = tuple[dict[str, float], bool, float, bool]
features = st.dictionaries(st.sampled_from([f"tag:{n}" for n in range(100)]), st.floats(-3, 3), max_size=30)
wild = st.dictionaries(st.sampled_from("abc"), st.floats(allow_nan=True, allow_infinity=True), max_size=3)
examples = st.lists(st.tuples(st.one_of(features, wild), st.booleans(), st.floats(-8, 8), st.booleans()), max_size=25)
learning = st.builds(LearningSettings, rate=st.floats(0.001, 1), shrinkage=st.floats(0, 0.5))


@given(examples=examples, rules=learning)
@quick
def test_round_trips_at_any_points_change_nothing(examples: list[_Example], rules: LearningSettings) -> None:
    living, stored = SlotModel.of(EMPTY, rules), UserModels()
    stored.put(NEWS, IMAGE, SlotModel.of(EMPTY, rules))
    between = stored.model_of(NEWS, IMAGE, rules)
    for x, clicked, prior_logit, round_trip in examples:
        living.learn(x, clicked, prior_logit)
        between.learn(x, clicked, prior_logit)
        if round_trip:
            stored.put(NEWS, IMAGE, between)
            stored = decode(UserModels, encode(stored))
            between = stored.model_of(NEWS, IMAGE, rules)
    stored.put(NEWS, IMAGE, between)
    unstored = UserModels()
    unstored.put(NEWS, IMAGE, living)
    assert encode(stored) == encode(unstored)
    assert encode(decode(UserModels, encode(stored))) == encode(stored)


@given(examples=examples, rules=learning)
@quick
def test_a_model_stays_within_its_bounds_whatever_comes(examples: list[_Example], rules: LearningSettings) -> None:
    model = SlotModel.of(EMPTY, rules)
    for x, clicked, prior_logit, _ in examples:
        model.learn(x, clicked, prior_logit)
        weights = model.weights().by_name()
        assert len(weights) <= FEATURES_MAX
        assert all(abs(weight) <= WEIGHT_MAX for weight in weights.values())
        assert list(weights) == sorted(weights)
    assert model.experience + model.resets <= len(examples)
