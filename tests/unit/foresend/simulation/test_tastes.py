"""Tastes: likes that go together, chances within bounds, and the best that could be shown, against brute force."""

import math
from random import Random

import msgspec
import numpy as np
import pytest

from foresend.simulation.likes import NONE, Catalogue, draw_likes, exchanged
from foresend.simulation.optimum import best_fixed, best_for, mean_chance
from foresend.simulation.sendable import NOTHING, Sendable, sendables_of
from foresend.simulation.tastes import CHANCE_MAX, CLICK_BASE, OPEN_BASE, Tastes, draw_tastes, no_tastes
from schemas.ids import SlotName, VariantId
from schemas.library import Release
from tests.support.combinations import allowed, pair
from tests.support.small_releases import small_release

FREE = small_release(3, 4, 3)
RULED = small_release(
    3,
    4,
    3,
    forbidden=[pair("s0.v0", "s1.v1"), pair("s1.v0", "s2.v2"), pair("s1.v3", "s2.v1")],
    required=[pair("s0.v2", "s2.v0")],
)


def tastes_of(release: Release, people: int, seed: int) -> Tastes:
    chance = np.random.default_rng(seed)
    catalogue = Catalogue.of(release)
    (sendable,) = sendables_of(release, at_ms=0)
    return draw_tastes(sendable, catalogue.tags, draw_likes(catalogue, people, chance), chance)


def combinations_of(sendable: Sendable) -> list[tuple[int, ...]]:
    """By the words of the rules, and nothing clever."""
    columns = zip(sendable.template.slots, sendable.slots, strict=True)
    return allowed([(slot.name, [one.id for one in valid]) for slot, valid in columns], sendable.template.rules)


def test_likes_are_tags_that_stand_together_more_often_than_by_chance(sample_release: Release) -> None:
    catalogue = Catalogue.of(sample_release)
    likes = draw_likes(catalogue, 2_000, np.random.default_rng(1))
    has_second = likes.tags[:, 1] != NONE
    beside = catalogue.together[likes.tags[has_second, 0], likes.tags[has_second, 1]] > 0
    assert has_second.mean() > 0.9
    assert 0.7 < beside.mean() < 0.9
    assert all(
        len({tag for tag in row if tag != NONE}) == sum(tag != NONE for tag in row) for row in likes.tags.tolist()
    )
    assert (likes.spread().max(axis=1) == likes.strengths[:, 0]).all()


def test_after_a_turn_the_old_likes_are_nobodys_first(sample_release: Release) -> None:
    catalogue, chance = Catalogue.of(sample_release), np.random.default_rng(1)
    old = draw_likes(catalogue, 2_000, chance)
    whose = exchanged(old, chance)
    assert sorted(whose.tolist()) == list(range(2_000))
    new = old.of(whose)
    assert not (new.tags[:, :1] == old.tags).any()
    assert new.strengths.sum() == pytest.approx(old.strengths.sum())


@pytest.mark.parametrize("tags", [(), ("jazz",)])
def test_few_tags_or_none_are_no_hindrance(tags: tuple[str, ...]) -> None:
    release = small_release(2, 2, tags=tags)
    likes = draw_likes(Catalogue.of(release), 10, np.random.default_rng(1))
    assert ((likes.tags != NONE).sum(axis=1) == len(tags)).all()
    assert sorted(exchanged(likes, np.random.default_rng(1)).tolist()) == list(range(10))
    assert tastes_of(release, 10, seed=1).worth[0].shape == (10, 2)


@pytest.mark.parametrize("release", [FREE, RULED], ids=["free", "ruled"])
@pytest.mark.parametrize("seed", range(5))
def test_the_best_for_a_person_is_the_best_of_all(release: Release, seed: int) -> None:
    tastes = tastes_of(release, 60, seed)
    everything = combinations_of(tastes.sendable)
    assert any(len(pairs) > 1 for pairs in tastes.pairs)
    for person in range(60):
        chances = [math.prod(tastes.chance(person, choice)) for choice in everything]
        best = best_for(tastes, person)
        assert best in everything
        assert math.prod(tastes.chance(person, best)) == pytest.approx(max(chances), rel=1e-12)


