import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from online_models.prior import PriorStatistics, PriorTerm
from online_models.prior.block import DENSE_MAX
from online_models.prior.learnt import unpack
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation, SlotTable, hash_of_name
from schemas.errors import StateCorrupt, StateVersionError
from schemas.ids import SlotName, Tag, TemplateName, VariantId
from schemas.library import LearningSettings, Variant
from schemas.models import CLICK_LOGIT, SlotPrior

ROOM = 60_000
SETTINGS = LearningSettings(facts=("city", "plan"), numbers=("age",), drift=0.0, reach=1.0)
JAZZ, FOLK, ROCK = (VariantId(name) for name in ("jazz", "folk", "rock"))
TAGS = {JAZZ: (Tag("brass"),), FOLK: (Tag("strings"),), ROCK: (Tag("brass"), Tag("loud"))}


def situation(city: str = "rome", plan: str = "free", age: float = 40.0) -> Situation:
    return Situation((hash_of_name(f"city={city}"), hash_of_name(f"plan={plan}")), (age,))


def learn(
    statistics: PriorStatistics,
    variant: VariantId = JAZZ,
    label: float = 1.0,
    times: int = 1,
    settings: LearningSettings = SETTINGS,
    seen: Situation | None = None,
) -> PriorStatistics:
    for _ in range(times):
        statistics.learn(seen or situation(), variant, TAGS[variant], 0.0, label, 0.0, settings)
    return statistics


def term_of(
    statistics: PriorStatistics,
    variants: tuple[VariantId, ...] = (JAZZ, FOLK),
    settings: LearningSettings = SETTINGS,
) -> PriorTerm:
    table = SlotTable(TemplateName("t"), SlotName("s"), [Variant(one, TAGS[one], {}) for one in variants])
    return PriorTerm(table, SlotPrior(learnt=statistics.snapshot(ROOM)), settings)


def person(seen: Situation | None = None, shares: Mapping[int | str, float] | None = None) -> Person:
    return Person(shares or {}, seen or situation(), UserModels(), b"", 0)


