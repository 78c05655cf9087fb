"""Rows of a folder as logged decisions: their order, and what each one holds."""

from pathlib import Path

import pytest

from connectors.mappings.loading import load_mapping
from connectors.mappings.model import Evaluation
from foresend.evaluate.rows import LoggedDecision, read_decisions
from schemas.errors import ConfigError

MAPPING = """\
version: 1
sources: []
evaluation:
  file: rows.csv
  order: {order}
  ties: [user, item]
  user: user
  at: {{column: at, unit: s}}
  variant: item
  tags: {{kind: {{column: kinds, split: "|"}}}}
  facts: {{plan: plan}}
  numbers: {{age: {{column: age, type: number}}}}
  outcomes: {{good: {{column: stars, at_least: 4}}, stars: {{column: stars}}}}
  learn: good
"""
ROWS = "user,item,at,kinds,plan,age,stars\nbo,x,9,a|b,gold,30,5\nal,y,7,a,,,3\nbo,z,7,,free,31,4\n"


def evaluation(folder: Path, order: str = "time") -> Evaluation:
    (folder / "mapping.yaml").write_text(MAPPING.format(order=order))
    found = load_mapping(folder / "mapping.yaml").evaluation
    assert found is not None
    return found


def decided(folder: Path, order: str = "time", rows: str = ROWS) -> list[LoggedDecision]:
    (folder / "rows.csv").write_text(rows)
    return read_decisions(folder, evaluation(folder, order))


def test_a_row_is_a_decision_with_what_is_known_of_it(tmp_path: Path) -> None:
    last = decided(tmp_path)[-1]
    assert (last.user, last.variant, last.at_ms, last.number) == ("bo", "x", 9_000, 1)
    assert (last.tags, last.facts, last.numbers) == (("kind:a", "kind:b"), {"plan": "gold"}, {"age": 30.0})
    assert last.outcomes == {"good": 1.0, "stars": 5.0}


def test_what_a_row_does_not_tell_is_missing(tmp_path: Path) -> None:
    empty = next(one for one in decided(tmp_path) if one.variant == "y")
    assert (empty.facts, empty.numbers) == ({}, {})


def test_ties_are_ordered_by_their_hash_and_not_by_the_file(tmp_path: Path) -> None:
    head, *lines = [f"{line}\n" for line in ROWS.splitlines()]
    assert decided(tmp_path)[:2] == [
        one._replace(number=4 - one.number) for one in decided(tmp_path, rows=head + "".join(lines[::-1]))[:2]
    ]
    many = head + "".join(f"u{number},x,7,a,,,3\n" for number in range(40))
    assert [one.number for one in decided(tmp_path, rows=many)] != sorted(range(1, 41))


def test_in_rounds_everybody_has_a_turn_before_the_second(tmp_path: Path) -> None:
    rounds = decided(tmp_path, "rounds")
    assert [(one.user, one.variant) for one in rounds] == [("bo", "x"), ("al", "y"), ("bo", "z")]
    assert [one.at_ms for one in rounds] == sorted(one.at_ms for one in rounds)


def test_as_in_the_file(tmp_path: Path) -> None:
    assert [one.number for one in decided(tmp_path, "file")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (ROWS.replace("bo,x", ",x"), "row 1: expected a person"),
        (ROWS.replace("5\n", "five\n"), "outcome good: expected a number in column stars"),
        (ROWS.replace("30,", "old,"), "row 1: column age: expected a number"),
        (ROWS[: ROWS.index("\n") + 1], "expected rows to decide about, got none"),
    ],
)
def test_a_row_that_cannot_be_used_is_told(tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        decided(tmp_path, rows=rows)
