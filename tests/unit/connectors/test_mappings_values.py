"""Values out of records: types, times, joins, and what is refused."""

from typing import Any

import pytest

from connectors.mappings.model import ColumnValue, Constant, TimeColumn, ValueType
from connectors.mappings.values import column_reader, time_reader, value_reader
from schemas.errors import Reason, SchemaError

DAY_MS = 86_400_000


def read(value: ColumnValue, found: Any) -> Any:
    return value_reader(value, {})({"c": found})


@pytest.mark.parametrize(
    ("kind", "found", "expected"),
    [
        (ValueType.ANY, "1", "1"),
        (ValueType.ANY, [1, {"a": 2}], [1, {"a": 2}]),
        (ValueType.ANY, "", None),
        (ValueType.ANY, None, None),
        (ValueType.STRING, 5, "5"),
        (ValueType.NUMBER, "2.50", 2.5),
        (ValueType.NUMBER, 2, 2.0),
        (ValueType.NUMBER, "", None),
        (ValueType.INTEGER, " 7 ", 7),
        (ValueType.INTEGER, "7.0", 7),
        (ValueType.INTEGER, "9007199254740993", 9007199254740993),
        (ValueType.BOOLEAN, "Yes", True),
        (ValueType.BOOLEAN, 0, False),
        (ValueType.BOOLEAN, True, True),
    ],
)
def test_values_are_read_as_their_type(kind: ValueType, found: Any, expected: Any) -> None:
    assert read(ColumnValue("c", kind), found) == expected


@pytest.mark.parametrize(
    ("kind", "found", "reason"),
    [
        (ValueType.STRING, [1], Reason.WRONG_TYPE),
        (ValueType.STRING, True, Reason.WRONG_TYPE),
        (ValueType.NUMBER, "much", Reason.WRONG_TYPE),
        (ValueType.NUMBER, True, Reason.WRONG_TYPE),
        (ValueType.NUMBER, {"a": 1}, Reason.WRONG_TYPE),
        (ValueType.NUMBER, "nan", Reason.NOT_FINITE),
        (ValueType.NUMBER, "1e999", Reason.NOT_FINITE),
        (ValueType.INTEGER, "1.5", Reason.WRONG_TYPE),
        (ValueType.BOOLEAN, "perhaps", Reason.WRONG_TYPE),
    ],
)
def test_another_type_is_refused_with_its_reason_and_never_shown(kind: ValueType, found: Any, reason: Reason) -> None:
    with pytest.raises(SchemaError) as caught:
        read(ColumnValue("c", kind), found)
    assert caught.value.reason is reason
    assert str(found) not in str(caught.value)


def test_of_a_text_that_matches_the_first_group_is_the_value() -> None:
    year = ColumnValue("c", match=r"\((\d{4})\)$")
    assert read(year, "Toy Story (1995)") == "1995"
    assert read(year, "Toy Story") is None
    assert read(ColumnValue("c", ValueType.INTEGER, match=r"\((\d{4})\)"), "Heat (1995)") == 1995


def test_a_text_is_cut_into_a_list_of_lower_case_entries() -> None:
    genres = ColumnValue("c", split="|", lower=True, none=frozenset({"(no genres listed)"}))
    assert read(genres, "Sci-Fi| Drama ||(no genres listed)") == ["sci-fi", "drama"]
    assert read(genres, "(no genres listed)") is None
    assert read(genres, "") is None
    assert read(genres, ["Sci-Fi", 5]) == ["sci-fi", 5]


def test_a_text_that_means_nothing_is_nothing() -> None:
    plan = ColumnValue("c", lower=True, none=frozenset({"N/A"}))
    assert read(plan, "N/A") is None
    assert read(plan, "PRO") == "pro"


def test_a_constant_is_the_same_for_all() -> None:
    assert value_reader(Constant("EUR"), {})({}) == "EUR"


def test_dots_go_into_objects_unless_a_column_is_named_so() -> None:
    reader = column_reader("a.b.c", {})
    assert reader({"a": {"b": {"c": 1}}}) == 1
    assert reader({"a": {"b": 2}}) is None
    assert reader({"a.b.c": 3, "a": {"b": {"c": 1}}}) == 3
    assert column_reader("a.b", {})({"a": "text"}) is None


def test_a_join_reads_the_partner_by_its_key() -> None:
    joined = {"movie": (column_reader("id", {}), {"7": {"title": "Seven"}})}
    reader = column_reader("movie.title", joined)
    assert reader({"id": "7"}) == "Seven"
    assert reader({"id": 7}) == "Seven"
    assert reader({"id": "8"}) is None
    assert reader({}) is None


@pytest.mark.parametrize(
    ("time", "found", "expected_ms"),
    [
        (TimeColumn("c", unit="s"), "1", 1_000),
        (TimeColumn("c", unit="s"), "1.5", 1_500),
        (TimeColumn("c", unit="s"), 1.25, 1_250),
        (TimeColumn("c", unit="ms"), 789652009000, 789652009000),
        (TimeColumn("c", unit="us"), "1999999", 1_999),
        (TimeColumn("c", unit="ns"), 1_999_999_999, 1_999),
        (TimeColumn("c"), "1970-01-02", DAY_MS),
        (TimeColumn("c"), "1970-01-01T00:00:00.0019Z", 1),
        (TimeColumn("c"), "1970-01-01T02:00:00+02:00", 0),
        (TimeColumn("c", timezone="Europe/Berlin"), "1970-01-01T01:00:00", 0),
        (TimeColumn("c", format="%d.%m.%Y"), "02.01.1970", DAY_MS),
        # The clocks go back: 2:30 happens twice, and the first is meant.
        (TimeColumn("c", timezone="Europe/Berlin"), "2023-10-29T02:30:00", 1698539400000),
    ],
)
def test_times_are_read_in_their_unit_form_and_zone(time: TimeColumn, found: Any, expected_ms: int) -> None:
    assert time_reader(time, {})({"c": found}) == expected_ms


@pytest.mark.parametrize(
    ("time", "found", "reason"),
    [
        (TimeColumn("c"), None, Reason.UNMAPPED),
        (TimeColumn("c"), "", Reason.UNMAPPED),
        (TimeColumn("c"), "soon", Reason.WRONG_TYPE),
        (TimeColumn("c"), 5, Reason.WRONG_TYPE),
        (TimeColumn("c", unit="s"), "soon", Reason.WRONG_TYPE),
        (TimeColumn("c", unit="s"), "nan", Reason.WRONG_TYPE),
        (TimeColumn("c", unit="s"), "1e999999999", Reason.WRONG_TYPE),
        (TimeColumn("c", unit="s"), True, Reason.WRONG_TYPE),
        (TimeColumn("c", unit="s"), [1], Reason.WRONG_TYPE),
        (TimeColumn("c", format="%Y"), "01.01.1970", Reason.WRONG_TYPE),
    ],
)
def test_what_is_no_time_is_refused(time: TimeColumn, found: Any, reason: Reason) -> None:
    with pytest.raises(SchemaError) as caught:
        time_reader(time, {})({"c": found})
    assert caught.value.reason is reason
