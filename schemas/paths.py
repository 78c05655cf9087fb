"""Paths into the properties of an event: dots between names, `[]` goes through a list."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any


def values_at(properties: Mapping[str, Any], path: str) -> Iterable[Any]:
    """All values at a path; a list in the end is gone through too.

    >>> list(values_at({"products": [{"category": "Jazz"}, {"category": ["Folk", "Rock"]}]}, "products[].category"))
    ['Jazz', 'Folk', 'Rock']
    """
    steps = _steps(path)
    if len(steps) == 1 and not steps[0][1]:
        # By far the most paths are one name, and every event is asked for them.
        value = properties.get(steps[0][0])
        return value if isinstance(value, list) else (value,)
    return _values(properties, steps)


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[tuple[str, bool], ...]:
    """Each name, and whether a list there is gone through."""
    return tuple((name.removesuffix("[]"), name.endswith("[]")) for name in path.split("."))


def _values(node: Any, steps: Sequence[tuple[str, bool]]) -> Iterator[Any]:
    if not steps:
        yield from node if isinstance(node, list) else (node,)
        return
    if isinstance(node, dict):
        name, each = steps[0]
        child = node.get(name)
        for item in child if each and isinstance(child, list) else (child,):
            yield from _values(item, steps[1:])
