"""Every alert is whole: a page that tells what to do, tests that it fires and stays silent, metrics that exist."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from connectors.metrics.table import BY_NAME
from foresend.alerting.rules import HEALTHY, RULES, TESTS, Rule, alerts, rules
from tests.support.documents import ROOT

RUNBOOK = ROOT / "docs/runbook"
ALERTS = alerts()
SELECTOR = re.compile(r"\b(foresend_\w+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
SERIES_OF = re.compile(r"_(bucket|sum|count)$")
NOT_OURS = re.compile(r"flink_(job|task)manager_\w+|process_start_time_seconds|up")

every_alert = pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule.alert)
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def looks() -> list[dict[str, Any]]:
    """What the tests by hand ask of each alert, and when."""
    files = [file for file in TESTS.glob("*.yaml") if file != HEALTHY]
    return [look for file in files for test in YAML(typ="safe").load(file)["tests"] for look in test["alert_rule_test"]]


LOOKS = looks()


@every_alert
def test_an_alert_says_how_bad_it_is_how_long_it_waits_and_what_to_read(rule: Rule) -> None:
    told = dict(rule.annotations)

    assert rule.severity in {"critical", "warning"}
    assert re.fullmatch(r"\d+[mh]", rule.waits)
    assert set(told) == {"summary", "description", "runbook_url"}
    assert told["runbook_url"] == f"docs/runbook/{rule.alert}.md"


@every_alert
def test_an_alert_has_a_page_that_quotes_it(rule: Rule) -> None:
    page = (RUNBOOK / f"{rule.alert}.md").read_text(encoding="utf-8")
    (quoted,) = re.findall(r"```promql\n(.*?)\n```", page, re.DOTALL)

    assert page.startswith(f"# {rule.alert}\n\n{rule.severity.capitalize()}, ")
    assert " ".join(quoted.split()) == rule.expression
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == ["Look", "Mend"]
    assert f"[{rule.alert}]({rule.alert}.md) | {rule.severity} |" in (RUNBOOK / "README.md").read_text(encoding="utf-8")


def test_no_page_is_left_of_an_alert_that_is_gone() -> None:
    assert {page.stem for page in RUNBOOK.glob("*.md")} == {rule.alert for rule in ALERTS} | {"README"}


@every_alert
def test_an_alert_is_tested_to_fire_to_wait_and_to_stay_silent(rule: Rule) -> None:
    own = [look["exp_alerts"] for look in LOOKS if look["alertname"] == rule.alert]
    fires = [expected for expected in own if expected]
    silent = [expected for expected in own if not expected]

    assert fires
    assert all(one["exp_labels"]["severity"] == rule.severity for expected in fires for one in expected)
    assert len(silent) >= (1 if rule.waits == "0m" else 2), "expected a look before its time, and one at healthy series"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.alert or rule.record)
def test_a_rule_names_metrics_and_values_that_there_are(rule: Rule) -> None:
    ours = {name for name in rule.metrics if not NOT_OURS.fullmatch(name)}

    assert [name for name in ours if SERIES_OF.sub("", name) not in BY_NAME and name not in BY_NAME] == []
    assert unknown_values(rule.expression) == []


def unknown_values(expression: str) -> list[str]:
    """Labels and values in selectors that the table of metrics does not have."""
    found = []
    for name, inside in SELECTOR.findall(expression):
        metric = BY_NAME[name]
        for label, kind, wanted in MATCHER.findall(inside):
            values = wanted.split("|") if kind.endswith("~") else [wanted]
            closed = metric.values.get(label)
            if label not in metric.labels or (closed is not None and not set(values) <= set(closed)):
                found.append(f"{name}{{{label}{kind}{wanted}}}")
    return found


def test_a_value_that_nobody_tells_is_found() -> None:
    assert unknown_values('rate(foresend_mail_events_total{event="spam"}[1h])') == [
        "foresend_mail_events_total{event=spam}"
    ]
    assert unknown_values('foresend_reads_total{person="u1"}') == ["foresend_reads_total{person=u1}"]


def test_figures_that_alerts_use_are_recorded() -> None:
    recorded = {rule.record for rule in rules() if rule.record}
    used = {name for rule in ALERTS for name in re.findall(r"\b\w+:\w+:\w+|\bforesend:\w+", rule.expression)}

    assert used <= recorded


def test_where_promtool_is_missing_the_check_says_so_and_goes_on(tmp_path: Path) -> None:
    for program in ("sh", "dirname"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    check = ROOT / "deploy/prometheus/check"
    done = subprocess.run([check], capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)})

    assert done.returncode == 0
    assert "promtool is not installed" in done.stderr


@needs_promtool
@pytest.mark.parametrize(
    ("found", "changed"),
    [
        ("foresend_cache_behind_seconds > 60", "foresend_cache_behind_seconds > 6000"),
        ("foresend_cache_behind_seconds > 60", "foresend_cache_behind_seconds > 6"),
        ("for: 2m", "for: 20m"),
        ("severity: critical", "severity: warning"),
    ],
)
def test_a_rule_that_was_changed_alone_is_found(tmp_path: Path, found: str, changed: str) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    file = tmp_path / "rules/alerts.yaml"
    text = file.read_text(encoding="utf-8")
    assert found in text
    file.write_text(text.replace(found, changed), encoding="utf-8")

    tests = [tmp_path / "rules/tests" / name for name in ("cache.yaml", "programs.yaml")]
    done = subprocess.run(["promtool", "test", "rules", *tests], capture_output=True, text=True, check=False)

    assert done.returncode != 0
