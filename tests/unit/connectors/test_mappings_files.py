"""Rows of files: CSV and JSONL, gzipped or not, and what cannot be read."""

import gzip
from pathlib import Path

import pytest

from connectors.mappings.files import find_file, json_record, read_rows
from connectors.mappings.model import Format, Table
from schemas.errors import ConfigError, Reason, SchemaError
from tests.support.poison import DEEP

CSV = Table("rows.csv", Format.CSV)
JSONL = Table("rows.jsonl", Format.JSONL)


def rows(folder: Path, data: bytes, table: Table = CSV) -> list[tuple[int, object, Reason | None, bytes]]:
    path = folder / table.file
    path.write_bytes(data)
    return [
        (row.number, row.record, row.refused.reason if row.refused else None, row.raw) for row in read_rows(path, table)
    ]


def test_rows_of_csv_are_read_by_the_names_of_the_header(tmp_path: Path) -> None:
    assert rows(tmp_path, b"\xef\xbb\xbfa,b\r\n1,\xc3\xbc\r\n") == [(1, {"a": "1", "b": "ü"}, None, b"1,\xc3\xbc\r\n")]


def test_quoted_fields_may_hold_commas_and_line_breaks(tmp_path: Path) -> None:
    found = rows(tmp_path, b'a,b\n"x, y","1\n2"\n3,4\n')
    assert [record for _, record, _, _ in found] == [{"a": "x, y", "b": "1\n2"}, {"a": "3", "b": "4"}]
    assert found[0][3] == b'"x, y","1\n2"\n'


def test_empty_lines_are_no_rows(tmp_path: Path) -> None:
    assert [number for number, *_ in rows(tmp_path, b"a,b\n\n1,2\n\n3,4\n")] == [1, 2]
    assert [number for number, *_ in rows(tmp_path, b'\n{"a":1}\n \n{"a":2}', JSONL)] == [1, 2]


def test_a_bad_row_is_kept_as_it_was_and_the_others_are_read(tmp_path: Path) -> None:
    data = b"a,b\n1,2\n1\n1,\xff\n" + b'"' + b"x" * 200_000 + b'",2\n3,4\n'
    found = rows(tmp_path, data)
    assert [(number, reason) for number, _, reason, _ in found] == [
        (1, None),
        (2, Reason.WRONG_TYPE),
        (3, Reason.BAD_UTF8),
        (4, Reason.WRONG_TYPE),
        (5, None),
    ]
    assert b"".join(raw for *_, raw in found) == data.removeprefix(b"a,b\n")


def test_another_delimiter(tmp_path: Path) -> None:
    table = Table("rows.csv", Format.CSV, ";")
    assert rows(tmp_path, b"a;b\n1;2,3\n", table)[0][1] == {"a": "1", "b": "2,3"}


def test_rows_of_jsonl_are_objects(tmp_path: Path) -> None:
    found = rows(tmp_path, b'{"a":{"b":1}}\r\n[1]\nnope\n{"a":NaN}\n', JSONL)
    assert [(record, reason) for _, record, reason, _ in found] == [
        ({"a": {"b": 1}}, None),
        (None, Reason.WRONG_TYPE),
        (None, Reason.NOT_JSON),
        (None, Reason.NOT_FINITE),
    ]
    assert found[2][3] == b"nope"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", Reason.TOO_DEEP),
        (b'{"a":"\xff"}', Reason.BAD_UTF8),
        (b'{"a":"' + b"x" * 1_000_000 + b'"}', Reason.TOO_LARGE),
        (b"", Reason.NOT_JSON),
        (b"null", Reason.WRONG_TYPE),
    ],
)
def test_what_is_no_json_object_has_its_reason(data: bytes, reason: Reason) -> None:
    with pytest.raises(SchemaError) as caught:
        json_record(data)
    assert caught.value.reason is reason


def test_a_file_is_found_with_and_without_gz(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x\n1\n")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"x\n1\n"))
    assert find_file(tmp_path, "a.csv.gz").name == "a.csv"
    assert find_file(tmp_path, "b.csv").name == "b.csv.gz"
    assert [row.record for row in read_rows(tmp_path / "b.csv.gz", CSV)] == [{"x": "1"}]
    with pytest.raises(ConfigError, match=r"c\.csv or c\.csv\.gz"):
        find_file(tmp_path, "c.csv")


def test_a_truncated_gzip_is_told_and_not_taken_for_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"x\n" + b"123\n" * 10_000)[:-10])
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_rows(path, CSV))
