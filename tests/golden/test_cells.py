"""Stored cells of every older version are still read. Blobs are never deleted and never made again."""

import json
import re
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flink_jobs.cells import CELLS, POPULATION_CELLS
from online_models.cells import Profile
from schemas.codec import Cell, decode, encode

FOLDER = Path(__file__).parent / "cells"


def file_name(kind: type[Cell]) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower()


def in_words(value: Any) -> Any:
    """Shapes as maps from field names, so that the expectation can be read; bytes in hex."""
    if isinstance(value, msgspec.Struct):
        return {name: in_words(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {str(key): in_words(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [in_words(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


def without_later(told: Any, expected: Any) -> Any:
    """What was told, without the empty fields that came later to the shapes in it."""
    if isinstance(told, dict) and isinstance(expected, dict):
        kept = {name: value for name, value in told.items() if name in expected or value not in (0, "", [], {})}
        return {name: without_later(value, expected.get(name)) for name, value in kept.items()}
    if isinstance(told, list) and isinstance(expected, list):
        return [without_later(one, its) for one, its in zip_longest(told, expected)]
    return told


@pytest.mark.parametrize(
    "words", [*FOLDER.glob("profile_v*.json"), *FOLDER.glob("open_exposures_v*.json")], ids=lambda path: str(path.stem)
)
def test_what_was_written_once_reads_as_it_was_meant(words: Path) -> None:
    """Fields that came later are not told in an older version's words: they have their defaults."""
    name, _, version = words.stem.rpartition("_v")
    kind = next(row.kind for row in CELLS if file_name(row.kind) == name)
    stored = words.with_suffix(".bin").read_bytes()
    expected = json.loads(words.read_text(encoding="utf-8"))
    found: Cell = decode(kind, stored)
    told = in_words(found)
    assert stored[0] == int(version)
    assert {field: without_later(told[field], expected[field]) for field in expected} == expected
    assert all(told[field] == value for field, value in in_words(kind()).items() if field not in expected)


def test_the_blob_of_a_profile_shows_every_field() -> None:
    told = json.loads((FOLDER / f"profile_v{Profile.SCHEMA_VERSION}.json").read_text(encoding="utf-8"))
    empty = in_words(Profile())
    assert [name for name, value in told.items() if value == empty.get(name)] == []


@pytest.mark.parametrize("kind", [row.kind for row in (*CELLS, *POPULATION_CELLS)])
def test_every_version_of_every_cell_has_a_blob_and_the_newest_is_what_is_written_today(kind: type[Cell]) -> None:
    """Where this fails a cell was changed: raise its SCHEMA_VERSION, add an upgrade and a blob of the new version."""
    for version in range(1, kind.SCHEMA_VERSION + 1):
        stored = (FOLDER / f"{file_name(kind)}_v{version}.bin").read_bytes()
        found: Cell = decode(kind, stored)
        assert stored[0] == version
    assert encode(found) == stored
