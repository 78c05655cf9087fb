"""Values in conditions: their kinds, and how what was told as words is read as a number or as true."""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

Value = str | float | bool | None
"""None is what is not known."""


class Root(StrEnum):
    """What a name begins with."""

    LOCALE = "locale"
    ZONE = "zone"
    DEVICE = "device"
    TRAITS = "traits"
    TAGS = "tags"
    FEATURES = "features"


class Facts(NamedTuple):
    """What is known of a person at one moment, as conditions ask for it.

    locale, zone, device  empty where not known; the device is the kind that the person uses most
    traits    as they were told, in words
    tags      the part of the person's engagement that goes to each; of others it is 0
    features  the value of a feature by its name: a number, a text, or for a share a number for each key
    """

    locale: str
    zone: str
    device: str
    traits: Mapping[Any, str]
    tags: Mapping[Any, float]
    features: Callable[[str], float | str | Mapping[str, float] | None]


Evaluate = Callable[[Facts], Value]


class Kind(StrEnum):
    """What a part of a condition is; what is told as words may be any of the others."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"
    ANY = "trait"


def kind_of_comparison(one: Kind, other: Kind, *, is_order: bool) -> Kind | None:
    """As what two kinds are compared; None where they cannot be."""
    if is_order:
        return Kind.NUMBER if {one, other} <= {Kind.NUMBER, Kind.ANY} else None
    if one is other:
        return Kind.TEXT if one is Kind.ANY else one
    if Kind.ANY in (one, other):
        return other if one is Kind.ANY else one
    return None


def as_text(value: Value) -> str | None:
    """A value in words.

    >>> as_text(3.0), as_text("gold")
    ('3', 'gold')
    """
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else f"{value:.15g}"


def as_number(value: Value) -> float | None:
    """A number that was told as words; None for other words.

    >>> as_number("34"), as_number("many"), as_number("nan")
    (34.0, None, None)
    """
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def as_truth(value: Value) -> bool | None:
    """True and false as words; None for other words.

    >>> as_truth("true"), as_truth("False"), as_truth("yes")
    (True, False, None)
    """
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


_READ: Mapping[Kind, Callable[[Value], Value]] = {
    Kind.TEXT: as_text,
    Kind.NUMBER: as_number,
    Kind.TRUTH: as_truth,
}


def _as_it_is(evaluate: Evaluate) -> Evaluate:
    return evaluate


def _reading(read: Callable[[Value], Value]) -> Callable[[Evaluate], Evaluate]:
    return lambda evaluate: lambda facts: read(evaluate(facts))


COERCED: Mapping[tuple[Kind, Kind], Callable[[Evaluate], Evaluate]] = {
    **{(Kind.ANY, kind): _reading(read) for kind, read in _READ.items()},
    **{(kind, kind): _as_it_is for kind in _READ},
}
"""How a part of one kind is evaluated as another."""


def nearest(name: str, known: Sequence[str], otherwise: str) -> str:
    """How to mend a name that there is none of.

    >>> nearest("trait", ["traits", "tags"], "choose another")
    'Did you mean traits? There are traits and tags; otherwise choose another.'
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    mend = f"Did you mean {close[0]}? " if close else ""
    listed = " and ".join([", ".join(known[:-1]), known[-1]] if len(known) > 1 else list(known))
    told = f"There are {listed}; otherwise {otherwise}." if known else f"There is none yet: {otherwise}."
    return mend + told


def comparison(compare: Callable[[Any, Any], bool], one: Evaluate, other: Evaluate) -> Evaluate:
    """Two parts compared; not known where one of them is not."""

    def compared(facts: Facts) -> Value:
        left = one(facts)
        if left is None:
            return None
        right = other(facts)
        return None if right is None else compare(left, right)

    return compared


def negation(part: Evaluate) -> Evaluate:
    """The contrary; of what is not known, not known."""

    def negated(facts: Facts) -> Value:
        value = part(facts)
        return None if value is None else not value

    return negated


def all_of(parts: list[Evaluate]) -> Evaluate:
    """True where all parts are, false where one is."""
    return parts[0] if len(parts) == 1 else lambda facts: _joined(parts, facts, decisive=False)


def any_of(parts: list[Evaluate]) -> Evaluate:
    """True where one part is, false where all are."""
    return parts[0] if len(parts) == 1 else lambda facts: _joined(parts, facts, decisive=True)


def _joined(parts: list[Evaluate], facts: Facts, *, decisive: bool) -> Value:
    """One decisive part decides; else one that is not known leaves it open."""
    found: Value = not decisive
    for part in parts:
        value = part(facts)
        if value is decisive:
            return decisive
        if value is None:
            found = None
    return found
