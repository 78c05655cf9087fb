"""The progressive judgement sees no future: what comes later changes nothing of what was said before."""

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from connectors.mappings.loading import load_mapping
from foresend.cli import main
from foresend.evaluate.progressive import ProgressiveFigures, _Run, evaluate_progressive
from foresend.evaluate.rows import LoggedDecision
from foresend.evaluate.timeline import evaluation_of, timeline
from online_models import proof

ROWS = 420
PEOPLE = 40
VARIANTS = ("jazz", "folk", "rock", "soul", "film")
HOUR_S = 3_600
DELAY_DAYS = 2
TRAINED_AT = 150
MAPPING = f"""\
version: 1
sources: []
evaluation:
  file: rows.csv
  order: time
  user: user
  at: {{column: at, unit: s}}
  variant: item
  tags: {{kind: kind}}
  facts: {{town: town}}
  numbers: {{age: {{column: age, type: number}}}}
  outcomes: {{good: {{column: stars, at_least: 4}}}}
  learn: good
  grade: {{column: stars, type: number}}
  cold: 3
  blocks: 4
  train: {{parts: [collaborative], first: {TRAINED_AT}, growth: 1.6}}
  settings:
    learning: {{snapshot_every: 8}}
"""
DELAYED = f"{MAPPING}  label_delay_days: {DELAY_DAYS}\n"
KEYS = {
    "dataset", "n", "auc", "auc_lo", "auc_hi", "block_auc", "logloss", "ece", "n_cold", "cold_auc", "cold_logloss",
    "us_per_event", "train_s", "state_bytes_p99",
}  # fmt: skip
"""Of `foresend evaluate progressive`, as others read them."""
TIMES = ("us_per_event", "train_s")


def rows(turned_from: int = ROWS) -> list[str]:
    """Rows of people with tastes, an hour apart; from one row on stars are turned round."""
    chance, made = Random(4), []
    for number in range(ROWS):
        user, item = chance.randrange(PEOPLE), chance.randrange(len(VARIANTS))
        liked = chance.random() < (0.8 if (user + item) % 3 == 0 else 0.25)
        stars = chance.choice((4, 5)) if liked else chance.choice((1, 2, 3))
        told = 6 - stars if number >= turned_from else stars
        at_s = 1_600_000_000 + number * HOUR_S
        made.append(f"p{user},{at_s},{VARIANTS[item]},{'ab'[item % 2]},town{user % 4},{20 + user},{told}")
    return made


def folder(path: Path, mapping: str, lines: list[str]) -> Path:
    path.mkdir(exist_ok=True)
    (path / "mapping.yaml").write_text(mapping)
    (path / "rows.csv").write_text("\n".join(["user,at,item,kind,town,age,stars", *lines]) + "\n")
    return path


def predictions(path: Path, ablate: frozenset[str] = frozenset()) -> list[float]:
    mapping = load_mapping(path / "mapping.yaml")
    happenings = list(timeline(path, mapping))
    run = _Run(evaluation_of(mapping), [one for _, one in happenings if isinstance(one, LoggedDecision)], ablate)
    for at_ms, happening in happenings:
        run.take(at_ms, happening)
    assert len(run.probabilities) == ROWS
    return run.probabilities


def judged(path: Path, ablate: frozenset[str] = frozenset()) -> ProgressiveFigures:
    return evaluate_progressive(path, load_mapping(path / "mapping.yaml"), ablate, lambda *_: None)


def without_times(figures: ProgressiveFigures) -> Mapping[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(figures).items() if name not in TIMES}


@pytest.mark.parametrize(("mapping", "delay"), [(MAPPING, 0), (DELAYED, DELAY_DAYS * 24)], ids=["at once", "delayed"])
@pytest.mark.parametrize("turned_from", [40, TRAINED_AT, 333])
def test_labels_of_later_rows_change_no_earlier_prediction(
    mapping: str, delay: int, turned_from: int, tmp_path: Path
) -> None:
    told = predictions(folder(tmp_path / "told", mapping, rows()))
    turned = predictions(folder(tmp_path / "turned", mapping, rows(turned_from)))
    # A row's own label, and for as long as it may not be known those of all since, are of no help to it.
    known_from = turned_from + max(1, delay)
    assert turned[:known_from] == told[:known_from]
    assert turned[known_from:] != told[known_from:]


def test_rows_that_are_yet_to_come_change_no_earlier_prediction(tmp_path: Path) -> None:
    mapping = load_mapping(folder(tmp_path / "half", MAPPING, rows()[: ROWS // 2]) / "mapping.yaml")
    happenings = list(timeline(tmp_path / "half", mapping))
    run = _Run(evaluation_of(mapping), [one for _, one in happenings if isinstance(one, LoggedDecision)], frozenset())
    for at_ms, happening in happenings:
        run.take(at_ms, happening)
    whole = predictions(folder(tmp_path / "whole", MAPPING, rows()))
    assert whole[: ROWS // 2] == run.probabilities


def test_judged_twice_the_figures_are_equal(tmp_path: Path) -> None:
    path = folder(tmp_path, MAPPING, rows())
    first, second = judged(path), judged(path)
    assert without_times(first) == without_times(second)
    assert first.n + first.n_cold == ROWS
    assert first.train_s > 0.0
    assert first.auc is not None
    assert first.auc > 0.55, "tastes are there to be learnt"


@pytest.mark.parametrize("part", ["prior", "content", "collaborative", "stack"])
def test_what_is_ablated_is_left_out(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So few decisions prove nothing of the stack's weights: here they count from the start.
    monkeypatch.setattr(proof, "START", 3.0)
    path = folder(tmp_path, MAPPING, rows())
    whole, less = judged(path), judged(path, frozenset({part}))
    assert less.ablated == (part,)
    assert less.logloss != whole.logloss
    assert (less.train_s == 0.0) is (part == "collaborative")


def test_the_command_prints_the_keys_that_others_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder(tmp_path, MAPPING, rows())
    command = ["evaluate", "progressive", "--data", str(path), "--mapping", str(path / "mapping.yaml"), "--json"]
    assert main([*command, "--ablate", "content"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert set(told) >= KEYS
    assert told["ablated"] == ["content"]
    assert told["dataset"] == path.name
    assert all(isinstance(told[name], (int, float)) for name in KEYS - {"dataset"})
