"""Recorded behaviour in order, and what the examples make of it."""

import gzip
import runpy
from collections import Counter
from pathlib import Path

import pytest

from connectors.mappings.loading import load_mapping
from connectors.replay.recorded import Recorded, Recording, Unusable
from connectors.replay.to_collector import call_of
from schemas.errors import ConfigError, Reason
from schemas.events import Event, decode_event
from schemas.ids import WorkspaceId
from schemas.worlds import WorldRef

EXAMPLES = Path(__file__).parents[3] / "examples"
MAPPING = """\
version: 1
plausible: {{from: 2000-01-01, to: 2030-01-01}}
order_by: {order_by}
sources:
  - {{file: a.csv, kind: track, name: A, user: user, at: at, properties: {{n: n}}}}
  - {{file: b.jsonl, kind: page, name: B, user: user, at: {{column: t.at, unit: s}}, id: [n]}}
"""


class Watched:
    """Remembers what a watcher is told."""

    def __init__(self) -> None:
        self.totals: list[int] = []
        self.rows: list[Unusable] = []

    def read(self, rows: int) -> None:
        pass

    def total(self, events: int) -> None:
        self.totals.append(events)

    def sent(self, events: int) -> None:
        pass

    def unusable(self, row: Unusable) -> None:
        self.rows.append(row)


