"""Dashboards: the files are what the code makes, and a panel asks for nothing that no program tells."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from connectors.metrics.table import METRICS
from foresend.alerting.rules import rules
from foresend.dashboards.__main__ import FOLDER
from foresend.dashboards.boards import BOARDS
from foresend.dashboards.grafana import as_json
from foresend.dashboards.panel import Board, Kind, Panel, Query, Row, Unit
from tests.support.prometheus_api import expressions
from tests.support.quiet_series import QUIET

ROOT = Path(__file__).parents[3]
RUNBOOK = ROOT / "docs/runbook"
RECORDING = (ROOT / "deploy/prometheus/rules/recording.yaml").read_text(encoding="utf-8")
PROMETHEUS_OWN = {"up", "ALERTS"}
OF_CLIENTS = ("process_", "python_")
OF_TARGETS = frozenset(
    "instance job program alertname alertstate le job_name task_name task host tm_id".split()  # noqa: SIM905
)
"""Labels that Prometheus, its rules and Flink add."""
PANELS = [pytest.param(panel, id=f"{board.name}: {panel.title}") for board in BOARDS for panel in board.panels]
FUNCTIONS = {
    "sum", "rate", "increase", "by", "max", "min", "avg", "count", "histogram_quantile", "label_replace", "time", "or",
    "vector", "on",
}  # fmt: skip
WORD = re.compile(r"[A-Za-z_:][\w:]*")
every_panel = pytest.mark.parametrize("panel", PANELS)


def by_name() -> dict[str, tuple[str, ...]]:
    """Labels by the names of series, as they stand in Prometheus."""
    found: dict[str, tuple[str, ...]] = {}
    for metric in METRICS:
        endings = ("_bucket", "_sum", "_count") if metric.kind.value == "histogram" else ("",)
        found |= {f"{metric.name}{ending}": metric.labels for ending in endings}
    return found


def metrics_in(expr: str) -> set[str]:
    """Names of the series that an expression asks for."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", "", re.sub(r"by \([^)]*\)", "", expr))
    return {word for word in WORD.findall(bare) if word not in FUNCTIONS}


def labels_in(expr: str) -> set[str]:
    grouped = [label.strip() for found in re.findall(r"by \(([^)]*)\)", expr) for label in found.split(",")]
    matched = [label for found in re.findall(r"\{([^}]*)\}", expr) for label in re.findall(r"(\w+)\s*=~?\"", found)]
    return {*grouped, *matched}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_file_is_what_the_code_makes(board: Board) -> None:
    file = FOLDER / f"{board.name}.json"

    assert file.read_text(encoding="utf-8") == as_json(board, BOARDS), "run: python -m foresend.dashboards"


def test_there_is_no_file_that_no_code_makes() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == {board.name for board in BOARDS}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_grafanas_own_library_reads_it_back_the_same(board: Board) -> None:
    register_default_plugins()
    told = json.loads(as_json(board, BOARDS))

    read = Dashboard.from_json(told)

    assert (read.title, read.uid) == (f"Foresend: {board.title}", f"foresend-{board.name}")
    assert read.panels is not None
    assert [panel.title for panel in read.panels if hasattr(panel, "targets")] == [p.title for p in board.panels]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_no_two_panels_lie_over_each_other_or_have_one_name(board: Board) -> None:
    panels = json.loads(as_json(board, BOARDS))["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in panels}) == len(panels)


@every_panel
def test_a_panel_says_what_it_is_and_where_its_alert_is_told_of(panel: Panel) -> None:
    assert panel.title
    assert panel.about.endswith(".")
    assert panel.queries
    assert all(query.legend for query in panel.queries)
    if panel.runbook is not None:
        assert (RUNBOOK / f"{panel.runbook}.md").exists()


@every_panel
def test_a_panel_asks_for_what_programs_tell(panel: Panel) -> None:
    known = by_name()
    for query in panel.queries:
        for name in metrics_in(query.expr):
            is_others = name in PROMETHEUS_OWN or name.startswith((*OF_CLIENTS, "flink_"))
            assert is_others or name in known or f"record: {name}\n" in RECORDING, name


@every_panel
def test_a_panel_names_labels_that_are_there(panel: Panel) -> None:
    known = by_name()
    for query in panel.queries:
        names = metrics_in(query.expr)
        told = set(OF_TARGETS)
        for name in names:
            told |= set(known.get(name, ("workspace",) if ":" in name else ()))
        assert labels_in(query.expr) <= told, query.expr
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= told, query.legend


@every_panel
def test_a_rate_is_told_by_the_second_and_seconds_as_seconds(panel: Panel) -> None:
    for query in panel.queries:
        plain_rate = query.expr.startswith("sum") and "rate(" in query.expr and " / " not in query.expr
        if plain_rate and "cpu_seconds" not in query.expr:
            assert panel.unit in (Unit.PER_SECOND, Unit.EVENTS, Unit.REQUESTS), panel.title
        if "histogram_quantile" in query.expr:
            assert panel.unit is Unit.SECONDS


def test_limits_are_laid_the_other_way_round_where_low_is_bad() -> None:
    high = Panel("t", "a.", Unit.SHARE, (Query("up", "up"),), Kind.NUMBER, warn=0.5, bad=0.9)
    low = replace(high, warn=0.9, bad=0.5, falling=True)

    steps = {panel: _steps(panel) for panel in (high, low)}

    assert steps[high] == [(None, "green"), (0.5, "#EAB839"), (0.9, "red")]
    assert steps[low] == [(None, "red"), (0.5, "#EAB839"), (0.9, "green")]


def _steps(panel: Panel) -> list[tuple[float | None, str]]:
    return [(step["value"], step["color"]) for step in _defaults(panel)["thresholds"]["steps"]]


def _defaults(panel: Panel) -> dict[str, Any]:
    """How a panel's fields look in the file."""
    board = Board("b", "B", "a.", (Row("r", (panel,)),))
    *_, made = json.loads(as_json(board, (board,)))["panels"]
    told: dict[str, Any] = made["fieldConfig"]["defaults"]
    return told


def test_only_what_is_never_below_zero_begins_there() -> None:
    plain = Panel("t", "a.", Unit.SHARE, (Query("up", "up"),))

    assert _defaults(plain)["min"] == 0
    assert "min" not in _defaults(replace(plain, signed=True))


def test_links_are_not_hidden_in_a_menu() -> None:
    told = json.loads(as_json(BOARDS[0], BOARDS))

    assert [link["url"] for link in told["links"]] == [f"/d/foresend-{board.name}" for board in BOARDS]
    assert all("placement" not in link for link in told["links"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
def test_prometheus_can_read_every_expression(tmp_path: Path) -> None:
    asked = [one.expr for file in sorted(FOLDER.glob("*.json")) for one in expressions(file)]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(asked)]
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))

    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"\$[a-z_{]", "".join(asked)) == []


def test_the_list_of_what_may_be_empty_names_only_what_is_asked_for() -> None:
    queries = [query for board in BOARDS for panel in board.panels for query in panel.queries]
    asked = {name for query in queries for name in metrics_in(query.expr)}
    recorded = {rule.record for rule in rules() if rule.record}

    assert set(QUIET) <= asked | recorded | {name for rule in rules() for name in rule.metrics}
    assert all(reason for reason in QUIET.values())
