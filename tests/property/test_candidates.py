"""What is true of candidates for all distributions and all rules, checked against brute force."""

import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.candidates import marginals, select, uncovered
from online_models.likeliest import likeliest
from online_models.policies.policy import floor_of
from online_models.policies.softmax import Softmax
from online_models.rules import Rules, allowed_by_rules
from schemas.ids import VariantId
from schemas.library import ContentRules, Pair
from tests.support.combinations import Named, allowed, fewest_covering, likelihood, named
from tests.support.examples import quick

_Template = tuple[Named, ContentRules, list[tuple[float, ...]], float]
seeds = st.integers(0, 2**64 - 1)


@st.composite
def templates(draw: st.DrawFn, slots_max: int = 4, variants_max: int = 4, pairs_max: int = 14) -> _Template:
    """Slots, rules over them (also ones that name what is not there), and a distribution for each slot."""
    slots = named(*draw(st.lists(st.integers(1, variants_max), min_size=1, max_size=slots_max)))
    places = [(name, variant) for name, variants in slots for variant in variants]
    places.append((slots[0][0], VariantId("not-allowed-now")))
    pairs = st.builds(Pair, st.sampled_from(places), st.sampled_from(places))
    across = pairs.filter(lambda one: one.first[0] != one.second[0])
    forbidden = draw(st.lists(across, max_size=pairs_max)) if len(slots) > 1 else []
    required = draw(st.lists(across, max_size=2)) if len(slots) > 1 else []
    floor = draw(st.sampled_from([0.0, 0.01, 0.05]))
    policy = Softmax(temperature=draw(st.sampled_from([0.1, 1.0])), floor=floor)
    scores = [[draw(st.integers(-20, 20)) / 10 for _ in variants] for _, variants in slots]
    distributions = [policy.probabilities(one, [0.0] * len(one)) for one in scores]
    return slots, ContentRules(tuple(forbidden), tuple(required)), distributions, floor


@given(template=templates())
@quick
def test_allowed_by_rules_is_what_stands_in_any_allowed_combination(template: _Template) -> None:
    slots, rules, _, _ = template
    every = allowed(slots, rules)
    expected = tuple(
        tuple(any(choice[slot] == v for choice in every) for v in range(len(variants)))
        for slot, (_, variants) in enumerate(slots)
    )
    assert allowed_by_rules(Rules.of(rules, slots)) == expected


@given(template=templates(), seed=seeds)
@quick
def test_the_search_meets_every_allowed_combination_once_in_order_of_likelihood(template: _Template, seed: int) -> None:
    slots, rules, distributions, _ = template
    found = list(likeliest(distributions, Rules.of(rules, slots), Random(seed)))
    assert sorted(found) == allowed(slots, rules)
    values = [likelihood(distributions, choice) for choice in found]
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in pairwise(values))


@given(template=templates(), count=st.integers(1, 24), seed=seeds)
@quick
def test_candidates_keep_the_rules_the_number_and_the_sum(template: _Template, count: int, seed: int) -> None:
    slots, rules, distributions, floor = template
    by_index = Rules.of(rules, slots)
    chosen = select(distributions, by_index, count, floor, seed)
    every = set(allowed(slots, rules))
    assert len(chosen) <= count
    assert {choice for choice, _ in chosen} <= every
    assert len({choice for choice, _ in chosen}) == len(chosen)
    assert bool(chosen) == bool(every)
    if chosen:
        assert math.fsum(one.probability for one in chosen) == pytest.approx(1, abs=1e-9)
        floor = floor_of(floor, max(len(variants) for _, variants in slots))
        assert min(one.probability for one in chosen) >= min(floor, 1 / len(chosen))
        ranked = [one.probability for one in chosen]
        assert ranked == sorted(ranked, reverse=True)
    assert chosen == select([list(p) for p in distributions], by_index, count, floor, seed)


@given(template=templates(slots_max=3, variants_max=3), extra=st.integers(0, 3), seed=seeds)
@quick
def test_every_allowed_variant_has_the_floor_wherever_so_many_candidates_can_cover_them(
    template: _Template, extra: int, seed: int
) -> None:
    slots, rules, distributions, floor = template
    every = allowed(slots, rules)
    if not every:
        return
    count = fewest_covering(every) + extra
    by_index = Rules.of(rules, slots)
    chosen = select(distributions, by_index, count, floor, seed)
    assert uncovered(chosen, by_index) == ()
    shown = marginals(chosen, by_index.sizes)
    for live, slot in zip(allowed_by_rules(by_index), shown, strict=True):
        assert all((p >= floor) if ok else (p == 0) for ok, p in zip(live, slot, strict=True))


@given(template=templates(slots_max=3, variants_max=3), extra=st.integers(0, 3), seed=seeds)
@quick
def test_the_likeliest_is_kept_wherever_everything_can_be_covered_with_it(
    template: _Template, extra: int, seed: int
) -> None:
    slots, rules, distributions, floor = template
    every = allowed(slots, rules)
    if not every:
        return
    best = max(every, key=lambda choice: likelihood(distributions, choice))
    count = 1 + fewest_covering(every, held=[best]) + extra
    chosen = select(distributions, Rules.of(rules, slots), count, floor, seed)
    ties = [one for one in every if likelihood(distributions, one) >= likelihood(distributions, best) * (1 - 1e-9)]
    if len(ties) == 1:
        assert best in {choice for choice, _ in chosen}


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), extra=st.integers(0, 8), seed=seeds)
@quick
def test_without_rules_as_many_of_the_likeliest_are_kept_as_leave_room_for_covers(
    sizes: list[int], extra: int, seed: int
) -> None:
    chance = Random(seed)
    distributions = []
    for size in sizes:
        weights = [chance.random() + 0.01 for _ in range(size)]
        distributions.append([weight / sum(weights) for weight in weights])
    slots, count = named(*sizes), max(sizes) + extra
    ranked = sorted(allowed(slots, ContentRules()), key=lambda choice: -likelihood(distributions, choice))
    fits = [
        kept
        for kept in range(1, len(ranked) + 1)
        if kept + max(size - len({c[slot] for c in ranked[:kept]}) for slot, size in enumerate(sizes)) <= count
    ]
    chosen = select(distributions, Rules.of(ContentRules(), slots), count, 0.0, seed)
    assert {choice for choice, _ in chosen} >= set(ranked[: max(fits)])
    assert len(chosen) == min(count, len(ranked))
    assert uncovered(chosen, Rules.of(ContentRules(), slots)) == ()
