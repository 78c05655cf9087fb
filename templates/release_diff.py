"""What differs between two releases, as people read it: variants and their words, rules, settings, layouts."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Any, NamedTuple

import msgspec

from schemas.library import Layout, Release, Template

LINE_MAX = 160
"""Longer lines of a layout are broken between tags: compiled HTML has lines of thousands of characters."""
_NAMES = ("name", "id")


class Difference(NamedTuple):
    """One value that differs; None: it is not there.

    part  what of a release it belongs to: `settings`, `templates/weekly`, `templates/weekly/en`
    path  where in that part, names with dots between
    """

    part: str
    path: str
    before: str | None
    after: str | None


def differences(older: Release, newer: Release) -> list[Difference]:
    """Every value that differs. What is derived from the rest (fallbacks, dictionary, pieces) is not told."""
    before, after = _parts(older), _parts(newer)
    return [
        Difference(part, path, old.get(path), new.get(path))
        for part in dict.fromkeys((*before, *after))
        for old, new in [(before.get(part, {}), after.get(part, {}))]
        for path in dict.fromkeys((*old, *new))
        if old.get(path) != new.get(path)
    ]


def unified(older: Release, newer: Release) -> Iterator[str]:
    """The lines of a unified diff, one part after the other; none where both say the same."""
    before, after = _parts(older), _parts(newer)
    for part in dict.fromkeys((*before, *after)):
        old, new = _lines(before.get(part, {})), _lines(after.get(part, {}))
        names = (f"{older.id}/{part}" if old else "/dev/null", f"{newer.id}/{part}" if new else "/dev/null")
        yield from unified_diff(old, new, *names, lineterm="", n=1)


def _parts(release: Release) -> dict[str, dict[str, str]]:
    """What a release says, by part and path."""
    parts = {"settings": dict(_leaves("", release.settings))}
    for template in release.templates:
        name = f"templates/{template.name}"
        parts[name] = dict(_leaves("", msgspec.structs.replace(template, layouts={})))
        for locale, key in sorted(template.layouts.items()):
            layout = release.layouts.get(key)
            parts[f"{name}/{locale}"] = {} if layout is None else _texts(template, layout)
    return parts


def _texts(template: Template, layout: Layout) -> dict[str, str]:
    """The sources of a layout."""
    sources = {field: str(getattr(layout, field)) for field in layout.__struct_fields__ if field != "locale"}
    return {f"{template.kind}.{field}": text for field, text in sources.items() if text}


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every value below one, with its path; things that have a name are told by it, and their order beside them."""
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _leaves(_below(path, field), getattr(value, field))
    elif isinstance(value, Mapping):
        for name, one in sorted(value.items()):
            yield from _leaves(_below(path, name), one)
    elif isinstance(value, tuple) and value and (names := _names_of(value)):
        yield path, ", ".join(names)
        for name, one in zip(names, value, strict=True):
            yield from _leaves(_below(path, name), one)
    elif isinstance(value, tuple):
        for one in value:
            yield f"{path}[{_words(one)}]", "yes"
    elif value not in ("", None):
        yield path, _words(value)


def _names_of(values: Sequence[Any]) -> list[str]:
    """What the values are called, if all of them are structs that have a name of their own."""
    for field in _NAMES:
        if all(isinstance(one, msgspec.Struct) and field in one.__struct_fields__ for one in values):
            return [str(getattr(one, field)) for one in values]
    return []


def _words(value: Any) -> str:
    """A value in a line: of a struct its fields that say something."""
    if isinstance(value, msgspec.Struct):
        fields = zip(value.__struct_fields__, msgspec.structs.astuple(value), strict=True)
        return ", ".join(f"{name} {_words(one)}" for name, one in fields if one not in ("", (), None))
    if isinstance(value, tuple):
        return ".".join(map(_words, value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _lines(part: Mapping[str, str]) -> list[str]:
    """A part as lines: one a value, and a text of many lines as they are."""
    found = []
    for path, value in part.items():
        texts = [line for text in value.splitlines() for line in _broken(text)]
        found += [f"{path}: {texts[0] if texts else ''}"] if len(texts) < 2 else [f"{path}:", *texts]
    return found


def _broken(line: str) -> list[str]:
    return [line] if len(line) <= LINE_MAX else line.replace("><", ">\n<").splitlines()


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
