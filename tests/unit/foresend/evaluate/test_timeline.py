"""What happens in an evaluation, in which order: nothing is told before it may be known."""

from pathlib import Path

import pytest

from connectors.mappings.loading import load_mapping
from foresend.evaluate.rows import LoggedDecision
from foresend.evaluate.timeline import Happening, Told, timeline
from schemas.errors import ConfigError
from schemas.events import Event

DAY_MS = 86_400_000
ROWS = """\
version: 1
sources: []
evaluation:
  file: rows.csv
  order: file
  user: user
  variant: {value: offer}
  outcomes: {good: {column: stars, at_least: 4}}
  learn: good
  grade: {column: stars, type: number}
"""
MOMENTS = """\
version: 1
sources:
  - {file: orders.csv, kind: track, name: Order Completed, user: who, at: day}
evaluation:
  moments: {from: 2020-01-11, to: 2020-02-01, every_days: 10}
  variant: {value: reminder}
  outcomes: {bought: {event: Order Completed, within_days: 5}}
  learn: bought
  label_delay_days: 5
"""
ORDERS = "who,day\nal,2020-01-02\nbo,2020-01-11\nal,2020-01-16\nal,2020-01-22\n"


def happened(folder: Path, mapping: str, file: str, rows: str) -> list[tuple[int, Happening]]:
    (folder / "mapping.yaml").write_text(mapping)
    (folder / file).write_text(rows)
    return list(timeline(folder, load_mapping(folder / "mapping.yaml")))


def test_a_row_is_decided_and_then_told(tmp_path: Path) -> None:
    found = [one for _, one in happened(tmp_path, ROWS, "rows.csv", "user,stars\nal,5\nal,1\n")]
    assert [type(one) for one in found] == [LoggedDecision, Told, LoggedDecision, Told]


def test_a_grade_is_ranked_among_those_told_before_it_and_no_others(tmp_path: Path) -> None:
    rows = "user,stars\n" + "".join(f"u{n},{stars}\n" for n, stars in enumerate((3, 5, 1, 3, 3)))
    ranks = [one.rank for _, one in happened(tmp_path, ROWS, "rows.csv", rows) if isinstance(one, Told)]
    assert ranks == [0.5, 1.0, 0.0, 0.5, 0.5]
    first = [one.rank for _, one in happened(tmp_path, ROWS, "rows.csv", rows + "z,4\n") if isinstance(one, Told)]
    assert first[:5] == ranks, "what comes later changes nothing"


def test_at_moments_everybody_known_is_decided_about(tmp_path: Path) -> None:
    found = happened(tmp_path, MOMENTS, "orders.csv", ORDERS)
    decided = [(one.user, at_ms // DAY_MS) for at_ms, one in found if isinstance(one, LoggedDecision)]
    first = 1578700800000 // DAY_MS
    assert decided == [("al", first), ("al", first + 10), ("bo", first + 10), ("al", first + 20), ("bo", first + 20)]
    # Al bought five days after the first moment, which is too late, and a day after the second.
    outcomes = [one.outcomes["bought"] for _, one in found if isinstance(one, LoggedDecision)]
    assert outcomes == [0.0, 1.0, 0.0, 0.0, 0.0]


def test_an_outcome_is_told_when_its_days_have_passed(tmp_path: Path) -> None:
    found = happened(tmp_path, MOMENTS, "orders.csv", ORDERS)
    told = {one.place: at_ms for at_ms, one in found if isinstance(one, Told)}
    decided = [at_ms for at_ms, one in found if isinstance(one, LoggedDecision)]
    assert all(told[place] == at_ms + 5 * DAY_MS for place, at_ms in enumerate(decided))
    times = [at_ms for at_ms, _ in found]
    assert times == sorted(times)
    behaviour = [at_ms for at_ms, one in found if isinstance(one, Event)]
    assert len(behaviour) == 4, "all behaviour before the last decision is seen"


def test_a_mapping_without_an_evaluation_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a section `evaluation`"):
        happened(tmp_path, "version: 1\nsources: []\n", "rows.csv", "")