@pytest.mark.parametrize("release", [FREE, RULED], ids=["free", "ruled"])
@pytest.mark.parametrize("seed", range(5))
def test_the_best_for_everybody_beats_every_other(release: Release, seed: int) -> None:
    tastes = tastes_of(release, 60, seed)
    best = best_fixed(tastes)
    assert best in combinations_of(tastes.sendable)
    assert mean_chance(tastes, best) == max(mean_chance(tastes, one) for one in combinations_of(tastes.sendable))


def test_the_mean_chance_is_the_mean_of_the_chances() -> None:
    tastes = tastes_of(RULED, 60, seed=1)
    for choice in combinations_of(tastes.sendable):
        chances = [math.prod(tastes.chance(person, choice)) for person in range(60)]
        assert mean_chance(tastes, choice) == pytest.approx(sum(chances) / 60)


def test_a_pair_is_worth_something_together_and_nothing_alone() -> None:
    tastes = tastes_of(FREE, 300, seed=3)
    with_pairs = [(person, pairs[0]) for person, pairs in enumerate(tastes.pairs) if len(pairs) == 1]
    assert 0.1 < len(with_pairs) / 300 < 0.3
    for person, (liked) in with_pairs:
        (slot, variant), (other_slot, other) = liked.first, liked.second
        assert not tastes.sendable.opening[slot]
        assert tastes.worth[slot][person, variant] <= 0
        nothing = [NOTHING, NOTHING, NOTHING]
        nothing[slot] = variant
        alone = tastes.chance(person, tuple(nothing))
        nothing[other_slot] = other
        assert liked.is_met(tuple(nothing))
        assert alone[1] <= CLICK_BASE < tastes.chance(person, tuple(nothing))[1]


@pytest.mark.parametrize("slots", [1, 12])
def test_nobody_is_ever_sure_to_click(slots: int) -> None:
    tastes = tastes_of(small_release(3, *[4] * slots), 500, seed=1)
    for person in range(500):
        opens, clicks = tastes.chance(person, best_for(tastes, person))
        assert OPEN_BASE * 0.8 < opens <= CHANCE_MAX + 1e-9
        assert clicks <= CHANCE_MAX + 1e-9


def test_without_tastes_all_is_one(sample_release: Release) -> None:
    for sendable in sendables_of(sample_release, at_ms=0):
        tastes = no_tastes(sendable, 3)
        assert tastes.chance(2, sendable.default) == pytest.approx((OPEN_BASE, CLICK_BASE))
        assert tastes.chance(2, best_fixed(tastes)) == tastes.chance(2, best_for(tastes, 2))


def test_an_even_draw_is_even_over_what_is_allowed() -> None:
    (sendable,) = sendables_of(RULED, at_ms=0)
    chance, everything = Random(1), combinations_of(sendable)
    drawn = [sendable.any_allowed(chance) for _ in range(170 * len(everything))]
    counts = [drawn.count(choice) for choice in everything]
    assert sum(counts) == len(drawn)
    assert all(110 < count < 240 for count in counts)


def test_what_was_shown_is_understood_as_far_as_it_is_on_offer() -> None:
    (sendable,) = sendables_of(FREE, at_ms=0)
    shown = {SlotName("s0"): VariantId("v2"), SlotName("s1"): VariantId("gone")}
    assert sendable.choice_of(shown) == (2, NOTHING, NOTHING)
    assert sendable.variants_of((2, NOTHING, 1)) == {"s0": "v2", "s2": "v1"}


def test_what_is_not_valid_is_not_on_offer_nor_is_what_rules_make_impossible() -> None:
    ending = small_release(2, 3, valid_until_ms=1_000)
    (before,), (after,) = sendables_of(ending, at_ms=999), sendables_of(ending, at_ms=1_000)
    assert [len(slot) for slot in before.slots] == [2, 3]
    assert [len(slot) for slot in after.slots] == [1, 2]
    assert not sendables_of(small_release(1, 1, forbidden=[pair("s0.v0", "s1.v0")]), at_ms=0)


def test_only_marketing_is_sent_to_be_liked_where_there_is_any(sample_release: Release) -> None:
    receipt = next(one for one in sample_release.templates if one.name == "receipt")
    alone = msgspec.structs.replace(sample_release, templates=(receipt,))

    assert [one.template.name for one in sendables_of(sample_release, at_ms=0)] == ["cart_reminder", "newsletter"]
    assert [one.template.name for one in sendables_of(alone, at_ms=0)] == ["receipt"]
