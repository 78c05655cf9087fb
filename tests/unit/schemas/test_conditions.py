"""The language of conditions: what holds, what is not known, and what is refused where."""

from collections.abc import Mapping

import pytest

from schemas.condition_values import Facts, Root
from schemas.conditions import CONDITION_LENGTH_MAX, Condition, Flaw, read_condition
from schemas.library import DeclaredFeature

DECLARED = (
    DeclaredFeature("spent_90d", "sum"),
    DeclaredFeature("shops", "share"),
    DeclaredFeature("last_shop", "last"),
)
FEATURES: Mapping[str, float | Mapping[str, float]] = {
    "spent_90d": 120.0,
    "shops": {"Bristol": 0.75, "Bath": 0.25},
    "last_shop": {"Bath": 1.0},
    "orders": 3.0,
}
ANA = Facts(
    locale="en-GB",
    zone="",
    device="mobile",
    traits={"plan": "gold", "age": "34", "vip": "true", "first name": "Ana", "city": "Zürich"},
    tags={"sci-fi": 0.3, "jazz": 0.1},
    features=FEATURES.get,
)


def condition(text: str) -> Condition:
    found = read_condition(text, DECLARED)
    assert isinstance(found, Condition), found
    return found


def flaw(text: str) -> Flaw:
    found = read_condition(text, DECLARED)
    assert isinstance(found, Flaw)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "traits.plan == 'gold' and tags['sci-fi'] > 0.2",
        "  traits.plan\n == 'gold'  ",
        "traits['first name'] == 'Ana'",
        "traits.city == 'Zürich' and traits.age > 33",
        "traits.plan in ['gold', 'silver']",
        "traits.plan not in ['free']",
        "traits.age in [33, 34]",
        "traits.vip",
        "traits.vip == true and not traits.vip == False",
        "0.05 < tags.jazz <= 0.1",
        "tags.folk == 0 and not tags.folk > 0",
        "features.spent_90d >= 120 and features.orders > 2",
        "features.shops['Bristol'] > 0.7 and features.shops['Rome'] == 0",
        "features.last_shop == 'Bath'",
        "starts_with(locale, 'en') and device == 'mobile'",
        "known(traits.plan) and not known(zone) and not known(traits.nick)",
        "traits.nick == 'x' or tags.jazz > 0",
        "(true or traits.nick > 3) and -1 < tags.jazz",
        "traits.plan != traits.city",
    ],
)
def test_what_holds(text: str) -> None:
    assert condition(text).holds(ANA)


@pytest.mark.parametrize(
    "text",
    [
        "traits.plan == 'Gold'",
        "traits.nick == 'x'",
        "not traits.nick == 'x'",
        "traits.nick != 'x'",
        "traits.nick not in ['x']",
        "traits.plan > 3",
        "not traits.plan > 3",
        "traits.plan",
        "zone == 'Europe/London' or zone != 'Europe/London'",
        "starts_with(traits.nick, '')",
        "tags['Sci-Fi'] > 0",
        "true and traits.nick == 'x'",
    ],
)
def test_what_is_not_known_holds_as_little_as_what_is_false(text: str) -> None:
    assert not condition(text).holds(ANA)


@pytest.mark.parametrize(
    ("text", "offset", "message", "mend"),
    [
        ("", 0, "empty", "Write"),
        ("traits.plan = 'gold'", 12, "'='", "=="),
        ("true && false", 5, "'&&'", "and"),
        ("true and !false", 9, "'!'", "not"),
        ("true and trait.plan == 'a'", 9, "no name trait.plan", "Did you mean traits?"),
        ("true and divice == 'a'", 9, "no name 'divice'", "Did you mean device?"),
        ("'ü' == 'ü' and features.spent_90 > 1", 15, "no feature 'spent_90'", "Did you mean spent_90d?"),
        ("features.shops > 1", 0, "share", "shops['…']"),
        ("features.shop['x'] > 1", 0, "no share", "Did you mean shops?"),
        ("  locale > 'en'", 2, "no order", "Compare"),
        ("tags.jazz == 'x'", 0, "a number is never compared with a text", "Compare"),
        ("tags.jazz", 0, "a number, not a condition", "Compare"),
        ("tags.sci-fi > 1", 0, "not part", "brackets"),
        ("traits.a.b == 1", 0, "not part", "names"),
        ("'x' in tags", 7, "list of values", "tags.jazz > 0"),
        ("traits.plan in []", 15, "list of values", "gold"),
        ("open('x')", 0, "called", "known"),
        ("known('x')", 6, "not part", "names"),
        ("known(traits.plan, 1)", 0, "called", "known"),
        ("starts_with(locale, 3)", 0, "called", "starts_with"),
        ("().__class__", 0, "not part", "names"),
        ("traits.__class__.x == 1", 0, "not part", "names"),
        ("f'{locale}' == 'x'", 0, "not part", "names"),
        ("[x for x in tags] == 1", 0, "not part", "names"),
        ("(lambda: true)()", 0, "called", "known"),
        ("locale == 'a' # or true", 14, "comment", "Leave"),
        ("locale == '\\x61'", 11, "backslash", "character"),
        ("tags.jazz > 1e999", 12, "no value", "number"),
        ("tags.jazz > 3j", 12, "no value", "number"),
        ("tags.jazz is 1", 0, "compared by", "one of them"),
        ("locale == b'x'", 10, "no value", "text"),
        ("locale == 'x" + "x" * CONDITION_LENGTH_MAX + "'", 0, "characters", "fewer"),
        ("(" * 250 + ")" * 250, 0, "no condition", "Write"),
        ("a\0b", 0, "no condition", "Write"),
    ],
)
def test_what_is_refused_and_where(text: str, offset: int, message: str, mend: str) -> None:
    found = flaw(text)
    assert message in found.message
    assert mend in found.mend
    if "no condition" not in message:
        assert found.offset == offset


def test_it_tells_which_names_it_holds() -> None:
    found = condition("traits.plan == 'gold' or (tags['sci-fi'] > 0.2 and locale == 'en')")
    assert [(name.root, name.name, name.offset) for name in found.names] == [
        (Root.TRAITS, "plan", 0), (Root.TAGS, "sci-fi", 26), (Root.LOCALE, "", 51),
    ]  # fmt: skip
    assert found.names_of(Root.TRAITS) == {"plan"}


def test_a_feature_must_be_declared() -> None:
    assert isinstance(read_condition("features.spent_90d > 1"), Flaw)
    assert isinstance(read_condition("features.orders > 1"), Condition)
