"""A model that is stored and read back goes on exactly as the one that was not."""

from hypothesis import given
from hypothesis import strategies as st

from online_models.slot_model import EMPTY, FEATURES_MAX, WEIGHT_MAX, SlotModel, UserModels
from schemas.codec import decode, encode
from schemas.ids import SlotName, TemplateName
from schemas.library import LearningSettings
from tests.support.examples import quick

NEWS, IMAGE = TemplateName("newsletter"), SlotName("image")

_Example = tuple[dict[int, float], float, float, bool]
features = st.dictionaries(st.integers(1, 100), st.floats(-3, 3), max_size=30)
wild = st.dictionaries(st.integers(1, 3), st.floats(allow_nan=True, allow_infinity=True), max_size=3)
examples = st.lists(st.tuples(st.one_of(features, wild), st.floats(0, 1), st.floats(-8, 8), st.booleans()), max_size=25)
learning = st.builds(LearningSettings, rate=st.floats(0.001, 10), shrinkage=st.floats(0, 1))


@given(examples=examples, rules=learning)
@quick
def test_round_trips_at_any_points_change_nothing(examples: list[_Example], rules: LearningSettings) -> None:
    living, stored = SlotModel.of(EMPTY, rules), UserModels()
    stored.put(NEWS, IMAGE, SlotModel.of(EMPTY, rules))
    between = stored.model_of(NEWS, IMAGE, rules)
    for x, target, base, round_trip in examples:
        living.learn(x, target, base)
        between.learn(x, target, base)
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
    for x, target, base, _ in examples:
        model.learn(x, target, base)
        assert len(model.stored().packed) <= 10 * FEATURES_MAX
        assert all(abs(model.weight(feature)) <= WEIGHT_MAX for feature in range(101))
        assert all(0.0 <= model.variance([(feature, 1.0)]) <= rules.rate * 1.001 for feature in range(101))
    assert model.experience + model.resets <= len(examples)
