"""Rows of a folder as logged decisions, in the order that a mapping's evaluation names."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from connectors.mappings.files import find_file, read_join, read_rows
from connectors.mappings.model import DecisionOrder, Evaluation, Outcome
from connectors.mappings.values import Reader, Record, column_reader, time_reader, value_reader
from schemas.errors import ConfigError, SchemaError
from schemas.ids import Tag, UserId, VariantId

FIRST_MS = 1_500_000_000_000
"""When the first row happened, where a mapping names no time."""
ROW_MS = 60_000
"""From row to row, where a mapping names no time."""


class LoggedDecision(NamedTuple):
    """One decision of the past, with what it came to.

    number    of the row, from 1
    tags      of the variant, as `name:value`
    facts     what models may know as categories
    numbers   what models may know as numbers; what is not known is missing
    outcomes  by name
    grade     how well it did, in the data's own numbers; None where they have none
    """

    number: int
    user: UserId
    at_ms: int
    variant: VariantId
    tags: tuple[Tag, ...]
    facts: dict[str, str]
    numbers: dict[str, float]
    outcomes: dict[str, float]
    grade: float | None = None


def read_decisions(folder: Path, evaluation: Evaluation) -> list[LoggedDecision]:
    """The decisions of a folder's rows, in the evaluation's order.

    Raises:
        ConfigError: the mapping makes decisions at moments, or a file or row of the folder cannot be used.
    """
    if evaluation.table is None:
        raise ConfigError("expected an evaluation with a `file` of rows, got one with `moments`")
    path = find_file(folder, evaluation.table.file)
    maker = _Maker(folder, evaluation)
    decisions = []
    for row in read_rows(path, evaluation.table):
        try:
            if row.record is None:
                raise row.refused or ConfigError("no record")
            decisions.append(maker.decision(row.number, row.record))
        except SchemaError as error:
            raise ConfigError(f"file {path}: row {row.number}: {error}") from error
    if not decisions:
        raise ConfigError(f"file {path}: expected rows to decide about, got none")
    return [decision for _, decision in _ordered(decisions, evaluation.order)]


class _Maker:
    """Makes decisions of records."""

    def __init__(self, folder: Path, evaluation: Evaluation) -> None:
        joined = {join.name: read_join(folder, join) for join in evaluation.joins}
        self._user = column_reader(evaluation.user, joined) if evaluation.user else None
        self._at = time_reader(evaluation.at, joined) if evaluation.at else None
        self._variant = [value_reader(value, joined) for value in evaluation.variant]
        self._grade = value_reader(evaluation.grade, joined) if evaluation.grade else None
        self._tags = _readers(evaluation.tags, joined)
        self._facts = _readers(evaluation.facts, joined)
        self._numbers = _readers(evaluation.numbers, joined)
        self._outcomes = [
            (name, outcome, column_reader(outcome.column, joined)) for name, outcome in evaluation.outcomes.items()
        ]
        self._ties = [column_reader(column, joined) for column in evaluation.ties]

    def decision(self, number: int, record: Record) -> tuple[bytes, LoggedDecision]:
        """The decision of a record, behind what orders it among those of its moment.

        Raises:
            SchemaError: a value has not its type.
            ConfigError: it names no person or no variant.
        """
        user = str(number) if self._user is None else self._user(record)
        variant = [read(record) for read in self._variant]
        if user is None or None in variant:
            raise ConfigError(f"row {number}: expected a person and a variant, got none")
        found = LoggedDecision(
            number=number,
            user=UserId(str(user)),
            at_ms=FIRST_MS + ROW_MS * number if self._at is None else self._at(record),
            variant=VariantId("/".join(map(str, variant))),
            tags=tuple(Tag(f"{name}:{value}") for name, value in _texts(self._tags, record)),
            facts=dict(_texts(self._facts, record)),
            numbers=dict(_numbers(self._numbers, record)),
            outcomes={name: _outcome(outcome, read(record), name) for name, outcome, read in self._outcomes},
            grade=None if self._grade is None else self._grade(record),
        )
        tie = b"|".join(str(read(record)).encode() for read in self._ties)
        return (blake2b(tie, digest_size=8).digest() if self._ties else b"", found)


def _readers(values: Mapping[str, Any], joined: Mapping[str, Any]) -> list[tuple[str, Reader]]:
    return [(name, value_reader(value, joined)) for name, value in values.items()]


def _texts(readers: Iterable[tuple[str, Reader]], record: Record) -> Iterable[tuple[str, str]]:
    for name, read in readers:
        value = read(record)
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                yield name, str(one)


def _numbers(readers: Iterable[tuple[str, Reader]], record: Record) -> Iterable[tuple[str, float]]:
    for name, read in readers:
        value = read(record)
        if isinstance(value, (int, float)):
            yield name, float(value)
        elif value is not None:
            raise ConfigError(f"number {name}: expected `type: number` in the mapping, got a text")


def _outcome(outcome: Outcome, value: Any, name: str) -> float:
    if outcome.equals is not None:
        return float(str(value) == outcome.equals)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"outcome {name}: expected a number in column {outcome.column}, got another") from None
    return number if outcome.at_least is None else float(number >= outcome.at_least)


def _ordered(decisions: list[tuple[bytes, LoggedDecision]], order: DecisionOrder) -> list[tuple[bytes, LoggedDecision]]:
    if order is DecisionOrder.TIME:
        return sorted(decisions, key=lambda one: (one[1].at_ms, one[0]))
    if order is DecisionOrder.FILE:
        return decisions
    rounds: dict[UserId, int] = {}
    numbered = []
    for tie, decision in decisions:
        rounds[decision.user] = rounds.get(decision.user, -1) + 1
        # From round to round time goes on, however the file counts it.
        numbered.append((rounds[decision.user], tie, decision))
    ordered = sorted(numbered, key=lambda one: one[0])
    return [
        (tie, decision._replace(at_ms=FIRST_MS + ROW_MS * place)) for place, (_, tie, decision) in enumerate(ordered, 1)
    ]
