"""Conditions: a small, safe language over what is known of a person. `docs/conditions.md` tells it in words.

A condition is read by Python's own parser and never run by Python: each part that the language knows becomes a function
of `Facts`, and everything else is a flaw. There are no loops, no calls but two, no attributes but names, so a condition
takes time in proportion to its length, which is bounded. What is not known of a person is neither true nor false
(Kleene's three values): `or` may still hold by its other side, and `not` of it is not known either.
"""

import ast
import re
from functools import lru_cache
from typing import NamedTuple

from schemas.condition_reader import Flawed, Reader
from schemas.condition_values import Evaluate, Facts, Root
from schemas.library import DeclaredFeature

CONDITION_LENGTH_MAX = 500
CONDITIONS_KEPT = 4_096
"""Compiled conditions that are remembered over releases."""
_SINGLE_EQUALS = re.compile(r"(?<![=!<>])=(?!=)")


class Name(NamedTuple):
    """A name that a condition holds, and where: characters from its beginning."""

    root: Root
    name: str
    offset: int


class Flaw(NamedTuple):
    """What is wrong in a condition, and where: characters from its beginning."""

    offset: int
    message: str
    mend: str


class Condition(NamedTuple):
    """A condition, ready to ask.

    names  those it holds: where what they stand for changes, it may have another answer
    """

    text: str
    names: tuple[Name, ...]
    evaluate: Evaluate

    def holds(self, facts: Facts) -> bool:
        """Whether it surely holds for a person; what is not known does not."""
        return self.evaluate(facts) is True

    def names_of(self, root: Root) -> frozenset[str]:
        """The names of one kind that it holds."""
        return frozenset(name.name for name in self.names if name.root is root)


@lru_cache(maxsize=CONDITIONS_KEPT)
def read_condition(text: str, declared: tuple[DeclaredFeature, ...] = ()) -> Condition | Flaw:
    """A condition of its text, or the first flaw in it.

    declared  features of the workspace, which `features.NAME` may name

    >>> from types import MappingProxyType
    >>> condition = read_condition("traits.plan == 'gold' and tags['sci-fi'] > 0.2")
    >>> condition.holds(Facts("en", "", "", {"plan": "gold"}, {"sci-fi": 0.3}, MappingProxyType({}).get))
    True
    >>> read_condition("traits.plan = 'gold'")
    Flaw(offset=12, message="'=' does not belong here", mend='Write == to compare.')
    """
    one_line = text.replace("\n", " ").replace("\r", " ")
    start = len(one_line) - len(one_line.lstrip())
    source = one_line.strip()
    if len(text) > CONDITION_LENGTH_MAX:
        message = f"a condition has at most {CONDITION_LENGTH_MAX} characters, this has {len(text)}"
        return Flaw(0, message, "Say it in fewer words.")
    if "\\" in source:
        return Flaw(start + source.index("\\"), "a condition holds no backslash", "Write the character itself.")
    try:
        tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return _not_read(source, start, error)
    rest = source.encode()[tree.end_col_offset :].decode()
    if rest.strip(") "):
        return Flaw(start + len(source) - len(rest.lstrip(") ")), "a condition holds no comment", "Leave it out.")
    reader = Reader({feature.name: feature for feature in declared})
    try:
        part = reader.truth(tree)
    except Flawed as flaw:
        return Flaw(start + _offset(source, flaw.node), str(flaw), flaw.mend)
    names = tuple(Name(root, name, start + _offset(source, node)) for root, name, node in reader.names)
    return Condition(text, names, part)


def _not_read(source: str, start: int, error: BaseException) -> Flaw:
    """What Python's parser could not read, in our own words."""
    offset = min(max((getattr(error, "offset", None) or 1) - 1, 0), len(source))
    equals = _SINGLE_EQUALS.search(source)
    if equals:
        return Flaw(start + equals.start(), "'=' does not belong here", "Write == to compare.")
    for sign, word in (("&&", "and"), ("||", "or"), ("!", "not")):
        at = source.find(sign)
        if at >= 0 and source[at + 1 : at + 2] != "=":
            return Flaw(start + at, f"{sign!r} does not belong here", f"Write {word}.")
    mend = "Write something like traits.plan == 'gold' and tags['sci-fi'] > 0.2."
    return Flaw(start + offset, "this is no condition" if source else "the condition is empty", mend)


def _offset(source: str, node: ast.AST) -> int:
    """Where a part begins, in characters: the parser counts bytes."""
    return len(source.encode()[: getattr(node, "col_offset", 0)].decode())
