"""What people do on a site or in an app, as events that the workspace's own tag rules turn into tags."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple

from schemas.ids import Tag
from schemas.library import TagRule, WorkspaceSettings

LOOKED = "Item Viewed"
"""Stands where a rule takes events of any name, or there is no rule at all."""
BOUGHT = "Order Completed"
FOREIGN_SHARE = 0.3
"""Part of the lightest acts that has nothing to do with one's tastes: presents, chance, somebody else at the keyboard.
Of weightier acts less, with the root of their weight: the more an act costs, the less it is done by the way, which is
why a workspace gives it more weight. Over all acts of the sample workspace it is a quarter."""

Interest = Callable[[float], Tag | None]
"""A tag somebody is after, or, with the chance that is given, one that is none of his; None where there are no tags."""


class Deed(NamedTuple):
    """A track call to be: its name and properties."""

    name: str
    properties: Mapping[str, Any]


class Browsing:
    """Turns interest in a tag into events, by the rules of a workspace.

    The rule that weighs most is what buying is told by; the others are browsing, the lighter the more often, for
    a look costs less than a rating. A tag that no rule can say is browsed without saying it.
    """

    def __init__(self, settings: WorkspaceSettings) -> None:
        rules = sorted((rule for rule in settings.tags if rule.weight > 0), key=lambda rule: rule.weight)
        self._lightest = rules[0].weight if rules else 1.0
        self._buying = rules[-1] if rules else None
        self._looking = rules[:-1] or rules

    def look(self, interest: Interest, chance: Random) -> Deed:
        """Something looked at, rated, played: whatever the rules listen to."""
        if not self._looking:
            return Deed(LOOKED, {})
        rule = chance.choices(self._looking, [1 / rule.weight for rule in self._looking])[0]
        tag = interest(self._foreign_share(rule))
        if tag is None:
            return Deed(LOOKED, {})
        if not _can_say(rule, tag):
            others = [other for other in self._looking if _can_say(other, tag)]
            if not others:
                return Deed(LOOKED, {})
            rule = chance.choice(others)
        return _deed(rule, tag, LOOKED, chance)

    def buy(self, interest: Interest, chance: Random) -> Deed:
        """Something bought."""
        if self._buying is None:
            return Deed(BOUGHT, {})
        tag = interest(self._foreign_share(self._buying))
        return _deed(self._buying, tag, BOUGHT, chance) if tag and _can_say(self._buying, tag) else Deed(BOUGHT, {})

    def _foreign_share(self, rule: TagRule) -> float:
        return float(FOREIGN_SHARE * (self._lightest / rule.weight) ** 0.5)


def _can_say(rule: TagRule, tag: Tag) -> bool:
    return tag.startswith(rule.prefix) and len(tag) > len(rule.prefix)


def _deed(rule: TagRule, tag: Tag, unnamed: str, chance: Random) -> Deed:
    name = chance.choice(rule.events) if rule.events else unnamed
    written = tag[len(rule.prefix) :].title()
    value = written if written.lower() == tag[len(rule.prefix) :] else tag[len(rule.prefix) :]
    return Deed(name, placed(rule.property.split("."), value))


def placed(path: list[str], value: str) -> dict[str, Any]:
    """Properties that hold a value at a rule's path.

    >>> placed(["products[]", "category"], "Jazz"), placed(["genres"], "Jazz")
    ({'products': [{'category': 'Jazz'}]}, {'genres': ['Jazz']})
    """
    name, each = path[0].removesuffix("[]"), path[0].endswith("[]")
    if len(path) > 1:
        inner: Any = placed(path[1:], value)
        return {name: [inner] if each else inner}
    return {name: [value] if each or name.endswith("s") else value}
