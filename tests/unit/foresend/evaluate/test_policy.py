"""Valuing the engine's policy on logged decisions: where personalising pays, where it does not, and what is refused."""

from pathlib import Path
from random import Random

import msgspec
import pytest

from foresend.evaluate.policy import ENGINE, PolicyResult, _folds, run
from foresend.evaluate.rows import LoggedDecision
from schemas.errors import ConfigError
from schemas.ids import UserId, VariantId

MAPPING = """
version: 1
workspace: sample
sources: []
evaluation:
  file: rows.csv
  order: file
  variant: shown
  propensity: 0.5
  facts: {likes: likes, area: area}
  numbers: {age: {column: age, type: number}}
  outcomes: {visit: {column: visit}, spend: {column: spend}}
  learn: visit
  folds: 3
  settings:
    learning: {reach: 1}
    policy: {kind: softmax, temperature: 0.0, floor: 0.0}
"""
RATES = {("jazz", "jazz"): 0.4, ("jazz", "folk"): 0.1, ("folk", "jazz"): 0.1, ("folk", "folk"): 0.3}
"""Of a visit, by what one likes and what is shown."""
SAME = dict.fromkeys(RATES, 0.2) | {("jazz", "jazz"): 0.35, ("folk", "jazz"): 0.35}
"""Jazz is better for everybody."""


def folder_of(path: Path, rates: dict[tuple[str, str], float], rows: int = 1_000, seed: int = 1) -> tuple[Path, Path]:
    chance = Random(seed)
    lines = ["likes,area,age,shown,visit,spend"]
    for _ in range(rows):
        likes, shown = chance.choice(["jazz", "folk"]), chance.choice(["jazz", "folk"])
        visit = int(chance.random() < rates[likes, shown])
        age = chance.choice(["", str(chance.randint(18, 80))])
        lines.append(f"{likes},{chance.choice('abcd')},{age},{shown},{visit},{visit * chance.randint(1, 9)}")
    data = path / "made-up"
    data.mkdir(parents=True)
    (data / "rows.csv").write_text("\n".join(lines) + "\n")
    mapping = path / "mapping.yaml"
    mapping.write_text(MAPPING)
    return data, mapping


def one(results: list[PolicyResult], policy: str, outcome: str = "visit", estimator: str = "dr") -> PolicyResult:
    (found,) = [one for one in results if (one.policy, one.outcome, one.estimator) == (policy, outcome, estimator)]
    return found


def test_where_tastes_differ_the_engine_is_better_than_any_choice_for_everybody(tmp_path: Path) -> None:
    results = list(run(*folder_of(tmp_path, RATES)))
    for estimator in ("ips", "snips", "dr"):
        engine = one(results, ENGINE, estimator=estimator)
        assert engine.versus == "jazz"
        assert engine.lo < 0.35 < engine.hi
        assert engine.diff_lo > 0
        assert engine.diff == pytest.approx(engine.value - one(results, "jazz", estimator=estimator).value)
        assert 400 < engine.ess < 600


def test_where_one_choice_is_best_for_all_the_engine_loses_nothing(tmp_path: Path) -> None:
    engine = one(list(run(*folder_of(tmp_path, SAME))), ENGINE)
    assert engine.diff > -0.01
    assert engine.diff_lo <= 0 <= engine.diff_hi


def test_a_choice_for_everybody_is_valued_as_by_hand(tmp_path: Path) -> None:
    data, mapping = folder_of(tmp_path, RATES, rows=150)
    rows = [line.split(",") for line in (data / "rows.csv").read_text().split()[1:]]
    jazz = [(int(visit), int(spend)) for *_, shown, visit, spend in rows if shown == "jazz"]
    results = list(run(data, mapping))
    assert one(results, "jazz", estimator="ips").value == pytest.approx(sum(visit for visit, _ in jazz) * 2 / 150)
    assert one(results, "jazz", "spend", "snips").value == pytest.approx(sum(spend for _, spend in jazz) / len(jazz))
    best = one(results, one(results, "jazz").versus)
    assert (best.diff, best.diff_lo, best.diff_hi) == (0.0, 0.0, 0.0)


def test_a_line_for_each_policy_outcome_and_estimator_with_the_keys_that_others_read(tmp_path: Path) -> None:
    results = list(run(*folder_of(tmp_path, RATES, rows=150)))
    assert len(results) == 3 * 2 * 3
    assert list(msgspec.to_builtins(results[0])) == [
        *("dataset", "policy", "outcome", "estimator", "value", "lo", "hi"),
        *("versus", "diff", "diff_lo", "diff_hi", "ess"),
    ]
    assert results[0].dataset == "made-up"
    assert all(one.lo <= one.value <= one.hi and one.diff_lo <= one.diff <= one.diff_hi for one in results)


def test_the_same_seed_gives_the_same_and_another_one_other_folds(tmp_path: Path) -> None:
    data, mapping = folder_of(tmp_path, RATES, rows=150)
    assert list(run(data, mapping, seed=3)) == list(run(data, mapping, seed=3))
    assert list(run(data, mapping, seed=3)) != list(run(data, mapping, seed=4))


def test_halves_are_random_halves_each_valued_by_itself(tmp_path: Path) -> None:
    data, mapping = folder_of(tmp_path, RATES, rows=240)
    results = list(run(data, mapping, halves=3))
    assert [one.half for one in results] == [half for half in (1, 2, 3) for _ in range(18)]
    assert (
        len({one.value for one in results if (one.policy, one.outcome, one.estimator) == ("jazz", "visit", "ips")}) > 1
    )
    assert msgspec.to_builtins(results[0])["half"] == 1


def test_rows_of_unknown_odds_are_refused(tmp_path: Path) -> None:
    data, mapping = folder_of(tmp_path, RATES, rows=30)
    mapping.write_text(MAPPING.replace("  propensity: 0.5\n", ""))
    with pytest.raises(ConfigError, match="expected a section `evaluation` with a `propensity`"):
        list(run(data, mapping))


def test_fewer_people_than_folds_are_refused(tmp_path: Path) -> None:
    data, mapping = folder_of(tmp_path, RATES, rows=2)
    with pytest.raises(ConfigError, match="at least one person for each of 3 folds"):
        list(run(data, mapping))


def test_a_variant_of_the_engines_name_is_refused(tmp_path: Path) -> None:
    data, mapping = folder_of(tmp_path, RATES, rows=30)
    (data / "rows.csv").write_text((data / "rows.csv").read_text().replace("jazz", "foresend"))
    with pytest.raises(ConfigError, match="variants of other names"):
        list(run(data, mapping))


def test_a_persons_rows_are_in_one_fold() -> None:
    chance = Random(1)
    rows = [
        LoggedDecision(row, UserId(str(chance.randint(1, 20))), 0, VariantId("a"), (), {}, {}, {}) for row in range(200)
    ]
    folds = _folds(rows, 4, seed=1).tolist()
    assert len({(one.user, fold) for one, fold in zip(rows, folds, strict=True)}) == len({one.user for one in rows})
    assert set(folds) == {0, 1, 2, 3}
