"""What stands in the rules of `deploy/prometheus/rules/`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

RULES = Path(__file__).parents[2] / "deploy/prometheus/rules"
TESTS = RULES / "tests"
HEALTHY = TESTS / "healthy.yaml"
_TEXTS = re.compile(r'"[^"]*"')
_LABELS = re.compile(r"\{[^}]*\}|\b(?:by|on|without|ignoring)\s*\([^)]*\)")
_METRIC = re.compile(r"(?<![\w:])(?:foresend_\w+|flink_\w+|process_\w+|up)(?![\w:(])")


@dataclass(frozen=True)
class Rule:
    """One rule; `alert` is empty for a recording rule, `record` for an alert."""

    group: str
    expression: str
    alert: str = ""
    record: str = ""
    waits: str = ""
    severity: str = ""
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def metrics(self) -> set[str]:
        """Metrics that its expression names; figures that other rules record are none."""
        return metrics_of(self.expression)


def metrics_of(expression: str) -> set[str]:
    """The metrics that an expression of PromQL names.

    >>> sorted(metrics_of('sum by (up) (rate(foresend_x_total{a="up"}[5m])) / workspace:foresend_y:rate5m > up'))
    ['foresend_x_total', 'up']
    """
    return set(_METRIC.findall(_LABELS.sub("", _TEXTS.sub("", expression))))


def rules(folder: Path = RULES) -> list[Rule]:
    """Every rule, in the order of files and of lines."""
    return [rule for file in sorted(folder.glob("*.yaml")) for rule in _rules_in(YAML(typ="safe").load(file))]


def alerts(folder: Path = RULES) -> list[Rule]:
    """The alerts alone."""
    return [rule for rule in rules(folder) if rule.alert]


def _rules_in(document: dict[str, Any]) -> Iterator[Rule]:
    for group in document["groups"]:
        for rule in group["rules"]:
            yield Rule(
                group=group["name"],
                expression=rule["expr"],
                alert=rule.get("alert", ""),
                record=rule.get("record", ""),
                waits=rule.get("for", ""),
                severity=rule.get("labels", {}).get("severity", ""),
                annotations=tuple(rule.get("annotations", {}).items()),
            )
