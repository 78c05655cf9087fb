"""Rows of a file of contacts, each with the line at which it begins."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TextIO

from connectors.contacts.addresses import normalised_email
from schemas.errors import ConfigError

COLUMNS = ("user", "email", "phone", "permission", "purpose", "granted_at", "source", "text_version", "suppressed")
SUPPRESSION_COLUMNS = ("email", "suppressed")
_DELIMITERS = ",;\t"


class ContactRow(NamedTuple):
    """One row: what stands under our own names of columns, trimmed; empty where the file has no such column."""

    line: int
    cells: Mapping[str, str]


def read_contacts(path: Path, columns: Mapping[str, str], wanted: tuple[str, ...]) -> Iterator[ContactRow]:
    """The rows of a CSV file with a header, in UTF-8, with commas, semicolons or tabs between its cells.

    columns  our name of a column → the file's own, where that is another; letters count in either case
    wanted   our names; the first of them has to be there

    A list of addresses, one a line, needs no header where `email` is wanted first.

    Raises:
        ConfigError: the file cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, file, columns, wanted)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8, got other bytes: save it as UTF-8") from error


def _rows(path: Path, file: TextIO, columns: Mapping[str, str], wanted: tuple[str, ...]) -> Iterator[ContactRow]:
    first = file.readline()
    file.seek(0)
    reader = csv.reader(file, delimiter=max(_DELIMITERS, key=first.count), strict=True)
    try:
        header = next(reader, [])
        if wanted[0] == "email" and len(header) == 1 and normalised_email(header[0]) is not None:
            yield ContactRow(1, {"email": header[0].strip()})
            places = {"email": 0}
        else:
            places = _places(path, header, columns, wanted)
        while True:
            line = reader.line_num + 1
            row = next(reader, None)
            if row is None:
                return
            if any(cell.strip() for cell in row):
                yield ContactRow(line, {name: row[at].strip() for name, at in places.items() if at < len(row)})
    except csv.Error as error:
        raise ConfigError(
            f"{path}:{reader.line_num}: expected CSV: {error}; mend the line and import the file again, "
            "what was imported before it is not imported twice"
        ) from error


def _places(path: Path, header: list[str], columns: Mapping[str, str], wanted: tuple[str, ...]) -> dict[str, int]:
    found = {name.strip().lower(): at for at, name in reversed(list(enumerate(header)))}
    problems = [
        f"{path}:1: expected a column {theirs!r} for {name}, got {', '.join(header)}"
        for name, theirs in columns.items()
        if theirs.strip().lower() not in found
    ]
    places = {name: found[own] for name in wanted if (own := columns.get(name, name).strip().lower()) in found}
    if wanted[0] not in places and wanted[0] not in columns:
        problems.append(
            f"{path}:1: expected a column {wanted[0]!r}, got {', '.join(header) or 'none'}; "
            f"name another with --column {wanted[0]}=NAME"
        )
    if problems:
        raise ConfigError(problems)
    return places
