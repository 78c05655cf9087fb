"""Browsing: whatever the workspace's rules are, what people do is turned into the tags they are after."""

from random import Random

import pytest

from foresend.simulation.browsing import BOUGHT, LOOKED, Browsing, Deed, Interest
from schemas.events import EventKind
from schemas.ids import Locale, Tag
from schemas.library import Release, TagRule, WorkspaceSettings
from schemas.tagging import tags_of
from tests.support.events import event


def settings(*rules: TagRule) -> WorkspaceSettings:
    return WorkspaceSettings(default_locale=Locale("en"), timezone="UTC", tags=rules)


def after(tag: str) -> Interest:
    return lambda _foreign: Tag(tag)


def told(deed: Deed, rules: WorkspaceSettings) -> list[tuple[Tag, float]]:
    """What the engine makes of it."""
    return tags_of(event(EventKind.TRACK, name=deed.name, properties=dict(deed.properties)), rules.tags)


@pytest.mark.parametrize("tag", ["sci-fi", "jazz", "film-noir", "größe"])
def test_the_engine_hears_the_tag_one_is_after(sample_release: Release, tag: str) -> None:
    rules = sample_release.settings
    browsing, chance = Browsing(rules), Random(1)
    for _ in range(50):
        ((heard, weight),) = told(browsing.look(after(tag), chance), rules)
        assert (heard, weight < 3) == (tag, True)
        assert told(browsing.buy(after(tag), chance), rules) == [(tag, 3.0)]


@pytest.mark.parametrize(
    "rule",
    [
        TagRule("kind"),
        TagRule("a.b.kinds", ("Seen",), 2.0),
        TagRule("baskets[].goods[].kind", ("Seen",)),
        TagRule("kinds[]", prefix="kind-"),
    ],
)
def test_a_rule_of_any_form_can_be_met(rule: TagRule) -> None:
    rules = settings(rule)
    tag = f"{rule.prefix}tango"
    for deed in (Browsing(rules).look(after(tag), Random(1)), Browsing(rules).buy(after(tag), Random(1))):
        assert told(deed, rules) == [(tag, rule.weight)]


def test_light_acts_are_the_most_and_the_least_to_the_point() -> None:
    shares: dict[float, list[float]] = {}
    rules = settings(TagRule("a", ("Look",), 0.5), TagRule("b", ("Rate",), 2.0), TagRule("c", ("Buy",), 4.0))
    browsing, chance = Browsing(rules), Random(1)

    def interest(foreign: float) -> Tag:
        asked.append(foreign)
        return Tag("x")

    for _ in range(300):
        asked: list[float] = []
        ((_, weight),) = told(browsing.look(interest, chance), rules)
        shares.setdefault(weight, []).extend(asked)
    assert set(shares) == {0.5, 2.0}
    assert len(shares[0.5]) > 2 * len(shares[2.0])
    assert max(shares[2.0]) < min(shares[0.5])


def test_a_tag_that_only_one_rule_can_say_is_said_by_it() -> None:
    rules = settings(TagRule("a", ("A",), 1.0, "x-"), TagRule("b", ("B",), 1.5, "y-"), TagRule("c", ("C",), 3.0))
    browsing = Browsing(rules)
    assert {browsing.look(after("y-1"), Random(seed)).name for seed in range(20)} == {"B"}
    assert {browsing.look(after("z"), Random(seed)).name for seed in range(20)} == {LOOKED}


def test_without_rules_or_interest_people_still_come() -> None:
    assert Browsing(settings()).look(after("jazz"), Random(1)) == Deed(LOOKED, {})
    assert Browsing(settings()).buy(after("jazz"), Random(1)) == Deed(BOUGHT, {})
    rules = settings(TagRule("a", ("A",)), TagRule("b", ("B",), 2.0, "b-"))
    assert Browsing(rules).look(lambda _foreign: None, Random(1)) == Deed(LOOKED, {})
    assert Browsing(rules).buy(after("jazz"), Random(1)) == Deed(BOUGHT, {})
