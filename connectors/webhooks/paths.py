"""Ways into a payload, as a provider's mapping names them.

Steps are joined by dots: a key, the place in a list, `[Name]` for the value of a header of that name. `^` is what an
object was unwrapped from, `@` the recipient that an event is about.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

OUTER = "^"
RECIPIENT = "@"


def text_at(piece: Any, paths: Iterable[str]) -> str:
    """The first text or number found at one of the paths; empty where there is none.

    >>> text_at({"a": {"b": ["x"]}, "n": 1.5}, ["c", "a.b"]), text_at({"n": 1.5}, ["n"])
    ('x', '1.5')
    """
    for value in found_at(piece, paths):
        text = _text(value)
        if text:
            return text
    return ""


def found_at(piece: Any, paths: Iterable[str]) -> Iterator[Any]:
    """What is found at the paths, in their order, without what is missing or null."""
    for path in paths:
        value = _value_at(piece, path)
        if value is not None:
            yield value


def _value_at(piece: Any, path: str) -> Any:
    value = piece
    for step in _steps(path):
        value = _inside(value, step)
    return value


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _inside(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if not isinstance(value, list):
        return None
    if step.startswith("["):
        return next((one.get("value") for one in value if _is_named(one, step[1:-1])), None)
    return value[int(step)] if step.isdigit() and int(step) < len(value) else None


def _is_named(header: Any, name: str) -> bool:
    return isinstance(header, dict) and str(header.get("name", "")).casefold() == name.casefold()


def _text(value: Any) -> str:
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value).strip()
    return ""
