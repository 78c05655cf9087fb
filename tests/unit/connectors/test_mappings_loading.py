"""Mapping files: what is read, and that every problem is told with its line."""

from pathlib import Path

import pytest

from connectors.mappings.loading import load_mapping
from connectors.mappings.model import ColumnValue, Constant, Format, OrderBy, ValueType
from schemas.errors import ConfigError

GOOD = """\
version: 1
workspace: shop
plausible: {from: 2020-01-01, to: 2021-01-01}
sources:
  - file: orders.csv
    delimiter: ";"
    join:
      item: {file: items.jsonl, key: id, on: item_id}
    kind: track
    name: {column: what}
    user: customer
    at: {column: day, format: "%d.%m.%Y", timezone: Europe/Berlin}
    id: [customer, number]
    properties:
      tags: {column: item.tags, split: "|", lower: true, none: [nothing]}
      amount: {column: amount, type: integer}
      shop: {value: main}
      plain: column
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mapping.yaml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_mapping(write(folder, text))
    return caught.value.problems


def test_a_mapping_is_read_as_it_is_written(tmp_path: Path) -> None:
    mapping = load_mapping(write(tmp_path, GOOD))
    (source,) = mapping.sources
    assert mapping.workspace == "shop"
    assert (mapping.from_ms, mapping.to_ms) == (1577836800000, 1609459200000)
    assert mapping.order_by is OrderBy.TIME
    assert source.place == "mapping.yaml:5"
    assert source.table is not None
    assert (source.table.file, source.table.format, source.table.delimiter) == ("orders.csv", Format.CSV, ";")
    assert source.joins[0].table.format is Format.JSONL
    assert source.kind == Constant("track")
    assert source.name == ColumnValue("what", ValueType.STRING)
    assert source.at.timezone == "Europe/Berlin"
    assert source.id == ("customer", "number")
    assert source.properties == {
        "tags": ColumnValue("item.tags", split="|", lower=True, none=frozenset({"nothing"})),
        "amount": ColumnValue("amount", ValueType.INTEGER),
        "shop": Constant("main"),
        "plain": ColumnValue("column"),
    }


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("version: 1", "version: 2", 1, "1 was expected"),
        ("workspace: shop", "workspace: a|b", 2, "does not match"),
        ("workspace: shop", "colour: red", 2, "colour"),
        ("to: 2021-01-01", "to: 2019-01-01", 3, "`from` before `to`"),
        ("from: 2020-01-01", "from: 2020-02-31", 3, "expected a date"),
        ("file: orders.csv", "file: orders.txt", 5, "ends in .csv or .jsonl"),
        ("items.jsonl", "items", 8, "ends in .csv or .jsonl"),
        ("kind: track", "kind: teleport", 9, "teleport"),
        ("    user: customer\n", "", 5, "'user' is a required property"),
        ("Europe/Berlin", "Europe/Atlantis", 12, "expected a time zone"),
        ("type: integer", "type: integr", 16, "integr"),
        ("type: integer", "type: integer, split: x", 16, "integer"),
        ("amount: {column: amount", "amount: {colum: amount", 16, "colum"),
        ('format: "%d.%m.%Y"', 'format: "%d", unit: s', 12, "should not be valid"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, before: str, after: str, line: int, words: str) -> None:
    assert before in GOOD
    found = problems(tmp_path, GOOD.replace(before, after))
    assert any(one.startswith(f"mapping.yaml:{line}: ") and words in one for one in found), found


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD.replace("version: 1", "version: 2").replace("kind: track", "kind: no"))
    assert len(found) == 2


def test_a_source_is_a_file_or_a_topic(tmp_path: Path) -> None:
    both = GOOD.replace("file: orders.csv", "file: orders.csv\n    topic: orders")
    assert any("mapping.yaml:5" in one for one in problems(tmp_path, both))
    topic = GOOD.replace('file: orders.csv\n    delimiter: ";"', "topic: orders")
    assert load_mapping(write(tmp_path, topic)).sources[0].table is None
    with_delimiter = GOOD.replace("file: orders.csv", "topic: orders")
    assert any("JSON objects" in one for one in problems(tmp_path, with_delimiter))


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n", "", "version: 1\nversion: 1\n"])
def test_what_is_no_mapping_at_all_is_told(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_mapping(tmp_path / "mapping.yaml")


@pytest.mark.parametrize("path", sorted(Path("examples").glob("*/mapping.yaml")), ids=str)
def test_the_examples_are_good(path: Path) -> None:
    assert load_mapping(path).workspace == "sample"
