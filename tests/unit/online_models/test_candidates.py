"""Which candidates are kept for a user, and with what probabilities."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from online_models.candidates import Chosen, marginals, select, uncovered
from online_models.covers import Cover, Filler
from online_models.rules import Rules
from schemas.library import ContentRules
from tests.support.combinations import named, pair, rules_of

FLOOR = 0.01


def choices(chosen: Sequence[Chosen]) -> list[tuple[int, ...]]:
    return [choice for choice, _ in chosen]


def test_the_likeliest_come_first_and_covers_complete_the_set() -> None:
    # Given two slots, and room for one more than the largest of them:
    chosen = select([(0.7, 0.2, 0.1), (0.6, 0.4)], rules_of(named(3, 2)), count=4, floor=FLOOR, seed=1)
    # then the likeliest two are kept (0.42, 0.28), and two covers hold what those lack: the other two of slot 0.
    assert choices(chosen)[:2] == [(0, 0), (0, 1)]
    assert sorted(choice[0] for choice in choices(chosen)[2:]) == [1, 2]


def test_probabilities_are_the_floor_and_a_share_by_the_product() -> None:
    chosen = select([(0.75, 0.25)], rules_of(named(2)), count=2, floor=0.1, seed=1)
    assert choices(chosen) == [(0,), (1,)]
    assert [one.probability for one in chosen] == pytest.approx([0.1 + 0.8 * 0.75, 0.1 + 0.8 * 0.25])


def test_with_as_many_candidates_as_the_largest_slot_has_variants_the_rest_is_packed_into_covers() -> None:
    distributions = [(0.5, 0.2, 0.2, 0.1)] * 4
    chosen = select(distributions, rules_of(named(4, 4, 4, 4)), count=4, floor=FLOOR, seed=3)
    assert len(chosen) == 4
    assert choices(chosen)[0] == (0, 0, 0, 0)
    assert all(sorted(column) == [0, 1, 2, 3] for column in zip(*choices(chosen), strict=True))


def test_a_forbidden_favourite_gives_way_to_the_next_likeliest() -> None:
    rules = rules_of(named(2, 2), forbidden=[pair("s0.v0", "s1.v0")])
    chosen = select([(0.9, 0.1), (0.8, 0.2)], rules, count=3, floor=FLOOR, seed=1)
    assert choices(chosen) == [(0, 1), (1, 0), (1, 1)]


def test_the_same_seed_gives_the_same_candidates_and_another_seed_other_covers() -> None:
    distributions = [(0.4, 0.3, 0.2, 0.1)] * 3
    rules = rules_of(named(4, 4, 4))
    by_seed = [tuple(select(distributions, rules, 6, FLOOR, seed)) for seed in range(20)]
    assert by_seed == [tuple(select(distributions, rules, 6, FLOOR, seed)) for seed in range(20)]
    assert len({frozenset(choices(chosen)) for chosen in by_seed}) > 3
    assert {chosen[0].choice for chosen in by_seed} == {(0, 0, 0)}, "the likeliest is nobody's chance"


def test_where_nothing_is_known_chance_decides_which_variant_is_shown_most() -> None:
    # Given users of whom nothing is known, the library's first variants must not be everybody's:
    flat = [(1 / 3,) * 3] * 3
    shown = [marginals(select(flat, rules_of(named(3, 3, 3)), 6, FLOOR, seed), (3, 3, 3)) for seed in range(600)]
    for slot in range(3):
        most = Counter(max(range(3), key=one[slot].__getitem__) for one in shown)
        assert all(150 < most[variant] < 250 for variant in range(3))


def test_where_nothing_is_known_the_candidates_differ_in_each_slot() -> None:
    chosen = select([(0.25,) * 4] * 4, rules_of(named(4, 4, 4, 4)), count=8, floor=FLOOR, seed=5)
    assert all(max(slot) < 0.8 for slot in marginals(chosen, (4, 4, 4, 4)))


def test_one_variant_in_each_slot_is_one_candidate() -> None:
    (only,) = select([(1.0,), (1.0,)], rules_of(named(1, 1)), 8, FLOOR, seed=1)
    assert only.choice == (0, 0)
    assert only.probability == pytest.approx(1.0)


def test_a_template_without_slots_has_one_candidate_without_choices() -> None:
    assert select([], rules_of([]), 8, FLOOR, seed=1) == [Chosen((), 1.0)]


def test_fewer_combinations_than_asked_for_are_all_kept() -> None:
    assert len(select([(0.5, 0.5), (0.5, 0.5)], rules_of(named(2, 2)), 50, FLOOR, seed=1)) == 4


def test_floors_take_half_of_the_draw_at_most() -> None:
    chosen = select([(0.04,) * 25, (0.2,) * 5], rules_of(named(25, 5)), count=125, floor=0.008, seed=1)
    assert len(chosen) == 62
    assert min(one.probability for one in chosen) >= 0.008


def test_where_rules_allow_nothing_nothing_is_kept() -> None:
    rules = rules_of(named(1, 1), forbidden=[pair("s0.v0", "s1.v0")])
    assert select([(1.0,), (1.0,)], rules, 8, FLOOR, seed=1) == []
    assert uncovered([], rules) == ()


def test_a_policy_that_leaves_no_probability_to_what_rules_allow_shares_it_equally() -> None:
    rules = rules_of(named(2, 2), forbidden=[pair("s0.v0", "s1.v0")])
    chosen = select([(1.0, 0.0), (1.0, 0.0)], rules, 8, floor=0.0, seed=1)
    assert [one.probability for one in chosen] == pytest.approx([1 / 3] * 3)


STAR = [pair("s0.v1", "s1.v1"), pair("s0.v1", "s1.v2"), pair("s0.v2", "s1.v1"), pair("s0.v2", "s1.v2")]
"""Only the first of each slot goes with more than one of the other: four candidates are needed for 3 + 3 variants."""


def test_the_likeliest_gives_way_where_there_is_no_other_way_to_cover_everything() -> None:
    rules = rules_of(named(3, 3), forbidden=STAR)
    distributions = [(0.8, 0.1, 0.1), (0.8, 0.1, 0.1)]
    assert (0, 0) in choices(select(distributions, rules, 5, FLOOR, seed=1))
    four = select(distributions, rules, 4, FLOOR, seed=1)
    assert sorted(choices(four)) == [(0, 1), (0, 2), (1, 0), (2, 0)]
    assert uncovered(four, rules) == ()


def test_an_exact_packing_is_searched_where_the_first_fit_takes_too_many_covers() -> None:
    # Given no room to spare: s2.v1 may not be packed with s1.v1, nor s2.v2 with s0.v1.
    rules = rules_of(named(3, 3, 3), forbidden=[pair("s2.v1", "s1.v1"), pair("s2.v2", "s0.v1")])
    for seed in range(20):
        chosen = select([(0.4, 0.3, 0.3), (0.5, 0.3, 0.2), (0.4, 0.3, 0.3)], rules, 3, FLOOR, seed)
        assert len(chosen) == 3
        assert uncovered(chosen, rules) == ()
        assert (0, 0, 0) in choices(chosen), "and the likeliest is kept"


def test_only_as_many_of_the_likeliest_give_way_as_the_covers_need() -> None:
    # Given that s0.v1 and s1.v3 need a cover each, three likeliest leave room for only one:
    rules = rules_of(named(2, 4), forbidden=[pair("s0.v1", "s1.v0"), pair("s1.v3", "s0.v1")])
    for seed in range(20):
        chosen = select([(0.76, 0.24), (0.46, 0.22, 0.17, 0.15)], rules, 4, FLOOR, seed)
        assert {(0, 0), (0, 1), (0, 3)} <= set(choices(chosen))


def test_room_that_covers_leave_is_given_back_to_the_likeliest() -> None:
    forbidden = [pair("s1.v0", "s0.v2"), pair("s2.v1", "s1.v0"), pair("s2.v2", "s0.v3")]
    distributions = [(0.37, 0.3, 0.19, 0.14), (0.54, 0.39, 0.07), (0.63, 0.34, 0.03)]
    for seed in range(20):
        assert len(select(distributions, rules_of(named(4, 3, 3), forbidden), 5, FLOOR, seed)) == 5


def test_floors_that_would_exceed_the_whole_are_equal_shares() -> None:
    # Given twelve slots whose second variants exclude each other: each needs a cover of its own.
    forbidden = [pair(f"s{a}.v1", f"s{b}.v1") for a in range(12) for b in range(a)]
    chosen = select([(0.6, 0.4)] * 12, rules_of(named(*[2] * 12), forbidden), 20, floor=0.1, seed=1)
    assert len(chosen) > 10
    assert [one.probability for one in chosen] == pytest.approx([1 / len(chosen)] * len(chosen))


def test_where_no_cover_is_small_enough_the_least_probable_stay_out_and_are_reported() -> None:
    rules = rules_of(named(3, 3), forbidden=STAR)
    chosen = select([(0.8, 0.15, 0.05), (0.8, 0.12, 0.08)], rules, 3, FLOOR, seed=1)
    assert sorted(choices(chosen)) == [(0, 0), (0, 1), (1, 0)]
    assert uncovered(chosen, rules) == ((0, 2), (1, 2))


def test_fewer_candidates_than_variants_leave_the_least_probable_out() -> None:
    rules = rules_of(named(4))
    chosen = select([(0.1, 0.4, 0.2, 0.3)], rules, 3, FLOOR, seed=1)
    assert choices(chosen) == [(1,), (3,), (2,)]
    assert uncovered(chosen, rules) == ((0, 0),)


def test_a_requirement_is_kept_by_what_fills_a_cover() -> None:
    required = [pair("s0.v1", "s1.v1"), pair("s2.v1", "s1.v2")]
    rules = rules_of(named(2, 3, 2), required=required)
    for seed in range(50):
        chosen = select([(0.6, 0.4), (0.6, 0.3, 0.1), (0.5, 0.5)], rules, 4, FLOOR, seed)
        assert all(rules.allow(choice) for choice in choices(chosen))
        assert uncovered(chosen, rules) == ()


def test_variants_that_leave_a_third_slot_nothing_are_not_packed_together() -> None:
    # Given that s0.v1 and s1.v1 may stand together, but then nothing is left for s2:
    rules = rules_of(named(2, 2, 2), forbidden=[pair("s0.v1", "s2.v0"), pair("s1.v1", "s2.v1")])
    for seed in range(20):
        chosen = select([(0.9, 0.1), (0.9, 0.1), (0.9, 0.1)], rules, 3, FLOOR, seed)
        assert all(rules.allow(choice) for choice in choices(chosen))
        assert uncovered(chosen, rules) == ()


def test_the_other_slots_of_a_cover_are_filled_by_their_distributions() -> None:
    rules = rules_of(named(3, 2))
    shown = Counter(
        Filler([(0.2, 0.5, 0.3), (0.9, 0.1)], rules, Random(n)).fill(Cover.empty(rules)) for n in range(4000)
    )
    for choice, expected in {(1, 0): 0.45, (0, 0): 0.18, (2, 1): 0.03}.items():
        assert shown[choice] / 4000 == pytest.approx(expected, abs=0.025)


def test_a_fill_that_leads_into_a_dead_end_is_drawn_again() -> None:
    # Given that s1.v0, by far the likeliest there, shuts all of s2:
    rules = rules_of(named(2, 2, 1), forbidden=[pair("s1.v0", "s2.v0"), pair("s0.v0", "s1.v1")])
    assert {
        Filler([(0.9, 0.1), (0.99, 0.01), (1.0,)], rules, Random(n)).fill(Cover.empty(rules)) for n in range(20)
    } == {(1, 1, 0)}


def test_a_draw_that_leaves_a_later_slot_nothing_is_made_again() -> None:
    # Given that the likeliest of s0 and s1 may stand together, but shut s2 between them:
    forbidden = [pair("s0.v0", "s2.v0"), pair("s1.v0", "s2.v1"), pair("s0.v1", "s1.v1")]
    rules = rules_of(named(2, 2, 2), forbidden=forbidden)
    fillers = (Filler([(0.9, 0.1), (0.9, 0.1), (0.5, 0.5)], rules, Random(seed)) for seed in range(20))
    assert {filler.fill(Cover.empty(rules)) for filler in fillers} == {(0, 1, 1), (1, 0, 0)}


def test_marginals_add_up_what_each_candidate_shows() -> None:
    chosen = [Chosen((0, 1), 0.5), Chosen((1, 1), 0.3), Chosen((0, 0), 0.2)]
    assert marginals(chosen, (2, 2)) == ((0.7, 0.3), (0.2, 0.8))


def test_distributions_must_fit_the_rules() -> None:
    with pytest.raises(ValueError, match=r"expected distributions over \(2, 3\) variants, got \[2, 2\]"):
        select([(0.5, 0.5), (0.5, 0.5)], rules_of(named(2, 3)), 8, FLOOR, seed=1)


def test_at_least_one_candidate_must_be_asked_for() -> None:
    with pytest.raises(ValueError, match="at least one"):
        select([(1.0,)], Rules.of(ContentRules(), named(1)), 0, FLOOR, seed=1)
