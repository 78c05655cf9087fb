"""Read values out of a record: a column's place, its type, its time."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from connectors.mappings.model import ColumnValue, Constant, TimeColumn, Value, ValueType
from schemas.errors import Reason, SchemaError

Record = Mapping[str, Any]
Reader = Callable[[Record], Any]
"""Returns a record's value, or None where it has none."""
JoinedTable = tuple[Reader, Mapping[str, Record]]
"""How a record names its partner, and the partners by that name."""

TIMES_REMEMBERED = 4096
"""Rows of a day share their text; reading a date by a format takes 8 µs."""
DIGITS_MAX = 30
"""Of a time as a number: a text of a few characters can stand for one of a billion digits."""
_NO_RECORD: Record = {}
_UNITS: dict[str, int | Decimal] = {"s": 1_000, "ms": 1, "us": Decimal("0.001"), "ns": Decimal("0.000001")}
_TRUE = frozenset({"true", "1", "yes", "y", "t"})
_FALSE = frozenset({"false", "0", "no", "n", "f"})


def column_reader(name: str, joined: Mapping[str, JoinedTable]) -> Reader:
    """Reads a column. An empty text counts as no value."""
    head, _, rest = name.partition(".")
    if rest and head in joined:
        partner_of, partners = joined[head]
        inner = column_reader(rest, {})

        def read_joined(record: Record) -> Any:
            key = partner_of(record)
            return None if key is None else inner(partners.get(str(key), _NO_RECORD))

        return read_joined

    def read(record: Record) -> Any:
        value = record.get(name)
        if value is None and rest:
            inside = record.get(head)
            value = column_reader(rest, {})(inside) if isinstance(inside, dict) else None
        return None if value == "" else value

    return read


def value_reader(value: Value, joined: Mapping[str, JoinedTable]) -> Reader:
    """Reads a value as a mapping describes it; raises SchemaError where it has not its type."""
    if isinstance(value, Constant):
        constant = value.value

        def read_constant(_: Record) -> Any:
            return constant

        return read_constant
    return _converted(value, column_reader(value.column, joined))


def _converted(value: ColumnValue, read: Reader) -> Reader:
    convert = _CONVERTERS[value.type]
    none, split = value.none, value.split
    if convert is None and not (none or split or value.lower or value.match):
        return read
    pattern = re.compile(value.match) if value.match else None

    def read_converted(record: Record) -> Any:
        found = read(record)
        if pattern and isinstance(found, str):
            part = pattern.search(found)
            found = part[1] if part else None
        if found is None:
            return None
        if split and isinstance(found, str):
            found = [part for part in map(str.strip, found.split(split)) if part]
        if isinstance(found, list) and (split or convert is None):
            return _entries(found, value) or None
        if isinstance(found, str):
            if found in none:
                return None
            found = found.lower() if value.lower else found
        return found if convert is None else convert(found, value.column)

    return read_converted


def _entries(found: list[Any], value: ColumnValue) -> list[Any]:
    kept = [item for item in found if not (isinstance(item, str) and item in value.none)]
    return [item.lower() if value.lower and isinstance(item, str) else item for item in kept]


def _string(found: Any, column: str) -> str:
    if isinstance(found, bool) or not isinstance(found, (str, int, float)):
        raise _wrong(column, "a text", found)
    return str(found)


def _number(found: Any, column: str) -> float:
    try:
        number = float(found) if isinstance(found, (str, int, float)) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or isinstance(found, bool):
        raise _wrong(column, "a number", found)
    if not math.isfinite(number):
        raise SchemaError(Reason.NOT_FINITE, f"column {column}: expected a finite number")
    return number


def _integer(found: Any, column: str) -> int:
    number = _number(found, column)
    if number != int(number):
        raise _wrong(column, "a whole number", found)
    # A text of digits is read as such: through a float, numbers above 2^53 would lose their end.
    return int(found) if isinstance(found, str) and found.strip().lstrip("+-").isdigit() else int(number)


def _boolean(found: Any, column: str) -> bool:
    text = str(found).lower()
    if text not in _TRUE | _FALSE:
        raise _wrong(column, "true or false", found)
    return text in _TRUE


def _wrong(column: str, expected: str, found: Any) -> SchemaError:
    return SchemaError(Reason.WRONG_TYPE, f"column {column}: expected {expected}, got another {type(found).__name__}")


_CONVERTERS: dict[ValueType, Callable[[Any, str], Any] | None] = {
    ValueType.ANY: None,
    ValueType.STRING: _string,
    ValueType.NUMBER: _number,
    ValueType.INTEGER: _integer,
    ValueType.BOOLEAN: _boolean,
}


def time_reader(time: TimeColumn, joined: Mapping[str, JoinedTable]) -> Callable[[Record], int]:
    """Reads when it happened, in milliseconds since 1970; raises SchemaError where it cannot be told."""
    read = column_reader(time.column, joined)
    parse = _number_parser(time) if time.unit else _text_parser(time)

    def read_time(record: Record) -> int:
        found = read(record)
        if found is None:
            raise SchemaError(Reason.UNMAPPED, f"column {time.column}: expected a time, got none")
        try:
            return parse(found)
        except (ValueError, TypeError, OverflowError, InvalidOperation):
            raise _wrong(time.column, "a time", found) from None

    return read_time


def _number_parser(time: TimeColumn) -> Callable[[Any], int]:
    factor = _UNITS[time.unit]

    def parse(found: Any) -> int:
        if isinstance(found, bool) or not isinstance(found, (str, int, float)):
            raise TypeError
        if isinstance(found, int) or (isinstance(found, str) and found.isdigit()):
            return int(int(found) * factor)
        number = Decimal(str(found))
        if not number.is_finite() or number.adjusted() > DIGITS_MAX:
            raise ValueError
        return int(number * factor)

    return parse


def _text_parser(time: TimeColumn) -> Callable[[Any], int]:
    zone = UTC if time.timezone == "UTC" else ZoneInfo(time.timezone)

    @lru_cache(maxsize=TIMES_REMEMBERED)
    def parse(text: str) -> int:
        if not isinstance(text, str):
            raise TypeError
        moment = _moment(text, time.format)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        # Whole milliseconds, without a float's rounding.
        return int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000

    return parse


def _moment(text: str, form: str) -> datetime:
    """The time that a text tells, with a zone only where the text names one."""
    return datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
