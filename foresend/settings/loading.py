"""Build a settings dataclass from a TOML file, the environment and the command line, in rising order.

A field `port` of section `collect` is `[collect] port = …` in the file and `FORESEND_COLLECT_PORT`
in the environment. `FORESEND_COLLECT_PORT_FILE` names a file that holds the value, as secrets are mounted; lists may
have a line there for each entry. A field that is itself a dataclass is a section of its own, named like the field.
A dataclass may have a method `problems() -> list[str]` that tells what ranges and relations it breaks.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_origin, get_type_hints

from schemas.errors import ConfigError

T = TypeVar("T")

PREFIX = "FORESEND"
FILE = "_FILE"
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class _Unreadable(Exception):
    """A value that has not the type of its field; told to the operator among the other problems."""


def load(
    kind: type[T],
    section: str,
    *,
    environment: Mapping[str, str],
    file: Path | None = None,
    given: Mapping[str, Any] = _NOTHING,
) -> T:
    """The settings of one program.

    kind     a frozen dataclass whose fields are str, int, float, bool, Path, Path | None, tuple[str, ...],
             dict[str, str] (`key:value,…` in the environment) or such a dataclass
    section  its name in the file and the environment
    given    from the command line, by field name; `section.field` for those of a nested one. None: not given

    Raises:
        ConfigError: with every problem found.
    """
    source = _Source(environment, _read_file(file), {k: v for k, v in given.items() if v is not None})
    loaded = source.build(kind, section, "")
    problems = source.problems
    if loaded is None or problems:
        raise ConfigError(problems)
    return loaded


def _read_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"settings file {file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"settings file {file}: is not TOML: {error}") from error


class _Source:
    """Where values come from, and the problems met so far."""

    def __init__(self, environment: Mapping[str, str], tables: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        self._environment = environment
        self._tables = tables
        self._given = given
        self.problems: list[str] = []

    def build(self, kind: type[T], section: str, path: str) -> T | None:
        """The dataclass, or None when a field of it cannot be read."""
        hints = get_type_hints(kind)
        table = self._table(section)
        values: dict[str, Any] = {}
        readable = True
        fields = dataclasses.fields(kind)  # type: ignore[arg-type]
        self._refuse_unknown(section, table, fields)
        for field in fields:
            hint = hints[field.name]
            if isinstance(hint, type) and dataclasses.is_dataclass(hint):
                nested = self.build(hint, field.name, f"{field.name}.")
                readable = readable and nested is not None
                values[field.name] = nested
                continue
            try:
                found, value = self._value(section, table, path, field, hint)
            except _Unreadable as error:
                self.problems.append(str(error))
                readable = False
                continue
            if found:
                values[field.name] = value
            elif _is_required(field):
                variable = _variable(section, field.name)
                self.problems.append(f"{section}.{field.name}: is needed; set {variable} or give it otherwise")
                readable = False
        if not readable:
            return None
        built = kind(**values)
        self.problems.extend(getattr(built, "problems", list)())
        return built

    def _table(self, section: str) -> Mapping[str, Any]:
        table = self._tables.get(section, {})
        if isinstance(table, dict):
            return table
        self.problems.append(f"{section}: expected a table [{section}] in the settings file")
        return {}

    def _refuse_unknown(
        self, section: str, table: Mapping[str, Any], fields: tuple[dataclasses.Field[Any], ...]
    ) -> None:
        """A misspelt setting would silently be its default."""
        names = [field.name for field in fields]
        self.problems.extend(
            f"{section}.{name}: no such setting; known: {', '.join(names)}" for name in table if name not in names
        )
        start = _variable(section, "")
        variables = {_variable(section, field.name) for field in fields}
        known = variables | {variable + FILE for variable in variables}
        self.problems.extend(
            f"{name}: no such setting of {section}"
            for name in self._environment
            if name.startswith(start) and name not in known
        )

    def _value(
        self, section: str, table: Mapping[str, Any], path: str, field: dataclasses.Field[Any], hint: Any
    ) -> tuple[bool, Any]:
        name, variable = field.name, _variable(section, field.name)
        if path + name in self._given:
            return True, _typed(self._given[path + name], hint, f"{section}.{name}")
        if variable + FILE in self._environment:
            if variable in self._environment:
                raise _Unreadable(f"{variable}: is set beside {variable}{FILE}; expected one of them")
            return True, _typed_file(Path(self._environment[variable + FILE]), hint, variable + FILE)
        if variable in self._environment:
            return True, _typed(self._environment[variable], hint, variable)
        if name in table:
            return True, _typed(table[name], hint, f"{section}.{name}")
        return False, None


def _variable(section: str, name: str) -> str:
    return f"{PREFIX}_{section}_{name}".upper()


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _typed_file(file: Path, hint: Any, where: str) -> Any:
    """The value that a file holds. Its text is never quoted: what stands in a file may be a secret."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise _Unreadable(f"{where}: {file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _Unreadable(f"{where}: {file}: expected UTF-8") from error
    if get_origin(hint) in {tuple, dict}:
        text = ",".join(text.splitlines())
    try:
        return _typed(text, hint, f"{where}: {file}")
    except _Unreadable as error:
        # Mutant: hand the message on; then `test_what_a_file_holds_is_never_quoted` fails.
        raise _Unreadable(str(error).partition(", got ")[0]) from None


def _typed(value: Any, hint: Any, where: str) -> Any:
    if hint == Path | None:
        hint = Path
    if get_origin(hint) is tuple:
        return _strings(value, where)
    if get_origin(hint) is dict:
        return _mapping(value, where)
    if hint is bool:
        return _boolean(value, where)
    # An `Any` value would pass where int is wanted: bool is an int in Python, and 1.5 is cut to 1.
    wanted: type = hint
    if isinstance(value, wanted) and not isinstance(value, bool):
        return value
    accepted = (str, int) if wanted is float else (str,)
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise _Unreadable(f"{where}: expected {_words(wanted)}, got {type(value).__name__}")
    try:
        return wanted(value)
    except ValueError:
        raise _Unreadable(f"{where}: expected {_words(wanted)}, got {value!r}") from None


def _words(wanted: type) -> str:
    return {int: "a whole number", float: "a number", str: "a text", Path: "a path"}[wanted]


def _boolean(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise _Unreadable(f"{where}: expected true or false, got {value!r}")


def _strings(value: Any, where: str) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
        raise _Unreadable(f"{where}: expected a list of texts, got {type(value).__name__}")
    return tuple(item.strip() for item in items if item.strip())


def _mapping(value: Any, where: str) -> dict[str, str]:
    if isinstance(value, dict):
        if all(isinstance(item, str) for item in value.values()):
            return dict(value)
        raise _Unreadable(f"{where}: expected texts as values")
    pairs = [pair.partition(":") for pair in _strings(value, where)]
    # The value itself may be a secret: only its place is told.
    wrong = [str(number) for number, (key, colon, item) in enumerate(pairs, 1) if not (key and colon and item)]
    if wrong:
        raise _Unreadable(f"{where}: expected key:value, …; entry {', '.join(wrong)} is not")
    return {key.strip(): item.strip() for key, _, item in pairs}