def recording(folder: Path, order_by: str = "time") -> Recording:
    path = folder / "mapping.yaml"
    path.write_text(MAPPING.format(order_by=order_by))
    return Recording(folder, load_mapping(path), WorkspaceId("shop"), WorldRef(4, 5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text(
        "user,at,n\nu1,2020-01-03,1\nu2,2020-01-01,2\nu1,2020-01-02,3\nu3,never,4\nu3,1999-12-31,5\n,2020-01-01,6\n"
    )
    (tmp_path / "b.jsonl").write_text('{"user": 1, "t": {"at": 1577923200}, "n": 7}\n{"user": 1}\nnope\n')
    return tmp_path


def read(found: Recording) -> tuple[list[Event], list[Unusable]]:
    items = list(found.read(Watched()))
    events = [decode_event(item.record.value) for item in items if isinstance(item, Recorded)]
    return events, [item for item in items if isinstance(item, Unusable)]


def test_events_come_by_time_and_ties_as_they_stand_in_the_files(folder: Path) -> None:
    events, _ = read(recording(folder))
    # Row 3 of the first file and the row of the second happened in the same instant.
    assert [(event.name, event.properties.get("n")) for event in events] == [
        ("A", "2"),
        ("A", "3"),
        ("B", None),
        ("A", "1"),
    ]
    assert [event.received_ms for event in events] == [event.at_ms for event in events]
    assert {event.world for event in events} == {WorldRef(4, 5)}


def test_rows_that_are_no_events_are_kept_whole_with_their_place_and_reason(folder: Path) -> None:
    _, unusable = read(recording(folder))
    assert [(one.source, one.row, one.error.reason, one.payload) for one in unusable] == [
        ("a.csv", 4, Reason.WRONG_TYPE, b"u3,never,4\n"),
        ("a.csv", 5, Reason.TIME_OUT_OF_RANGE, b"u3,1999-12-31,5\n"),
        ("a.csv", 6, Reason.UNMAPPED, b",2020-01-01,6\n"),
        ("b.jsonl", 2, Reason.UNMAPPED, b'{"user": 1}'),
        ("b.jsonl", 3, Reason.NOT_JSON, b"nope"),
    ]


def test_in_the_order_of_the_files_the_log_never_goes_back(folder: Path) -> None:
    found = recording(folder, order_by="file")
    items = [item for item in found.read(Watched()) if isinstance(item, Recorded)]
    events = [decode_event(item.record.value) for item in items]
    assert [event.properties.get("n") for event in events] == ["1", "2", "3", None]
    assert len({event.received_ms for event in events}) == 1
    assert [item.log_ms for item in items] == [event.received_ms for event in events]
    assert events[1].at_ms < events[1].received_ms


def test_in_the_order_of_the_files_what_is_far_too_late_is_refused(folder: Path) -> None:
    (folder / "a.csv").write_text("user,at,n\nu1,2020-06-01,1\nu2,2020-01-01,2\n")
    _, unusable = read(recording(folder, order_by="file"))
    assert (unusable[0].row, unusable[0].error.reason) == (2, Reason.TIME_OUT_OF_RANGE)


def test_the_watcher_learns_the_total_and_each_bad_row(folder: Path) -> None:
    watched = Watched()
    list(recording(folder).read(watched))
    assert watched.totals == [4]
    assert len(watched.rows) == 5


def test_ids_repeat_when_the_replay_does_and_not_when_the_file_changed(folder: Path) -> None:
    first, _ = read(recording(folder))
    again, _ = read(recording(folder))
    with (folder / "a.csv").open("a") as file:
        file.write("u9,2020-01-09,9\n")
    changed, _ = read(recording(folder))
    ids = {event.record_id for event in first if event.name == "A"}
    assert ids == {event.record_id for event in again if event.name == "A"}
    assert not ids & {event.record_id for event in changed if event.name == "A"}
    assert len({event.record_id for event in changed}) == len(changed)


def test_missing_files_and_columns_are_told_before_anything_is_read(folder: Path) -> None:
    (folder / "a.csv").write_text("user,when\nu1,2020-01-01\n")
    with pytest.raises(ConfigError) as caught:
        read(recording(folder))
    assert [problem.split(" in ")[0] for problem in caught.value.problems] == [
        "mapping.yaml:5: expected a column 'at'",
        "mapping.yaml:5: expected a column 'n'",
    ]
    (folder / "b.jsonl").unlink()
    with pytest.raises(ConfigError, match=r"b\.jsonl"):
        read(recording(folder))


def test_a_call_of_segments_spec_tells_the_same(folder: Path) -> None:
    events, _ = read(recording(folder))
    assert call_of(events[0]) == {
        "type": "track",
        "messageId": events[0].id,
        "userId": "u2",
        "timestamp": "2020-01-01T00:00:00.000+00:00",
        "properties": {"n": "2"},
        "event": "A",
    }
    assert call_of(events[2])["name"] == "B"


# --- the examples


def example(name: str, folder: Path) -> tuple[list[Event], list[Unusable]]:
    mapping = load_mapping(EXAMPLES / name / "mapping.yaml")
    return read(Recording(folder, mapping, WorkspaceId("sample"), WorldRef()))


def test_made_up_ratings_are_events_with_genres() -> None:
    events, unusable = example("made-up-ratings", EXAMPLES / "made-up-ratings")
    assert unusable == []
    assert len(events) == 2_000
    assert len({event.user for event in events}) == 40
    assert {event.name for event in events} == {"Content Rated"}
    genres = Counter(genre for event in events for genre in event.properties.get("genres", ()))
    assert "sci-fi" in genres
    assert all(genre == genre.lower() for genre in genres)
    assert any("genres" not in event.properties for event in events)


def test_gzipped_files_give_the_same_events(tmp_path: Path) -> None:
    plain, _ = example("made-up-ratings", EXAMPLES / "made-up-ratings")
    for name in ("movies.csv", "ratings.csv"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((EXAMPLES / "made-up-ratings" / name).read_bytes()))
    packed, _ = example("made-up-ratings", tmp_path)
    assert [(e.id, e.user, e.at_ms, e.properties) for e in plain] == [
        (e.id, e.user, e.at_ms, e.properties) for e in packed
    ]


def test_the_made_up_files_are_what_their_script_makes(tmp_path: Path) -> None:
    script = EXAMPLES / "made-up-ratings/generate.py"
    runpy.run_path(str(script))["write"](tmp_path)
    for name in ("movies.csv", "ratings.csv"):
        assert (tmp_path / name).read_bytes() == (script.parent / name).read_bytes()
