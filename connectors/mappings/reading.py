"""Parts that a mapping's sources and its evaluation have in common, read from what the schema has checked."""

from datetime import UTC, datetime
from typing import Any

from connectors.mappings.model import ColumnValue, Constant, Format, Join, Table, TimeColumn, Value, ValueType


def joins_of(source: dict[str, Any]) -> tuple[Join, ...]:
    """The joins of a source."""
    return tuple(Join(name, table_of(join), join["key"], join["on"]) for name, join in source.get("join", {}).items())


def time_of(value: str | dict[str, Any]) -> TimeColumn:
    """How a time is told."""
    return TimeColumn(**value) if isinstance(value, dict) else TimeColumn(value)


def table_of(table: dict[str, Any]) -> Table:
    """The file of a source or join."""
    return Table(table["file"], format_of(table) or Format.CSV, table.get("delimiter", ","))


def constant_or_column(value: str | dict[str, Any]) -> Value:
    """A text for all, or the column that holds it."""
    return Constant(value) if isinstance(value, str) else ColumnValue(value["column"], ValueType.STRING)


def values_of(source: dict[str, Any], part: str) -> dict[str, Value]:
    """The values of one part of a source, by name."""
    return {name: value_of(value) for name, value in source.get(part, {}).items()}


def value_of(value: str | dict[str, Any]) -> Value:
    """One value."""
    if isinstance(value, str):
        return ColumnValue(value)
    if "value" in value:
        return Constant(value["value"])
    return ColumnValue(
        column=value["column"],
        type=ValueType(value.get("type", ValueType.ANY)),
        split=value.get("split", ""),
        lower=value.get("lower", False),
        none=frozenset(value.get("none", ())),
        match=value.get("match", ""),
    )


def format_of(table: dict[str, Any]) -> Format | None:
    """How a file is written; None where neither its name nor the mapping tells."""
    if "format" in table:
        return Format(table["format"])
    ending = table["file"].removesuffix(".gz").rpartition(".")[2]
    return {"csv": Format.CSV, "jsonl": Format.JSONL, "ndjson": Format.JSONL}.get(ending)


def day_ms(date: str) -> int:
    """The beginning of a day, UTC.

    Raises:
        ValueError: it is no date.
    """
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()) * 1000
