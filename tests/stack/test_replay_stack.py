"""Replay into real Kafka: straight to a topic, and through a collector."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.log_reader import LogRecord, read_log
from connectors.kafka.partitioning import event_partition
from connectors.kafka.publishing import publish_snapshot
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import current_world, end_offsets, ensure_topics
from connectors.replay.to_topic import AFTERWARDS_MS
from foresend.cli import main
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.errors import Reason
from schemas.events import Event, EventKind, decode_event
from schemas.ids import WorkspaceId
from schemas.models import ModelSnapshot
from schemas.profiles import PROFILE_AFTER_MS
from schemas.topics import DEAD_LETTERS, EVENTS, PARTITIONS, replay_topic
from tests.support.collector_process import CollectorProcess

pytestmark = pytest.mark.stack

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARED = Path(__file__).parents[3] / "shared/data"
RATINGS = EXAMPLES / "made-up-ratings"
DAY_S = 86_400


Replay = Callable[..., dict[str, Any]]


@pytest.fixture
def replay(broker: Broker, capsys: pytest.CaptureFixture[str]) -> Replay:
    """Runs the command, and returns its figures."""

    def run(folder: Path, mapping: Path, *options: str) -> dict[str, Any]:
        command = ["replay", str(folder), "--mapping", str(mapping), "--json", "--bootstrap", broker.bootstrap]
        assert main([*command, *options]) == 0
        figures: dict[str, Any] = json.loads(capsys.readouterr().out)
        return figures

    return run


def log(broker: Broker, topic: str) -> list[tuple[LogRecord, Event]]:
    return [(record, decode_event(record.value)) for record in read_log(KafkaSettings(broker.bootstrap), topic)]


def test_rows_go_to_a_topic_with_their_own_times(broker: Broker, replay: Replay) -> None:
    settings = KafkaSettings(broker.bootstrap)
    ensure_topics(settings)
    publish_snapshot(settings, ModelSnapshot(workspace=WorkspaceId("sample"), number=1, slots={}))
    world = current_world(settings)

    figures = replay(RATINGS, RATINGS / "mapping.yaml", "--topic", "replay-ratings")

    assert {name: figures[name] for name in ("events_read", "events_sent", "dead_letters")} == {
        "events_read": 2_000,
        "events_sent": 2_000,
        "dead_letters": 0,
    }
    assert figures["seconds"] > 0
    assert figures["events_per_s"] > 0
    records = log(broker, "replay-ratings")
    behaviour = [(record, event) for record, event in records if event.kind is EventKind.TRACK]
    assert len(behaviour) == 2_000
    newest: dict[int, int] = {}
    for record, event in records:
        assert record.position.log_ms == event.at_ms == event.received_ms
        assert record.position.log_ms >= newest.get(record.position.partition, 0)
        newest[record.position.partition] = record.position.log_ms
        assert event.world == world
    for record, event in behaviour:
        assert record.position.partition == event_partition(event.workspace, event.user)
    last_ms = max(event.at_ms for _, event in behaviour)
    # So much later everybody has been told.
    assert newest == dict.fromkeys(range(PARTITIONS), last_ms + PROFILE_AFTER_MS + AFTERWARDS_MS)
    ends = {record.position.partition: event.kind for record, event in records}
    assert set(ends.values()) == {EventKind.HEARTBEAT}


def test_done_twice_it_repeats_every_id(broker: Broker, replay: Replay) -> None:
    for _ in range(2):
        replay(RATINGS, RATINGS / "mapping.yaml", "--topic", "replay-twice")
    ids = [event.id for _, event in log(broker, "replay-twice") if event.kind is EventKind.TRACK]
    assert len(ids) == 2 * len(set(ids)) == 4_000


def test_bad_rows_become_dead_letters_with_their_place(broker: Broker, replay: Replay, tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_bytes((RATINGS / "movies.csv").read_bytes())
    (tmp_path / "ratings.csv").write_bytes(
        b"userId,movieId,rating,timestamp\n1,1,4.0,1600000000\n1,2,much,1600000001\n1,3,4.0,1\n1,\xff,4.0,1600000002\n1\n"
    )
    figures = replay(tmp_path, RATINGS / "mapping.yaml", "--topic", "replay-bad")
    assert (figures["events_read"], figures["events_sent"], figures["dead_letters"]) == (5, 1, 4)
    settings = KafkaSettings(broker.bootstrap)
    letters = [decode(DeadLetter, record.value) for record in read_log(settings, DEAD_LETTERS.name)]
    mine = {letter.offset: (letter.reason, letter.payload) for letter in letters if letter.source == "ratings.csv"}
    assert mine == {
        2: (Reason.WRONG_TYPE, b"1,2,much,1600000001\n"),
        3: (Reason.TIME_OUT_OF_RANGE, b"1,3,4.0,1\n"),
        4: (Reason.BAD_UTF8, b"1,\xff,4.0,1600000002\n"),
        5: (Reason.WRONG_TYPE, b"1\n"),
    }


@pytest.fixture
def collector(broker: Broker, replay: Replay, tmp_path: Path) -> Iterator[CollectorProcess]:
    process = CollectorProcess(tmp_path / "log", free_port(), broker.bootstrap, FORESEND_COLLECT_KEYS="k:replayed")
    process.start()
    process.wait_ready()
    yield process
    process.kill()


def test_rows_go_through_a_collector_as_from_any_client(
    broker: Broker, replay: Replay, collector: CollectorProcess, tmp_path: Path, now_ms: int
) -> None:
    # The made-up ratings, moved into the last weeks; two of them are too old for a collector.
    folder = tmp_path / "recent"
    folder.mkdir()
    (folder / "movies.csv").write_bytes((RATINGS / "movies.csv").read_bytes())
    with (RATINGS / "ratings.csv").open() as file:
        rows = list(csv.DictReader(file))[:1_200]
    for number, row in enumerate(rows):
        row["timestamp"] = str(now_ms // 1000 - (200 if number < 2 else 30) * DAY_S + number)
    with (folder / "ratings.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text((RATINGS / "mapping.yaml").read_text().replace("to: 2023-01-01", "to: 2100-01-01"))

    figures = replay(folder, mapping, "--through-collector", collector.url, "--write-key", "k")

    assert (figures["events_read"], figures["events_sent"], figures["dead_letters"]) == (1_200, 1_198, 2)
    mine = {event.id: event for _, event in log(broker, EVENTS.name) if event.workspace == "replayed"}
    assert set(mine) == {f"{row['userId']}-{row['movieId']}" for row in rows[2:]}
    assert {event.name for event in mine.values()} == {"Content Rated"}
    at_s = {f"{row['userId']}-{row['movieId']}": int(row["timestamp"]) for row in rows}
    assert all(event.at_ms == at_s[event.id] * 1000 for event in mine.values())


def test_a_collector_that_does_not_know_the_key_ends_the_replay(
    collector: CollectorProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["replay", str(RATINGS), "--mapping", str(RATINGS / "mapping.yaml"), "--through-collector", collector.url]
    assert main([*command, "--write-key", "wrong"]) == 2
    assert "401" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "events_expected", "users_expected"),
    [("movielens-latest-small", 46_846, 346), ("cdnow", 34_639, 11_808)],
)
def test_every_row_of_the_real_data_is_an_event(
    broker: Broker, replay: Replay, name: str, events_expected: int, users_expected: int
) -> None:
    if not (SHARED / name).is_dir():
        pytest.skip("../shared/data is absent")
    topic = f"replay-{name}"
    figures = replay(SHARED / name, EXAMPLES / name / "mapping.yaml", "--topic", topic)
    assert (figures["events_sent"], figures["dead_letters"]) == (events_expected, 0)
    ends = end_offsets(KafkaSettings(broker.bootstrap), replay_topic(topic))
    assert sum(ends.values()) == events_expected + PARTITIONS
    users = {event.user for _, event in log(broker, topic) if event.kind is EventKind.TRACK}
    assert len(users) == users_expected
