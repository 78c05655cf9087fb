"""What is true of every condition: it is read or refused, never runs anything, and keeps to three values."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.condition_values import Facts
from schemas.conditions import Condition, Flaw, read_condition

NAMES = ("a", "b", "c")
PIECES = st.sampled_from(
    [
        "traits", "tags", "features", "locale", "known", "starts_with", ".", "a", "orders", "[", "]", "(", ")", "'x'",
        "'", "1", "0.2", "-", "==", "<", ">", "!=", " and ", " or ", " not ", " in ", "true", ",", " ", "ü",
        "__class__", "lambda:", "if", "else", "#", "{", "}", "*", "\n", "\\", ":=",
    ]
)  # fmt: skip


def formulas() -> st.SearchStrategy[tuple[str, Any]]:
    """A text, and the same as a tree: a name, or an operation and its parts."""
    leaves = st.sampled_from(NAMES).map(lambda name: (f"traits.{name}", name))

    def grown(parts: st.SearchStrategy[tuple[str, Any]]) -> st.SearchStrategy[tuple[str, Any]]:
        negated = parts.map(lambda part: (f"not ({part[0]})", ("not", part[1])))
        joined = st.tuples(st.sampled_from(["and", "or"]), parts, parts).map(
            lambda three: (f"({three[1][0]}) {three[0]} ({three[2][0]})", (three[0], three[1][1], three[2][1]))
        )
        return negated | joined

    return st.recursive(leaves, grown, max_leaves=8).filter(lambda both: len(both[0]) < 400)


def by_tables(tree: Any, known: dict[str, bool | None]) -> bool | None:
    """Kleene's logic by numbers: false 0, not known 1, true 2; `and` is the least, `or` the greatest."""
    rank = {False: 0, None: 1, True: 2}
    back: dict[int, bool | None] = {0: False, 1: None, 2: True}
    if isinstance(tree, str):
        return known[tree]
    if tree[0] == "not":
        return back[2 - rank[by_tables(tree[1], known)]]
    sides = [rank[by_tables(side, known)] for side in tree[1:]]
    return back[min(sides) if tree[0] == "and" else max(sides)]


def facts(traits: dict[str, str]) -> Facts:
    return Facts("", "", "", traits, {}, lambda _name: None)


@given(formulas(), st.fixed_dictionaries(dict.fromkeys(NAMES, st.sampled_from([True, False, None]))))
def test_three_values_as_kleene_defined_them(formula: tuple[str, Any], known: dict[str, bool | None]) -> None:
    """Fails where `not` of what is not known is taken for true, or `or` asks its first side alone."""
    text, tree = formula
    found = read_condition(text)
    assert isinstance(found, Condition)
    traits = {name: str(value).lower() for name, value in known.items() if value is not None}
    assert found.evaluate(facts(traits)) is by_tables(tree, known)
    assert found.holds(facts(traits)) is (by_tables(tree, known) is True)


@given(
    st.lists(PIECES, max_size=20).map("".join) | st.text(max_size=60), st.dictionaries(st.text(max_size=3), st.text())
)
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str, traits: dict[str, str]) -> None:
    found = read_condition(text)
    if isinstance(found, Flaw):
        assert 0 <= found.offset <= len(text)
        assert found.message
        assert found.mend
    else:
        assert found.evaluate(facts(traits)) in {True, False, None}
