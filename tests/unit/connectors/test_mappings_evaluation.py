"""The section `evaluation` of a mapping: what it says, and what is wrong with it, by line."""

from pathlib import Path

import pytest

from connectors.mappings.loading import load_mapping
from connectors.mappings.model import DecisionOrder, TrainingTimes
from schemas.errors import ConfigError

GOOD = """\
version: 1
sources: []
evaluation:
  file: rows.csv
  order: rounds
  user: person
  variant: offer
  facts:
    year: {column: title, match: "\\\\((\\\\d+)"}
  outcomes:
    bought: {column: spend, at_least: 0.01}
  learn: bought
"""


def load(folder: Path, text: str) -> None:
    (folder / "mapping.yaml").write_text(text)
    load_mapping(folder / "mapping.yaml")


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text(GOOD)
    evaluation = load_mapping(tmp_path / "mapping.yaml").evaluation
    assert evaluation is not None
    assert (evaluation.order, evaluation.cold, evaluation.negatives, evaluation.folds) == (
        DecisionOrder.ROUNDS, 0, 99, 5,
    )  # fmt: skip
    assert (evaluation.outcomes["bought"].at_least, evaluation.train, evaluation.moments) == (0.01, None, None)


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("learn: bought", "learn: sold", 12, "expected one of the outcomes, bought, got sold"),
        ("  user: person\n", "", 5, "rounds need a `user`"),
        ("order: rounds", "order: time", 5, "an order by time needs `at`"),
        ("(\\\\d+)", "\\\\d+)", 9, "expected a regular expression"),
        ("\\\\((\\\\d+)", "\\\\d+", 9, "expected a group"),
        ("file: rows.csv", "file: rows", 4, "ends in .csv or .jsonl"),
        ("column: spend, at_least: 0.01", "event: Order, within_days: 3", 11, "the outcome of moments"),
        ("  file: rows.csv\n", "", 3, "not valid under any"),
        ("  learn: bought\n", "", 3, "'learn' is a required property"),
        ("offer\n", "offer\n  colour: red\n", 8, "unknown; expected one of"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, before: str, after: str, line: int, words: str) -> None:
    assert before in GOOD
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD.replace(before, after, 1))
    assert f"mapping.yaml:{line}: " in str(caught.value)
    assert words in str(caught.value)


def test_trainings_are_due_at_first_then_by_growth_or_sooner() -> None:
    times = TrainingTimes(("sequence",), first=100, growth=2.0, every=300)
    assert [times.is_due(count, 0) for count in (99, 100)] == [False, True]
    assert [times.is_due(count, 100) for count in (199, 200)] == [False, True]
    assert [times.is_due(count, 1000) for count in (1299, 1300)] == [False, True]
