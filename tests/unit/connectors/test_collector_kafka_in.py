"""Kafka in: the bounds on which it rests, and what it makes of a record; the rest is tested in tests/stack."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from connectors.collector.kafka_in import COMMIT_RECORDS_MAX, mapped
from connectors.collector.reduction import Rules
from connectors.mappings.events import EventMaker
from connectors.mappings.loading import load_mapping
from online_models.cells import SEEN_EVENTS_MAX
from schemas.events import Event, EventKind
from schemas.ids import WorkspaceId
from schemas.worlds import WorldRef

PEOPLE = """
version: 1
workspace: shop
sources:
  - topic: people
    kind: identify
    user: id
    at: { column: at, unit: ms }
    traits: { plan: plan, birthday: born, email: mail, shoe: shoe }
"""


def test_what_a_crash_repeats_is_still_remembered_by_the_step() -> None:
    assert COMMIT_RECORDS_MAX < SEEN_EVENTS_MAX


def test_a_record_is_reduced_like_a_call(tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text(PEOPLE)
    mapping = load_mapping(tmp_path / "people.yaml")
    understand = mapped(EventMaker(mapping, mapping.sources[0], WorkspaceId("shop"), {}), lambda _: Rules(("plan",)))
    value = (
        b'{"id": "ann", "at": 1700000000000, "plan": "pro", "born": "1990-05-17", "mail": "a@b.example", "shoe": 42}'
    )
    record: Any = SimpleNamespace(topic="people", partition=0, offset=7, value=value)

    event, contact = understand(record, WorldRef(), 1_700_000_000_000)

    assert isinstance(event, Event)
    assert isinstance(contact, Event)
    assert (event.user, event.kind, event.traits) == ("ann", EventKind.IDENTIFY, {"plan": "pro", "age_band": "25-34"})
    assert (contact.kind, contact.properties["address"]) == (EventKind.CONTACT, "a@b.example")
    assert [event.record_id, contact.record_id] == ["people-0-7", "people-0-7-email"]
