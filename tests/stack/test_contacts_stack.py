"""`foresend contacts import` into real Kafka."""

import json
from pathlib import Path

import pytest

from connectors.contacts.addresses import address_user
from connectors.kafka.log_reader import read_log
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend import cli
from foresend.local.broker import Broker
from schemas.events import Event, EventKind, decode_event
from schemas.topics import EVENTS

pytestmark = pytest.mark.stack

SECRET = "0123456789abcdef0123456789abcdef"
PEOPLE = 300


def events_of(broker: Broker, workspace: str) -> list[Event]:
    found = [decode_event(record.value) for record in read_log(KafkaSettings(broker.bootstrap), EVENTS.name)]
    return [event for event in found if event.workspace == workspace]


def test_a_file_is_imported_whole_and_once(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_topics(KafkaSettings(broker.bootstrap))
    monkeypatch.setenv("FORESEND_INSTALLATION_SECRET", SECRET)
    rows = [f"u{number},u{number}@shop.example,yes,2024-03-01,form,v3" for number in range(PEOPLE)]
    file = tmp_path / "people.csv"
    file.write_text("\n".join(["user,email,permission,granted_at,source,text_version", *rows, "bad,,,,,"]))
    arguments = ["contacts", "import", str(file), "--workspace-id", "import-shop", "--bootstrap", broker.bootstrap]

    codes = [cli.main([*arguments, "--json"]) for _ in range(2)]

    told, again = map(json.loads, capsys.readouterr().out.splitlines())
    assert codes == [1, 1], "one row has neither address nor phone"
    assert (told["rows"], told["refused"], told["permissions"], told["links"]) == (PEOPLE + 1, 1, PEOPLE, PEOPLE)
    assert told["events"] == again["events"] == 3 * PEOPLE
    events = events_of(broker, "import-shop")
    assert len(events) == 6 * PEOPLE
    assert len({event.id for event in events}) == 3 * PEOPLE, (
        "the second import repeats ids, so that it changes nothing"
    )
    links = {event.user: event.linked for event in events if event.kind is EventKind.LINK}
    assert links == {address_user(SECRET.encode(), f"u{n}@shop.example"): f"u{n}" for n in range(PEOPLE)}


def test_a_suppression_list_needs_the_secret(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "list.csv"
    file.write_text("a@shop.example\n")

    code = cli.main(["contacts", "import", str(file), "--suppression", "--workspace-id", "x"])

    assert code == 2
    assert "FORESEND_INSTALLATION_SECRET" in capsys.readouterr().err
