"""Content rules by index."""

from online_models.rules import allowed_by_rules
from tests.support.combinations import named, pair, rules_of

OFFER_AND_IMAGE = named(2, 2)


def test_without_rules_everything_may_stand_together() -> None:
    rules = rules_of(named(2, 3))
    assert allowed_by_rules(rules) == ((True, True), (True, True, True))
    assert rules.allow((1, 2))


def test_a_forbidden_pair_excludes_only_itself_whichever_way_it_is_written() -> None:
    for one in (pair("s0.v0", "s1.v1"), pair("s1.v1", "s0.v0")):
        rules = rules_of(OFFER_AND_IMAGE, forbidden=[one])
        kept = [(a, b) for a in (0, 1) for b in (0, 1) if rules.allow((a, b))]
        assert kept == [(0, 0), (1, 0), (1, 1)]


def test_a_required_pair_binds_the_first_and_leaves_the_second_free() -> None:
    rules = rules_of(named(2, 3), required=[pair("s0.v1", "s1.v2")])
    assert [b for b in range(3) if rules.allow((1, b))] == [2]
    assert [b for b in range(3) if rules.allow((0, b))] == [0, 1, 2]


def test_a_variant_whose_requirement_is_not_allowed_now_is_not_allowed_either() -> None:
    rules = rules_of(OFFER_AND_IMAGE, required=[pair("s0.v1", "s1.v9"), pair("s0.v7", "s1.v0")])
    assert allowed_by_rules(rules) == ((True, False), (True, True))


def test_a_chain_of_requirements_that_ends_nowhere_excludes_all_of_it() -> None:
    rules = rules_of(named(2, 2, 2), required=[pair("s0.v1", "s1.v1"), pair("s1.v1", "s2.v9")])
    assert allowed_by_rules(rules) == ((True, False), (True, False), (True, True))


def test_a_variant_that_is_forbidden_beside_all_of_a_slot_is_not_allowed() -> None:
    rules = rules_of(OFFER_AND_IMAGE, forbidden=[pair("s0.v0", "s1.v0"), pair("s0.v0", "s1.v1")])
    assert allowed_by_rules(rules) == ((False, True), (True, True))


def test_a_forbidden_pair_with_a_variant_that_is_not_there_forbids_nothing() -> None:
    rules = rules_of(OFFER_AND_IMAGE, forbidden=[pair("s0.v0", "s1.v9"), pair("s5.v0", "s1.v0")])
    assert allowed_by_rules(rules) == ((True, True), (True, True))


def test_within_one_slot_a_prohibition_says_nothing_and_a_requirement_excludes_the_first() -> None:
    rules = rules_of(named(3), forbidden=[pair("s0.v0", "s0.v1")], required=[pair("s0.v2", "s0.v1")])
    assert allowed_by_rules(rules) == ((True, True, False),)
    assert rules.tied == ()


def test_a_pair_of_a_variant_with_itself() -> None:
    rules = rules_of(named(3), forbidden=[pair("s0.v0", "s0.v0")], required=[pair("s0.v1", "s0.v1")])
    assert allowed_by_rules(rules) == ((False, True, True),)


def test_rules_that_contradict_each_other_leave_nothing() -> None:
    everything = [pair(f"s0.v{a}", f"s1.v{b}") for a in (0, 1) for b in (0, 1)]
    assert allowed_by_rules(rules_of(OFFER_AND_IMAGE, forbidden=everything)) == ((False, False), (False, False))


def test_slots_that_contradict_each_other_leave_nothing_of_a_third_either() -> None:
    everything = [pair(f"s1.v{b}", f"s2.v{c}") for b in (0, 1) for c in (0, 1)]
    assert not any(map(any, allowed_by_rules(rules_of(named(2, 2, 2), forbidden=everything))))


def test_a_slot_without_variants_leaves_nothing() -> None:
    assert allowed_by_rules(rules_of(named(2, 0))) == ((False, False), ())
