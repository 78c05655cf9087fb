"""One record as an event, as a mapping tells."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.mappings.events import EventMaker
from connectors.mappings.model import ColumnValue, Constant, Mapping, OrderBy, Source, TimeColumn
from schemas.errors import Reason, SchemaError
from schemas.events import Event, EventKind
from schemas.ids import RecordId, WorkspaceId
from schemas.worlds import WorldRef

DAY_MS = 86_400_000
SOURCE = Source(
    place="mapping.yaml:1",
    table=None,
    topic="orders",
    joins=(),
    kind=Constant("track"),
    name=Constant("Order Completed"),
    user="user",
    at=TimeColumn("at", unit="ms"),
    id=(),
    properties={"total": ColumnValue("total"), "currency": Constant("EUR")},
    traits={"plan": ColumnValue("plan")},
    context={"locale": ColumnValue("lang")},
)
RECORD = {"user": "anna", "at": 1000 * DAY_MS, "total": 5}


def event(record: dict[str, Any], source: Source = SOURCE, received_ms: int | None = None) -> Event:
    mapping = Mapping(Path("m"), None, 900 * DAY_MS, 1100 * DAY_MS, OrderBy.TIME, (source,))
    maker = EventMaker(mapping, source, WorkspaceId("shop"), {})
    return maker.event(record, RecordId("orders-0-7"), WorldRef(1, 2), received_ms)


def reason_of(record: dict[str, Any], source: Source = SOURCE, received_ms: int | None = None) -> Reason:
    with pytest.raises(SchemaError) as caught:
        event(record, source, received_ms)
    return caught.value.reason


def test_a_record_becomes_an_event() -> None:
    assert event({**RECORD, "plan": "pro", "lang": "de"}) == Event(
        workspace=WorkspaceId("shop"),
        user=event(RECORD).user,
        record_id=RecordId("orders-0-7"),
        id=event(RECORD).id,
        kind=EventKind.TRACK,
        at_ms=1000 * DAY_MS,
        received_ms=1000 * DAY_MS,
        world=WorldRef(1, 2),
        name="Order Completed",
        properties={"total": 5, "currency": "EUR"},
        traits={"plan": "pro"},
        context={"locale": "de"},
    )


def test_the_id_is_the_columns_that_name_it_else_the_place() -> None:
    assert event(RECORD).id == "orders-0-7"
    named = replace(SOURCE, id=("user", "number"))
    assert event({**RECORD, "number": 9}, named).id == "anna-9"
    assert reason_of(RECORD, named) is Reason.UNMAPPED


def test_kind_and_name_may_be_columns() -> None:
    source = replace(SOURCE, kind=ColumnValue("type"), name=ColumnValue("what"))
    found = event({**RECORD, "type": "page", "what": "Home"}, source)
    assert (found.kind, found.name) == (EventKind.PAGE, "Home")
    assert reason_of({**RECORD, "type": "teleport"}, source) is Reason.UNKNOWN_KIND
    assert reason_of({**RECORD, "type": "erase"}, source) is Reason.UNKNOWN_KIND
    assert reason_of(RECORD, source) is Reason.UNKNOWN_KIND


@pytest.mark.parametrize(
    ("user", "reason"),
    [(None, Reason.UNMAPPED), ("", Reason.UNMAPPED), (True, Reason.WRONG_TYPE), ([1], Reason.WRONG_TYPE)],
)
def test_a_record_of_nobody_is_refused(user: Any, reason: Reason) -> None:
    assert reason_of({**RECORD, "user": user}) is reason


def test_a_number_is_an_id_too() -> None:
    assert event({**RECORD, "user": 42}).user == "42"


def test_the_plausible_range_is_half_open() -> None:
    assert event({**RECORD, "at": 900 * DAY_MS}).at_ms == 900 * DAY_MS
    assert reason_of({**RECORD, "at": 900 * DAY_MS - 1}) is Reason.TIME_OUT_OF_RANGE
    assert reason_of({**RECORD, "at": 1100 * DAY_MS}) is Reason.TIME_OUT_OF_RANGE


def test_a_received_record_must_also_be_plausible_seen_from_then() -> None:
    assert event(RECORD, received_ms=1000 * DAY_MS + 5).received_ms == 1000 * DAY_MS + 5
    assert reason_of(RECORD, received_ms=1091 * DAY_MS) is Reason.TIME_OUT_OF_RANGE
    assert reason_of(RECORD, received_ms=999 * DAY_MS) is Reason.TIME_OUT_OF_RANGE
