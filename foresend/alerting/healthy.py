"""The test that no alert is raised on recorded healthy minutes, as promtool reads it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from foresend.alerting.rules import Rule
from foresend.alerting.series import Values, in_words, name_of

INTERVAL_S = 15
LOOKS = ("3m", "5m", "7m", "10m")
"""When every alert's expression is asked for; so one that only `for` keeps silent is found too."""
WIDTH = 4096
HEAD = (
    "Series that our own demo told to a Prometheus in ten healthy minutes, and that no alert is raised on them.\n"
    "Written by `python -m foresend.alerting record`; after a change of alerts by `python -m foresend.alerting retell`."
)

Series = Sequence[tuple[Mapping[str, str], Values]]


def write_recorded(path: Path, series: Series, alerts: Sequence[Rule]) -> None:
    """Write the test of new series."""
    told = [{"series": name_of(labels), "values": in_words(values)} for labels, values in series]
    _write(path, sorted(told, key=lambda one: one["series"]), alerts)


def retell(path: Path, alerts: Sequence[Rule]) -> None:
    """Ask the series that were recorded about the alerts as they are now."""
    (test,) = YAML(typ="safe").load(path)["tests"]
    _write(path, test["input_series"], alerts)


def _write(path: Path, series: Sequence[Mapping[str, str]], alerts: Sequence[Rule]) -> None:
    test: dict[str, Any] = {
        "name": "no alert in ten healthy minutes",
        "interval": f"{INTERVAL_S}s",
        "input_series": list(series),
        "alert_rule_test": [{"eval_time": LOOKS[-1], "alertname": rule.alert, "exp_alerts": []} for rule in alerts],
        "promql_expr_test": [
            {"expr": rule.expression, "eval_time": look, "exp_samples": []} for rule in alerts for look in LOOKS
        ],
    }
    document = {
        "rule_files": ["../recording.yaml", "../alerts.yaml"],
        "evaluation_interval": f"{INTERVAL_S}s",
        "tests": [test],
    }
    yaml = YAML()
    yaml.width = WIDTH
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"# {line}\n" for line in HEAD.splitlines())
        yaml.dump(document, file)
