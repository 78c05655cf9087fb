"""The person's own term: values and deviations of variants, and the features that they are made of."""

import math

import pytest

from online_models.content import AFFINITY, ContentTerm, own_features
from online_models.slot_model import EMPTY, OWN, RECENT, SlotModel, UserModels
from online_models.terms import Person, Situation, SlotTable, hash_of_name
from schemas.ids import SlotName, Tag, TemplateName, VariantId
from schemas.library import LearningSettings, Variant

SETTINGS = LearningSettings()
NEWS, HERO = TemplateName("news"), SlotName("hero")
JAZZ = Variant(VariantId("jazz"), (Tag("genre:jazz"), Tag("genre:swing"), Tag("decade:195"), Tag("year:1959")), {})
FOLK = Variant(VariantId("folk"), (Tag("genre:folk"),), {})
PLAIN = Variant(VariantId("plain"), (), {})
SHARES: dict[int | str, float] = {"genre:jazz": 0.5, "genre:swing": 0.25}


def table() -> SlotTable:
    return SlotTable(NEWS, HERO, [JAZZ, FOLK, PLAIN])


def person(model: SlotModel | None, shares: dict[int | str, float] | None = None) -> Person:
    models = UserModels()
    if model is not None:
        models.put(NEWS, HERO, model)
    return Person(SHARES if shares is None else shares, Situation(), models, b"", 0)


def taught(variant: Variant, target: float, times: int = 1) -> SlotModel:
    model = SlotModel.of(EMPTY, SETTINGS)
    for _ in range(times):
        model.learn({**dict(own_features(variant.id, variant.tags)), AFFINITY: 0.75}, target, base=-1.0)
    return model


def test_of_nobody_nothing_is_known_and_all_is_uncertain() -> None:
    scores = ContentTerm(table(), SETTINGS).score(person(None))
    assert tuple(scores.values) == (0.0, 0.0, 0.0)
    assert list(scores.deviations) == pytest.approx(
        [(0.5 * (1 + 2 * 0.5 + 1 + 0.75**2)) ** 0.5, (0.5 * 2) ** 0.5, 0.5**0.5]
    )


def test_a_reward_raises_what_was_shown_most_and_the_rest_a_little() -> None:
    values = ContentTerm(table(), SETTINGS).score(person(taught(JAZZ, 1.0))).values
    assert values[0] > values[1] == values[2] > 0.0


def test_what_was_shown_in_vain_falls() -> None:
    values = ContentTerm(table(), SETTINGS).score(person(taught(FOLK, 0.0))).values
    assert values[1] < values[2] < 0.0


def test_what_was_seen_is_less_uncertain() -> None:
    before = ContentTerm(table(), SETTINGS).score(person(None)).deviations
    after = ContentTerm(table(), SETTINGS).score(person(taught(JAZZ, 1.0, 20))).deviations
    assert after[0] < 0.8 * before[0]
    assert after[2] == before[2]


def test_chosen_rows_are_scored_as_all_are() -> None:
    term, known = ContentTerm(table(), SETTINGS), person(taught(JAZZ, 1.0))
    whole, chosen = term.score(known), term.score(known, (2, 0))
    assert list(chosen.values) == [whole.values[2], whole.values[0]]
    assert list(chosen.deviations) == [whole.deviations[2], whole.deviations[0]]
    assert tuple(term.score(known, ()).values) == ()


def test_it_is_explained_by_features_that_sum_to_it() -> None:
    term, known = ContentTerm(table(), SETTINGS), person(taught(JAZZ, 1.0, 3))
    told = term.explain(known, 0)
    assert [name for name, _ in told] == [
        "own", "recent", "variant:jazz", "tag:genre:jazz", "tag:genre:swing", "tag:decade:195", "affinity",
    ]  # fmt: skip
    assert sum(part for _, part in told) == pytest.approx(term.score(known).values[0], abs=1e-9)


def test_experience_is_what_this_slot_has_learnt() -> None:
    assert ContentTerm(table(), SETTINGS).experience(person(taught(JAZZ, 1.0, 4))) == 4
    assert ContentTerm(SlotTable(NEWS, SlotName("other"), [JAZZ]), SETTINGS).experience(person(taught(JAZZ, 1.0))) == 0


def test_tags_of_one_kind_have_length_one_together() -> None:
    x = dict(own_features(JAZZ.id, JAZZ.tags))
    assert x == pytest.approx(
        {
            hash_of_name("variant:jazz"): 1.0,
            hash_of_name("tag:genre:jazz"): 0.5**0.5,
            hash_of_name("tag:genre:swing"): 0.5**0.5,
            hash_of_name("tag:decade:195"): 1.0,
        }
    )


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_a_click_teaches_no_more_about_a_variant_because_it_has_more_tags(count: int) -> None:
    x = own_features(VariantId("v"), [Tag(f"t{number}") for number in range(count)])
    model = SlotModel.of(EMPTY, SETTINGS)
    model.learn(dict(x), target=1.0, base=0.0)
    assert model.offset(x) == pytest.approx(0.5 * (0.5 * 3 + 0.2 * 0.8) / (1 + 0.25 * 1.7), rel=1e-3)


def test_a_tag_counts_once() -> None:
    assert own_features(VariantId("v"), [Tag("jazz"), Tag("jazz")]) == own_features(VariantId("v"), [Tag("jazz")])
    assert own_features(VariantId("v"), ()) == ((hash_of_name("variant:v"), 1.0),)


def test_features_of_every_example_are_those_of_no_variant() -> None:
    assert (hash_of_name("own"), hash_of_name("recent")) == (OWN, RECENT)
    assert all(map(math.isfinite, ContentTerm(table(), SETTINGS).score(person(None, {})).deviations))


def test_a_whole_slot_scores_as_its_rows_do_one_by_one() -> None:
    term = ContentTerm(table(), SETTINGS)
    for known in (person(None), person(taught(JAZZ, 1.0, 3)), person(taught(FOLK, 0.0, 40))):
        whole = term.score(known)
        rows = [term.score(known, [row]) for row in range(len(table()))]
        assert list(whole.values) == pytest.approx([one.values[0] for one in rows], abs=1e-12)
        assert list(whole.deviations) == pytest.approx([one.deviations[0] for one in rows], abs=1e-12)
