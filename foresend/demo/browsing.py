"""What people do on a site or in an app, as events that the workspace's own tag rules turn into tags."""

from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from schemas.ids import Tag
from schemas.library import TagRule, WorkspaceSettings

LOOKED = "Item Viewed"
"""Stands where a rule takes events of any name, or there is no rule at all."""
BOUGHT = "Order Completed"


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
        self._buying = rules[-1] if rules else None
        self._looking = rules[:-1] or rules

    def look(self, tag: Tag | None, chance: Random) -> Deed:
        """Something looked at, rated, played: whatever the rules listen to."""
        rules = [rule for rule in self._looking if _can_say(rule, tag)]
        if tag is None or not rules:
            return Deed(LOOKED, {})
        return _deed(chance.choices(rules, [1 / rule.weight for rule in rules])[0], tag, LOOKED, chance)

    def buy(self, tag: Tag | None, chance: Random) -> Deed:
        """Something bought."""
        if tag is None or self._buying is None or not _can_say(self._buying, tag):
            return Deed(BOUGHT, {})
        return _deed(self._buying, tag, BOUGHT, chance)


def _can_say(rule: TagRule, tag: Tag | None) -> bool:
    return tag is not None and tag.startswith(rule.prefix) and len(tag) > len(rule.prefix)


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
