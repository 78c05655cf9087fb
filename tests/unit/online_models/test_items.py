"""Numbers of a catalogue's items: how much they are met, and how old they are."""

import math

import pytest

from online_models.ages import NUMBER_REACH, age_of
from online_models.content import ContentTerm, own_features
from online_models.items import AGE, POPULARITY, ItemNumbers
from online_models.prior.statistics import PriorStatistics
from online_models.slot_model import EMPTY, SlotModel, UserModels
from online_models.terms import Person, Situation, SlotTable, hash_of_name
from schemas.ids import SlotName, Tag, TemplateName, VariantId
from schemas.library import LearningSettings, Variant
from schemas.models import SlotPrior

SETTINGS = LearningSettings(drift=0.0, reach=1.0)
YEAR_MS = 31_557_600_000
NOW_MS = 30 * YEAR_MS
OLD = Variant(VariantId("old"), (Tag("year:1940"),), {})
NEW = Variant(VariantId("new"), (Tag("year:1999"),), {})
UNDATED = Variant(VariantId("undated"), (), {})
LIST, ITEMS = TemplateName("list"), SlotName("items")


def learnt(*times: tuple[Variant, int]) -> SlotPrior:
    statistics = PriorStatistics()
    for variant, count in times:
        for number in range(count):
            statistics.learn(Situation(), variant.id, variant.tags, 0.0, number % 2, 3.0, SETTINGS)
    return SlotPrior(learnt=statistics.snapshot(60_000), examples=sum([count for _, count in times]))


def popularity(prior: SlotPrior, variant: Variant) -> float:
    return dict(ItemNumbers(prior).of(variant.id, variant.tags, NOW_MS))[POPULARITY]


def test_what_is_met_more_is_more_popular() -> None:
    prior = learnt((UNDATED, 2), (OLD, 40), (NEW, 10))
    assert popularity(prior, OLD) > popularity(prior, NEW) > 0.0


def test_popularity_counts_how_often_an_item_was_learnt_of() -> None:
    prior = learnt((UNDATED, 2), (OLD, 40))
    assert popularity(prior, OLD) == pytest.approx(NUMBER_REACH * (math.log1p(40) - math.log1p(0.042)), rel=0.1)


def test_what_was_never_met_is_the_less_popular_the_more_was_met() -> None:
    assert popularity(SlotPrior(), NEW) == 0.0
    assert popularity(SlotPrior(examples=5000), NEW) < popularity(SlotPrior(examples=500), NEW) < 0.0


def test_an_item_ages() -> None:
    assert age_of(OLD.tags, NOW_MS) == pytest.approx(NUMBER_REACH * (math.log1p(60.0) - 2.0))
    assert age_of(OLD.tags, NOW_MS) > age_of(NEW.tags, NOW_MS)  # type: ignore[operator]
    assert age_of(NEW.tags, NOW_MS - 20 * YEAR_MS) == age_of(NEW.tags, NOW_MS - 10 * YEAR_MS) == -2.0 * NUMBER_REACH


@pytest.mark.parametrize("tags", [(), (Tag("1999"),), (Tag("year:"),), (Tag("year:soon"),), (Tag("price:1999"),)])
def test_without_a_year_there_is_no_age(tags: tuple[Tag, ...]) -> None:
    assert age_of(tags, NOW_MS) is None
    assert [feature for feature, _ in ItemNumbers(SlotPrior()).of(UNDATED.id, tags, NOW_MS)] == [POPULARITY]


def test_an_item_of_a_catalogue_is_not_learnt_by_itself() -> None:
    assert hash_of_name("variant:old") not in dict(own_features(OLD.id, OLD.tags, is_catalog=True))
    assert hash_of_name("variant:old") in dict(own_features(OLD.id, OLD.tags))


def test_who_likes_the_old_is_told_so_of_what_he_never_met() -> None:
    table = SlotTable(LIST, ITEMS, [OLD, NEW, UNDATED], is_catalog=True)
    model = SlotModel.of(EMPTY, SETTINGS)
    for _ in range(20):
        model.learn({AGE: 1.0}, 1.0, base=0.0)
        model.learn({AGE: -1.0}, 0.0, base=0.0)
    models = UserModels()
    models.put(LIST, ITEMS, model)
    term = ContentTerm(table, SETTINGS, SlotPrior())
    person = Person({}, Situation(), models, b"", NOW_MS)
    values = term.score(person).values
    assert values[0] > values[2] > values[1]
    assert sum(value for _, value in term.explain(person, 0)) == pytest.approx(values[0])
    assert "age" in [name for name, _ in term.explain(person, 0)]
