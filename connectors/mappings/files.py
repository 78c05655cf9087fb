"""Rows of CSV and JSONL files, plain or gzipped, each with the bytes it was read from."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from connectors.mappings.model import Format, Join, Table
from connectors.mappings.values import JoinedTable, Record, column_reader
from schemas.errors import ConfigError, Reason, SchemaError
from schemas.events import EVENT_BYTES_MAX, why_not_json


class Row(NamedTuple):
    """One row of a file. `number` counts from 1, without the header; `record` is None where `refused` tells why."""

    number: int
    raw: bytes
    record: Record | None
    refused: SchemaError | None


def find_file(folder: Path, name: str) -> Path:
    """The file of that name, or the same with or without `.gz`.

    Raises:
        ConfigError: there is none.
    """
    other = name.removesuffix(".gz") if name.endswith(".gz") else f"{name}.gz"
    for candidate in (folder / name, folder / other):
        if candidate.is_file():
            return candidate
    raise ConfigError(f"folder {folder}: expected a file {name} or {other}, found neither")


def digest(path: Path) -> str:
    """Eight hexadecimal digits that tell this content from another."""
    with path.open("rb") as file:
        hashed = sha256()
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()[:8]


def read_rows(path: Path, table: Table) -> Iterator[Row]:
    """The rows of a file, in its order. Empty lines are no rows.

    Raises:
        ConfigError: the file cannot be read at all.
    """
    try:
        with _open(path) as file:
            if table.format is Format.CSV:
                with _decoded(file) as lines:
                    yield from _csv_rows(lines, table)
            else:
                yield from _jsonl_rows(file)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"file {path}: cannot be read: {error}") from error


def csv_columns(path: Path, table: Table) -> Sequence[str]:
    """The names in the header of a CSV file.

    Raises:
        ConfigError: the file cannot be read, or is empty.
    """
    try:
        with _open(path) as file, _decoded(file) as lines:
            header = next(csv.reader(lines, delimiter=table.delimiter), None)
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise ConfigError(f"file {path}: cannot be read: {error}") from error
    if not header:
        raise ConfigError(f"file {path}: expected a first line with the names of columns, got none")
    return header


def read_join(folder: Path, join: Join) -> JoinedTable:
    """The rows of a joined file, by their key; of equal keys the last. Held in memory.

    Raises:
        ConfigError: the file is missing, or a row of it cannot be read.
    """
    path = find_file(folder, join.table.file)
    key_of = column_reader(join.key, {})
    rows: dict[str, Record] = {}
    for row in read_rows(path, join.table):
        if row.record is None:
            raise ConfigError(f"file {path}: row {row.number} cannot be joined: {row.refused}")
        key = key_of(row.record)
        if key is not None:
            rows[str(key)] = row.record
    return column_reader(join.on, {}), rows


def json_record(data: bytes) -> Record:
    """A JSON object.

    Raises:
        SchemaError: with the reason why the bytes are none.
    """
    if len(data) > EVENT_BYTES_MAX:
        raise SchemaError(Reason.TOO_LARGE, f"expected at most {EVENT_BYTES_MAX} bytes, got {len(data)}")
    try:
        found = msgspec.json.decode(data)
    except RecursionError:
        raise SchemaError(Reason.TOO_DEEP, "expected a few levels of nesting, got far more") from None
    except UnicodeDecodeError:
        raise SchemaError(Reason.BAD_UTF8, "expected UTF-8") from None
    except msgspec.DecodeError as error:
        raise SchemaError(why_not_json(data), str(error)) from None
    if not isinstance(found, dict):
        raise SchemaError(Reason.WRONG_TYPE, f"expected a JSON object, got {type(found).__name__}")
    return found


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


def _decoded(file: BinaryIO) -> io.TextIOWrapper:
    """Text whose bad bytes can be turned back into what they were."""
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")


class _Recorder:
    """Passes lines on and remembers them: a quoted field may hold line breaks, so a row may be many lines."""

    def __init__(self, lines: io.TextIOWrapper) -> None:
        self._lines = lines
        self._taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._taken.append(line)
            yield line

    def take(self) -> str:
        text = self._taken[0] if len(self._taken) == 1 else "".join(self._taken)
        self._taken.clear()
        return text


def _csv_rows(lines: io.TextIOWrapper, table: Table) -> Iterator[Row]:
    recorder = _Recorder(lines)
    reader = csv.reader(iter(recorder), delimiter=table.delimiter)
    header: list[str] | None = None
    number = 0
    while True:
        refused: SchemaError | None = None
        cells: list[str] = []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            refused = SchemaError(Reason.WRONG_TYPE, f"expected a row of CSV: {error}")
        text = recorder.take()
        if header is None:
            header = cells
            continue
        if not cells and refused is None:
            continue
        number += 1
        yield _csv_row(number, text, header, cells, refused)


def _csv_row(number: int, text: str, header: list[str], cells: list[str], refused: SchemaError | None) -> Row:
    raw = text.encode(errors="surrogateescape")
    if refused is None and not _is_utf8(text):
        refused = SchemaError(Reason.BAD_UTF8, "expected UTF-8")
    if refused is None and len(cells) != len(header):
        refused = SchemaError(Reason.WRONG_TYPE, f"expected {len(header)} columns, got {len(cells)}")
    if refused is not None:
        return Row(number, raw, None, refused)
    return Row(number, raw, dict(zip(header, cells, strict=True)), None)


def _is_utf8(text: str) -> bool:
    """Whether no byte had to be escaped on reading."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _jsonl_rows(file: BinaryIO) -> Iterator[Row]:
    number = 0
    for line in file:
        raw = line.rstrip(b"\r\n")
        if not raw.strip():
            continue
        number += 1
        try:
            yield Row(number, raw, json_record(raw), None)
        except SchemaError as error:
            yield Row(number, raw, None, error)
