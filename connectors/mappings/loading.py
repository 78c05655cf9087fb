"""Read and check a mapping file; every problem is told with its line."""

import json
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from connectors.mappings.evaluation import check_evaluation, check_expressions, evaluation_of
from connectors.mappings.model import (
    Mapping,
    OrderBy,
    Source,
)
from connectors.mappings.reading import constant_or_column, day_ms, format_of, joins_of, table_of, time_of, values_of
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from templates.problems import Problem
from templates.yaml_files import Document, read_yaml

SCHEMA = Path(__file__).with_name("mapping.schema.json")


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text()))


def load_mapping(path: Path) -> Mapping:
    """The mapping in a file.

    Raises:
        ConfigError: with every problem found, each with file and line.
    """
    document = read_yaml(path.parent, path.name)
    if isinstance(document, Problem):
        raise ConfigError(str(document))
    errors = sorted(_validator().iter_errors(document.value), key=_order)
    problems = [told for error in errors for told in _told(document, error)] or _relations(document)
    if problems:
        raise ConfigError(problems)
    return _mapping(path, document)


def _order(error: ValidationError) -> list[str]:
    return [str(part) for part in error.absolute_path]


def _told(document: Document, error: ValidationError) -> list[str]:
    """The problem; of alternatives, the one that comes nearest to what was written."""
    nearest = best_match([error]) or error
    path = list(nearest.absolute_path)
    if nearest.validator == "additionalProperties" and isinstance(nearest.schema, dict):
        written: Any = nearest.instance
        known = nearest.schema.get("properties", {})
        message = f"unknown; expected one of {', '.join(known)}"
        return [_line(document, [*path, name], message) for name in written if name not in known]
    return [_line(document, path, nearest.message)]


def _line(document: Document, path: list[str | int], message: str) -> str:
    where = ".".join(map(str, path))
    return f"{document.file}:{document.place(*path)[0]}: {where or 'the file'}: {message}"


def _relations(document: Document) -> list[str]:
    """What a schema cannot say: dates that exist, in order; time zones; what the format of a file is."""
    told = _Told(document)
    _check_plausible(told, document.value.get("plausible", {}))
    for number, source in enumerate(document.value["sources"]):
        _check_source(told, number, source)
        check_expressions(told, ("sources", number), source, ("properties", "traits", "context"))
    if "evaluation" in document.value:
        check_evaluation(told, document.value["evaluation"])
    return told.problems


class _Told:
    """Problems, each with the line of the path it concerns."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[str] = []

    def __call__(self, path: tuple[str | int, ...], message: str) -> None:
        self.problems.append(_line(self._document, list(path), message))


def _check_plausible(tell: _Told, plausible: dict[str, str]) -> None:
    bounds: dict[str, int] = {}
    for name, date in plausible.items():
        try:
            bounds[name] = day_ms(date)
        except ValueError:
            tell(("plausible", name), f"expected a date, got {date!r}")
    if len(bounds) == 2 and bounds["from"] >= bounds["to"]:
        tell(("plausible",), "expected `from` before `to`")


def _check_source(tell: _Told, number: int, source: dict[str, Any]) -> None:
    path: tuple[str | int, ...] = ("sources", number)
    zone = source["at"].get("timezone", "UTC") if isinstance(source["at"], dict) else "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        tell((*path, "at", "timezone"), f"expected a time zone like Europe/Berlin, got {zone!r}")
    if "topic" in source and ("format" in source or "delimiter" in source):
        tell((*path, "topic"), "records of a topic are JSON objects; leave out `format` and `delimiter`")
    tables: list[tuple[tuple[str | int, ...], dict[str, Any]]] = [
        ((*path, "join", name), join) for name, join in source.get("join", {}).items()
    ]
    if "file" in source:
        tables.append((path, source))
    for where, table in tables:
        if format_of(table) is None:
            tell((*where, "file"), "expected a name that ends in .csv or .jsonl, or a `format`")


def _mapping(path: Path, document: Document) -> Mapping:
    value = document.value
    plausible = value.get("plausible", {})
    workspace = value.get("workspace")
    return Mapping(
        path=path,
        workspace=None if workspace is None else WorkspaceId(workspace),
        from_ms=day_ms(plausible["from"]) if "from" in plausible else None,
        to_ms=day_ms(plausible["to"]) if "to" in plausible else None,
        order_by=OrderBy(value.get("order_by", OrderBy.TIME)),
        sources=tuple(
            _source(f"{document.file}:{document.place('sources', number)[0]}", source)
            for number, source in enumerate(value["sources"])
        ),
        evaluation=evaluation_of(value["evaluation"]) if "evaluation" in value else None,
    )


def _source(place: str, source: dict[str, Any]) -> Source:
    return Source(
        place=place,
        table=table_of(source) if "file" in source else None,
        topic=source.get("topic", ""),
        joins=joins_of(source),
        kind=constant_or_column(source["kind"]),
        name=constant_or_column(source.get("name", "")),
        user=source["user"],
        at=time_of(source["at"]),
        id=tuple(source.get("id", ())),
        properties=values_of(source, "properties"),
        traits=values_of(source, "traits"),
        context=values_of(source, "context"),
    )
