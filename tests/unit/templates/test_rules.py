from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import SlotName, VariantId
from schemas.library import ContentRules, Pair, Slot, Variant
from templates.rules import Rulebook, always_valid, first_allowed


def slot(name: str, count: int) -> Slot:
    return Slot(SlotName(name), "headline", tuple(Variant(VariantId(f"v{n}"), (), {}) for n in range(count)))


def choice(name: str, variant: int) -> tuple[SlotName, VariantId]:
    return SlotName(name), VariantId(f"v{variant}")


SLOTS = (slot("a", 3), slot("b", 3), slot("c", 2))


def test_without_rules_the_first_of_each_is_taken() -> None:
    assert first_allowed(SLOTS, ContentRules()) == ("v0", "v0", "v0")


def test_a_required_second_is_taken_with_its_first() -> None:
    rules = ContentRules(required=(Pair(choice("c", 1), choice("a", 2)),))
    assert first_allowed(SLOTS, rules, fixed=choice("c", 1)) == ("v2", "v0", "v1")
    assert first_allowed(SLOTS, rules, fixed=choice("a", 0)) == ("v0", "v0", "v0")


def test_none_is_found_where_none_is_allowed() -> None:
    rules = ContentRules(
        forbidden=(Pair(choice("a", 0), choice("b", 1)),), required=(Pair(choice("a", 0), choice("b", 1)),)
    )
    assert first_allowed(SLOTS, rules, fixed=choice("a", 0)) is None
    assert first_allowed(SLOTS, rules) == ("v1", "v0", "v0")


@pytest.mark.parametrize(("start", "end", "kept"), [(0, 0, True), (1, 0, False), (0, 1, False)])
def test_only_what_has_no_bounds_is_always_valid(start: int, end: int, kept: bool) -> None:
    variant = Variant(VariantId("v"), (), {}, start, end)
    assert bool(always_valid(Slot(SlotName("a"), "headline", (variant,)))) is kept


choices = st.tuples(st.sampled_from("abc"), st.integers(0, 1)).map(lambda pair: choice(*pair))
pairs = st.builds(Pair, choices, choices).filter(lambda pair: pair.first[0] != pair.second[0])


@given(st.builds(ContentRules, st.lists(pairs, max_size=6).map(tuple), st.lists(pairs, max_size=6).map(tuple)))
def test_the_first_allowed_is_what_trying_all_would_find(rules: ContentRules) -> None:
    book = Rulebook(rules)
    names = [s.name for s in SLOTS]
    everything = product(*([variant.id for variant in s.variants] for s in SLOTS))
    fit = (
        combination
        for combination in everything
        if all(
            book.compatible((names[i], combination[i]), (names[j], combination[j]))
            for i in range(3)
            for j in range(3)
            if i != j
        )
    )
    assert first_allowed(SLOTS, rules) == next(fit, None)
