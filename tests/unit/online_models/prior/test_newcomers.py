"""What a variant's age says to somebody new: learnt of all, and told only where tags tell an age."""

import pytest

from online_models.ages import newcomers_age
from online_models.prior import PriorStatistics, PriorTerm
from online_models.slot_model import EMPTY, SlotModel, UserModels
from online_models.terms import Person, Situation, SlotTable
from schemas.ids import SlotName, Tag, TemplateName, VariantId
from schemas.library import LearningSettings, Variant
from schemas.models import SlotPrior

SETTINGS = LearningSettings(drift=0.0, reach=1.0)
NOW_MS = 30 * 31_557_600_000
OLD = Variant(VariantId("old"), (Tag("year:1930"),), {})
NEW = Variant(VariantId("new"), (Tag("year:1999"),), {})
LIST, ITEMS = TemplateName("list"), SlotName("items")


def learnt() -> SlotPrior:
    """Newcomers like the old ones, whichever they are."""
    statistics = PriorStatistics()
    for number in range(400):
        old = number % 2
        tags = OLD.tags if old else NEW.tags
        age = newcomers_age(tags, NOW_MS, 0)
        variant = VariantId(f"item-{number}")
        statistics.learn(Situation(), variant, (), 0.0, float(old), 0.0, SETTINGS, age)
    return SlotPrior(learnt=statistics.snapshot(60_000))


def person(examples: int) -> Person:
    model, models = SlotModel.of(EMPTY, SETTINGS), UserModels()
    for number in range(examples):
        model.learn({}, float(number % 2), base=0.0)
    models.put(LIST, ITEMS, model)
    return Person({}, Situation(), models, b"", NOW_MS)


def lead(examples: int) -> float:
    """Of the old one over the new one."""
    values = PriorTerm(SlotTable(LIST, ITEMS, [OLD, NEW]), learnt(), SETTINGS).score(person(examples)).values
    return values[0] - values[1]


def test_a_newcomer_is_told_what_newcomers_taught_and_others_ever_less() -> None:
    assert lead(0) > lead(3) > lead(30) > 0.0
    assert lead(3) == pytest.approx(lead(0) / 4)


def test_all_parts_of_a_value_are_told() -> None:
    term = PriorTerm(SlotTable(LIST, ITEMS, [OLD, NEW]), learnt(), SETTINGS)
    parts = term.explain(person(0), 0)
    assert sum(value for _, value in parts) == pytest.approx(term.score(person(0)).values[0])
    assert dict(parts)["age for a newcomer"] > 0.0


def test_rows_are_scored_as_all_are() -> None:
    term = PriorTerm(SlotTable(LIST, ITEMS, [OLD, NEW]), learnt(), SETTINGS)
    assert term.score(person(0), (1,)).values[0] == pytest.approx(term.score(person(0)).values[1])


def test_where_no_tag_tells_an_age_nothing_is_said_of_it() -> None:
    term = PriorTerm(SlotTable(LIST, ITEMS, [Variant(OLD.id, (), {})]), learnt(), SETTINGS)
    assert "age for a newcomer" not in dict(term.explain(person(0), 0))
    assert newcomers_age((), NOW_MS, 0) == 0.0
