"""What a mapping file says, once it was checked."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from schemas.ids import WorkspaceId


class Format(StrEnum):
    """How rows are written in a file."""

    CSV = "csv"
    JSONL = "jsonl"


class OrderBy(StrEnum):
    """In which order rows become events."""

    TIME = "time"
    FILE = "file"


class ValueType(StrEnum):
    """What a value is read as; `any` leaves it as it is."""

    ANY = "any"
    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class Constant:
    """The same for every row."""

    value: str | float | bool


@dataclass(frozen=True)
class ColumnValue:
    """A column, read in a certain way.

    split  cuts a text into a list; empty: it is not cut
    none   texts, or entries of the list, that mean nothing
    """

    column: str
    type: ValueType = ValueType.ANY
    split: str = ""
    lower: bool = False
    none: frozenset[str] = frozenset()


Value = Constant | ColumnValue


@dataclass(frozen=True)
class TimeColumn:
    """When it happened: numbers of `unit`, or text in `format` (empty: ISO 8601) in `timezone`."""

    column: str
    unit: str = ""
    format: str = ""
    timezone: str = "UTC"


@dataclass(frozen=True)
class Table:
    """A file of rows in the folder."""

    file: str
    format: Format
    delimiter: str = ","


@dataclass(frozen=True)
class Join:
    """Rows of another file: that one whose `key` equals our column `on`."""

    name: str
    table: Table
    key: str
    on: str


@dataclass(frozen=True)
class Source:
    """Where rows come from and how one becomes an event. `place` is for messages: file and line.

    table  None where records come from the Kafka topic `topic`
    id     columns that together name the event; none: its place in the source does
    """

    place: str
    table: Table | None
    topic: str
    joins: tuple[Join, ...]
    kind: Value
    name: Value
    user: str
    at: TimeColumn
    id: tuple[str, ...]
    properties: dict[str, Value]
    traits: dict[str, Value]
    context: dict[str, Value]


@dataclass(frozen=True)
class Mapping:
    """A whole mapping file. Times are half-open, in milliseconds since 1970; None: no bound."""

    path: Path
    workspace: WorkspaceId | None
    from_ms: int | None
    to_ms: int | None
    order_by: OrderBy
    sources: tuple[Source, ...]
