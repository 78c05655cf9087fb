"""Scores: terms that add up to them, in float32, from the population's weights and the user's own."""

import struct

import pytest

from online_models.content import AFFINITY, own_features
from online_models.prior.features import features_of
from online_models.scoring import Scorers, SlotScores, prior_logit
from online_models.slot_model import EMPTY, SlotModel, UserModels
from online_models.terms import Person, Situation, SlotTable
from online_models.trained import NOTHING_TRAINED
from schemas.decisions import SlotDecision
from schemas.ids import SlotName, Tag, TemplateName, VariantId, WorkspaceId
from schemas.library import LearningSettings, Variant
from schemas.models import AFFINITY_WEIGHT, CLICK_LOGIT, DEFAULT_PRIOR, ModelSnapshot, SlotPrior

LEARNING = LearningSettings()
TERMS_HERE = 2
JAZZ = Variant(VariantId("jazz"), (Tag("jazz"),), {})
FOLK = Variant(VariantId("folk"), (Tag("folk"), Tag("calm")), {})
PLAIN = Variant(VariantId("plain"), (), {})
SHARES: dict[int | str, float] = {"jazz": 0.7, "calm": 0.1, "folk": 0.2}


NEWS, HERO = TemplateName("news"), SlotName("hero")


def untaught() -> SlotModel:
    return SlotModel.of(EMPTY, LEARNING)


def scored(
    variants: list[Variant], prior: SlotPrior, shares: dict[int | str, float], model: SlotModel | None = None
) -> SlotScores:
    models = UserModels()
    if model is not None:
        models.put(NEWS, HERO, model)
    snapshot = ModelSnapshot(WorkspaceId("shop"), 1, {f"{NEWS}/{HERO}": prior})
    scorer = Scorers(snapshot, NOTHING_TRAINED, LEARNING).of(SlotTable(NEWS, HERO, variants))
    return scorer.score(Person(shares, Situation(), models, b"", 0))


def variant_features(variant: Variant, near: float) -> dict[str, float]:
    return features_of(variant.id, variant.tags, near)


def own(variant: Variant, near: float) -> dict[int, float]:
    return {**dict(own_features(variant.id, variant.tags)), AFFINITY: near}


def test_a_new_user_is_scored_by_affinity_alone() -> None:
    scores = scored([JAZZ, FOLK, PLAIN], DEFAULT_PRIOR, SHARES)
    assert scores.variants == ("jazz", "folk", "plain")
    # What is nearest is expected to be clicked as ever; what is less near, less.
    near = [score - CLICK_LOGIT for score in scores.scores]
    assert near == pytest.approx((0.0, -0.4 * AFFINITY_WEIGHT, -0.7 * AFFINITY_WEIGHT), abs=1e-6)
    assert tuple(scores.affinities) == pytest.approx((0.7, 0.3, 0.0), rel=1e-6)
    assert list(scores.uncertainties) == sorted(scores.uncertainties, reverse=True)
    assert 0.5 < scores.uncertainties[2] < scores.uncertainties[0] < 1.5


def test_one_without_any_behaviour_finds_all_alike() -> None:
    scores = scored([JAZZ, FOLK], DEFAULT_PRIOR, {})
    assert tuple(scores.scores) == (CLICK_LOGIT, CLICK_LOGIT)


def test_the_terms_are_the_explanation_they_add_up_to_the_bit() -> None:
    model = untaught()
    model.learn(own(JAZZ, 0.7), target=1.0, base=0.1)
    prior = SlotPrior(bias=0.3, weights={"affinity": 1.7, "tag:folk": -0.4, "variant:plain": 0.9})
    scores = scored([JAZZ, FOLK, PLAIN], prior, SHARES, model)
    assert len(scores.terms) == TERMS_HERE * len(scores.scores)
    stored = SlotDecision(HERO, scores.variants, (1.0, 0.0, 0.0), scores.terms.tobytes(), b"", scores.weights.tobytes())
    assert list(stored.scores()) == list(scores.scores)
    assert [sum(column) for column in zip(*stored.contributions().values(), strict=True)] == list(scores.scores)


def test_what_is_packed_is_little_endian_float32() -> None:
    prior = SlotPrior(bias=1.5, weights={"affinity": -2.0})
    scores = scored([JAZZ], prior, {"jazz": 0.25})
    assert scores.terms.tobytes() == struct.pack("<2f", 1.5, 0.0)
    assert scores.affinities.tobytes() == struct.pack("<f", 0.25)


def test_a_tag_counts_once_and_affinity_ends_at_one() -> None:
    twice = Variant(VariantId("twice"), (Tag("jazz"), Tag("jazz")), {})
    scores = scored([twice, PLAIN], DEFAULT_PRIOR, {"jazz": 1.0 + 1e-12, "folk": 0.0})
    assert list(scores.affinities) == [1.0, 0.0]
    assert list(scored([twice], DEFAULT_PRIOR, {"jazz": 0.5}).affinities) == [0.5]


def test_a_click_raises_what_was_clicked_and_lowers_the_uncertainty() -> None:
    model = untaught()
    before = scored([JAZZ, FOLK], DEFAULT_PRIOR, SHARES, model)
    model.learn(own(JAZZ, before.affinities[0]), target=1.0, base=0.0)
    after = scored([JAZZ, FOLK], DEFAULT_PRIOR, SHARES, model)
    assert after.scores[0] - after.scores[1] > before.scores[0] - before.scores[1]
    assert after.uncertainties[0] < before.uncertainties[0]


def test_a_variant_is_itself_its_tags_and_how_near_it_is() -> None:
    tags = {"tag:folk": 0.5**0.5, "tag:calm": 0.5**0.5}
    assert variant_features(FOLK, 0.5) == pytest.approx({"affinity": 0.5, "variant:folk": 1.0, **tags})
    assert variant_features(PLAIN, 0.0) == {"affinity": 0.0, "variant:plain": 1.0}


def test_the_prior_weighs_what_it_names_and_nothing_else() -> None:
    prior = SlotPrior(bias=1.0, weights={"tag:folk": 2.0, "tag:unknown": 50.0})
    assert prior_logit(prior, variant_features(FOLK, 0.5)) == pytest.approx(1.0 + 2.0 * 0.5**0.5)
    assert prior_logit(prior, variant_features(JAZZ, 0.5)) == 1.0


def test_no_variants_no_scores() -> None:
    scores = scored([], DEFAULT_PRIOR, SHARES)
    assert (list(scores.scores), scores.terms.tobytes(), scores.affinities.tobytes()) == ([], b"", b"")