def tastes_by_city() -> PriorStatistics:
    """Jazz is clicked in Rome, folk in Oslo."""
    statistics = PriorStatistics()
    for number in range(400):
        city, variant = ("rome", "oslo")[number % 2], (JAZZ, FOLK)[number // 2 % 2]
        learn(statistics, variant, float((city == "rome") == (variant == JAZZ)), seen=situation(city=city))
    return statistics


def test_before_anything_is_learnt_the_default_speaks() -> None:
    scores = term_of(PriorStatistics()).score(person())

    assert list(scores.values) == [CLICK_LOGIT, CLICK_LOGIT]
    assert list(scores.deviations) == [0.0, 0.0]


def test_affinity_counts_before_anything_is_learnt() -> None:
    near, far = term_of(PriorStatistics()).score(person(shares={"brass": 1.0})).values

    assert near == pytest.approx(far + 2.0)


def test_the_rate_of_clicks_is_learnt() -> None:
    statistics = PriorStatistics()
    for number in range(1000):
        learn(statistics, (JAZZ, FOLK)[number // 10 % 2], float(number % 10 < 3))

    value = term_of(statistics).score(person()).values[0]

    assert 1.0 / (1.0 + math.exp(-value)) == pytest.approx(0.3, abs=0.05)


def test_what_a_group_likes_is_learnt_for_each_variant() -> None:
    term = term_of(tastes_by_city())

    rome, oslo = (term.score(person(situation(city=city))).values for city in ("rome", "oslo"))

    assert rome[0] > rome[1] + 1.0
    assert oslo[1] > oslo[0] + 1.0


def test_a_variant_never_shown_is_scored_from_its_tags() -> None:
    statistics = PriorStatistics()
    for number in range(400):
        variant = (JAZZ, FOLK)[number % 2]
        learn(statistics, variant, float(variant == JAZZ))

    rock, folk = term_of(statistics, (ROCK, FOLK)).score(person()).values

    assert rock > folk + 0.3


def test_a_variant_never_shown_is_the_less_certain() -> None:
    scores = term_of(tastes_by_city(), (JAZZ, ROCK)).score(person())

    assert scores.deviations[1] > 2 * scores.deviations[0] > 0.0


def test_a_number_is_learnt_as_a_curve() -> None:
    statistics = PriorStatistics()
    for number in range(1500):
        age = (20.0, 40.0, 80.0)[number % 3]
        learn(statistics, label=float(age == 40.0), seen=situation(age=age))
    term = term_of(statistics)

    young, middle, old = (term.score(person(situation(age=age))).values[0] for age in (20.0, 40.0, 80.0))

    assert middle > young + 1.0
    assert middle > old + 1.0


def test_a_number_that_is_not_known_is_an_effect_of_its_own() -> None:
    statistics = PriorStatistics()
    for number in range(400):
        learn(statistics, label=float(number % 2), seen=situation(age=math.nan if number % 2 else 40.0))
    term = term_of(statistics)

    assert (
        term.score(person(situation(age=math.nan))).values[0] > term.score(person(situation(age=40.0))).values[0] + 1.0
    )


def test_where_things_drift_what_holds_now_is_followed() -> None:
    turned = {}
    for drift in (0.0, 1e-4):
        settings = LearningSettings(facts=("city", "plan"), numbers=("age",), drift=drift, reach=1.0)
        statistics = learn(PriorStatistics(), label=0.0, times=1000, settings=settings)
        learn(statistics, label=1.0, times=60, settings=settings)
        turned[drift] = term_of(statistics, settings=settings).score(person()).values[0]

    assert turned[1e-4] > turned[0.0] + 0.5


def test_explained_parts_sum_to_the_value() -> None:
    term = term_of(tastes_by_city(), (JAZZ, FOLK, ROCK))
    somebody = person(shares={"brass": 0.5})

    for row, value in enumerate(term.score(somebody).values):
        parts = term.explain(somebody, row)
        assert sum(part for _, part in parts) == pytest.approx(value, abs=1e-9)
    assert "city × variant:rock" in dict(parts)
    assert "age" in dict(parts)


def test_chosen_rows_have_the_bits_they_have_among_all() -> None:
    term = term_of(tastes_by_city(), (JAZZ, FOLK, ROCK))
    every = term.score(person())

    chosen = term.score(person(), (2, 0))

    assert list(chosen.values) == [every.values[2], every.values[0]]
    assert list(chosen.deviations) == [every.deviations[2], every.deviations[0]]


def test_stored_statistics_go_on_to_the_bit() -> None:
    statistics = tastes_by_city()

    again = PriorStatistics.of(statistics.packed())
    for one in (statistics, again):
        learn(one, FOLK, 1.0, times=5)

    assert again.packed() == statistics.packed()
    assert again.snapshot(ROOM) == statistics.snapshot(ROOM)
    assert PriorStatistics.of(b"").packed() == PriorStatistics().packed()


@pytest.mark.parametrize("label", [math.nan, 2.0, -1.0, math.inf])
def test_a_poisonous_label_teaches_nothing_and_costs_nothing(label: float) -> None:
    statistics, before = tastes_by_city(), tastes_by_city().packed()

    learn(statistics, label=label)

    assert statistics.packed() == before


def test_a_poisonous_offset_or_affinity_teaches_nothing_and_costs_nothing() -> None:
    statistics, before = tastes_by_city(), tastes_by_city().packed()

    for affinity, offset in ((0.0, math.nan), (0.0, math.inf), (math.nan, 0.0), (7.0, 0.0)):
        statistics.learn(situation(), JAZZ, TAGS[JAZZ], affinity, 1.0, offset, SETTINGS)

    assert statistics.packed() == before


def test_one_person_whose_own_model_ran_away_empties_nothing_of_all_others() -> None:
    statistics = tastes_by_city()

    statistics.learn(situation(), JAZZ, TAGS[JAZZ], 0.0, 0.0, 300.0, SETTINGS)

    assert statistics.resets == 0


def test_weights_that_ran_away_are_emptied_and_counted() -> None:
    statistics = learn(PriorStatistics())
    statistics.block.means[0] = 1e9

    learn(statistics)

    assert statistics.resets == 1


def test_no_snapshot_is_made_of_what_is_not_finite() -> None:
    statistics = learn(PriorStatistics())
    statistics.block.means[0] = math.nan

    assert statistics.snapshot(ROOM) == b""
    assert statistics.resets == 1


def test_a_constant_label_stays_within_reason() -> None:
    statistics = learn(PriorStatistics(), label=0.0, times=3000)

    assert -15.0 < term_of(statistics).score(person()).values[0] < CLICK_LOGIT
    assert statistics.resets == 0


def test_numbers_of_any_size_are_survived() -> None:
    statistics = PriorStatistics()
    for age in (1e308, -1e308, math.inf, -math.inf, 0.0):
        learn(statistics, seen=situation(age=age))

    assert math.isfinite(term_of(statistics).score(person(situation(age=math.inf))).values[0])


def test_the_dense_block_has_a_bound_and_what_comes_later_is_hashed() -> None:
    statistics = PriorStatistics()
    for number in range(DENSE_MAX + 50):
        learn(statistics, label=0.0, seen=situation(city=f"city {number}"))
    late = f"city {DENSE_MAX + 49}"
    learn(statistics, label=1.0, times=50, seen=situation(city=late))
    term = term_of(statistics)

    assert len(statistics.block.keys) == DENSE_MAX
    assert (
        term.score(person(situation(city=late))).values[0]
        > term.score(person(situation(city="nowhere"))).values[0] + 0.2
    )


def test_a_snapshot_keeps_to_its_room_with_what_matters_most() -> None:
    statistics = tastes_by_city()
    whole = statistics.snapshot(ROOM)

    less = statistics.snapshot(len(whole) - 60)

    assert len(less) <= len(whole) - 60
    kept, all_of_them = unpack(less), unpack(whole)
    assert set(kept.buckets.tolist()) < set(all_of_them.buckets.tolist())
    assert np.abs(kept.means).max() == np.abs(all_of_them.means).max()


@pytest.mark.parametrize("damage", [lambda some: some[:-1], lambda some: some + b"x", lambda some: some[:3]])
def test_a_damaged_snapshot_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(StateCorrupt, match="expected"):
        unpack(damage(tastes_by_city().snapshot(ROOM)))


def test_a_snapshot_with_a_weight_that_is_no_number_is_refused() -> None:
    packed = bytearray(learn(PriorStatistics()).snapshot(ROOM))
    keys = packed[1] + 256 * packed[2]
    packed[5 + 4 * keys : 9 + 4 * keys] = b"\x00\x00\xc0\x7f"

    with pytest.raises(StateCorrupt, match="finite"):
        unpack(bytes(packed))


def test_a_snapshot_of_a_newer_version_is_told_apart() -> None:
    with pytest.raises(StateVersionError):
        unpack(b"\xff" + learn(PriorStatistics()).snapshot(ROOM)[1:])
