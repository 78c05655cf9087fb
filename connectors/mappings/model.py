"""What a mapping file says, once it was checked."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from schemas.ids import WorkspaceId


class Format(StrEnum):
    """How rows are written in a file."""

    CSV = "csv"
    JSONL = "jsonl"


class OrderBy(StrEnum):
    """In which order rows become events."""

    TIME = "time"
    FILE = "file"


class DecisionOrder(StrEnum):
    """In which order rows are decisions. `rounds`: the first of every person, then the second."""

    TIME = "time"
    FILE = "file"
    ROUNDS = "rounds"


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
    match  a regular expression whose first group is the value; empty: the whole text is
    """

    column: str
    type: ValueType = ValueType.ANY
    split: str = ""
    lower: bool = False
    none: frozenset[str] = frozenset()
    match: str = ""


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
class Outcome:
    """What a decision came to: a row's number, whether it is at least `at_least` or equals `equals`, or an event.

    within_days  the event counts if it comes so soon after the moment of the decision
    """

    column: str = ""
    at_least: float | None = None
    equals: str | None = None
    event: str = ""
    within_days: int = 0


@dataclass(frozen=True)
class Moments:
    """Moments at which a decision is made for each known person. Half-open, in milliseconds since 1970.

    judged_from_ms  decisions before it are learnt from, and not judged
    """

    from_ms: int
    to_ms: int
    every_ms: int
    judged_from_ms: int = 0


@dataclass(frozen=True)
class TrainingTimes:
    """When parts are trained: at `first` examples, then when they have grown by `growth`, or by `every` if sooner."""

    parts: tuple[str, ...]
    first: int
    growth: float
    every: int = 0

    def is_due(self, examples: int, trained_at: int) -> bool:
        """Whether a training is due, where the last one was at so many examples (0: there was none)."""
        if not trained_at:
            return examples >= self.first
        return examples >= trained_at * self.growth or (self.every > 0 and examples >= trained_at + self.every)


@dataclass(frozen=True)
class Evaluation:
    """How decisions with known outcomes are made of a folder. The schema of mapping files says what each field means.

    settings  of the engine, by section, as `foresend.yaml` has them
    """

    table: Table | None
    joins: tuple[Join, ...]
    moments: Moments | None
    order: DecisionOrder
    ties: tuple[str, ...]
    user: str
    at: TimeColumn | None
    variant: tuple[Value, ...]
    is_catalog: bool
    tags: dict[str, Value]
    facts: dict[str, Value]
    numbers: dict[str, Value]
    features: tuple[str, ...]
    propensity: float
    outcomes: dict[str, Outcome]
    learn: str
    grade: Value | None
    label_delay_days: int
    cold: int
    blocks: int
    negatives: int
    folds: int
    seed: int
    settings: dict[str, dict[str, Any]]
    train: TrainingTimes | None


@dataclass(frozen=True)
class Mapping:
    """A whole mapping file. Times are half-open, in milliseconds since 1970; None: no bound."""

    path: Path
    workspace: WorkspaceId | None
    from_ms: int | None
    to_ms: int | None
    order_by: OrderBy
    sources: tuple[Source, ...]
    evaluation: Evaluation | None = None
