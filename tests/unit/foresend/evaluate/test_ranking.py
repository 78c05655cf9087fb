"""Ranking the true next item among others."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.mappings.loading import load_mapping
from foresend.evaluate import ranking
from foresend.evaluate.ranking import Ranking, catalogue_of, evaluate_ranking
from foresend.evaluate.rows import read_decisions
from schemas.errors import ConfigError
from schemas.ids import VariantId
from tests.support.choices import choices_of, table_of

MAPPING = """\
version: 1
sources: []
evaluation:
  file: rows.csv
  join:
    item: {file: items.csv, key: item, on: item}
  order: time
  user: user
  at: {column: at, unit: s}
  variant: item
  catalog: true
  tags:
    kind: item.kind
    year: {column: item.title, match: "(\\\\d{4})"}
  outcomes: {good: {column: stars, at_least: 4}}
  learn: good
  cold: 2
  negatives: 19
  train: {parts: [collaborative], first: 200, growth: 2.0}
"""
ITEMS = 200


def folder_of(path: Path, count: int, mapping: str = MAPPING) -> tuple[Path, Path]:
    """A folder of choices by people of four circles (`tests.support.choices`), and its mapping."""
    choices, table = choices_of(count, ITEMS, 40, seed=1), table_of(ITEMS)
    name_of = dict(zip(table.items.tolist(), table.variants, strict=True))
    rows = zip(choices.users.tolist(), choices.items.tolist(), choices.at_s.tolist(), strict=True)
    lines = [f"{user},{name_of[item]},{at:.0f},{4 + user % 2}" for user, item, at in rows]
    (path / "rows.csv").write_text("user,item,at,stars\n" + "\n".join(lines) + "\n")
    items = [
        f"{name},{tags[0][5:]},A title of {tags[1][5:]}" for name, tags in zip(table.variants, table.tags, strict=True)
    ]
    (path / "items.csv").write_text("item,kind,title\n" + "\n".join(items) + "\n")
    (path / "mapping.yaml").write_text(mapping)
    return path, path / "mapping.yaml"


def run(data: Path, mapping: Path, ablate: Sequence[str] = (), seed: int | None = None) -> Ranking:
    return evaluate_ranking(data, load_mapping(mapping), ablate=ablate, seed=seed)


def test_a_circle_is_found_out(tmp_path: Path) -> None:
    found = run(*folder_of(tmp_path, 900))
    # By chance ten places of twenty hold half of what is chosen.
    assert found.hr10 > 0.7
    assert 0.0 < found.ndcg10 < found.hr10
    assert (found.n_cold, found.n) == (80, 820)
    assert found.trainings == 3


def test_it_is_the_trained_part_that_finds_it(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 900)
    assert run(*folder, ablate=["collaborative"]).hr10 < run(*folder).hr10 - 0.1


def test_the_same_seed_gives_the_same_figures_and_another_others(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 300)
    first, again, other = (run(*folder, seed=seed) for seed in (5, 5, 6))
    assert (first.hr10, first.ndcg10, first.cold_ndcg10) == (again.hr10, again.ndcg10, again.cold_ndcg10)
    assert first.ndcg10 != other.ndcg10


def test_what_comes_later_changes_nothing_of_what_was_ranked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the ranks of a log, and those of its first half alone
    ranks: list[list[float]] = []

    def remembered(scores: NDArray[np.float32]) -> float:
        ranks[-1].append(float(scores[0]))
        return 0.0

    monkeypatch.setattr(ranking, "_rank_of_first", remembered)
    for count in (600, 300):
        ranks.append([])
        run(*folder_of(tmp_path, count))
    # Then the first half was scored alike: nothing saw what came after it
    assert ranks[0][:300] == ranks[1]


def test_the_catalogue_holds_items_that_nobody_chose(tmp_path: Path) -> None:
    data, mapping = folder_of(tmp_path, 5)
    evaluation = load_mapping(mapping).evaluation
    assert evaluation is not None
    items = catalogue_of(data, evaluation, read_decisions(data, evaluation))
    assert len(items) == ITEMS
    assert {item.id: item.tags for item in items}[VariantId("item21")] == ("kind:0", "year:1992")


def test_equals_count_half() -> None:
    assert ranking._rank_of_first(np.array([1.0, 2.0, 1.0, 0.0], np.float32)) == 1.5


def test_a_mapping_without_a_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="catalog: true"):
        run(*folder_of(tmp_path, 5, MAPPING.replace("  catalog: true\n", "")))


def test_too_few_items_to_rank_among_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected more than 200 items"):
        run(*folder_of(tmp_path, 5, MAPPING.replace("negatives: 19", "negatives: 200")))
