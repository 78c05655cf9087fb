"""A running Prometheus, asked by its HTTP API; and the expressions of Grafana's panels, as it understands them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from urllib.request import urlopen

GRAFANA = {"$__rate_interval": "1m", "${datasource}": "", "$workspace": ".*"}
"""What Grafana puts in the place of its variables: four scrapes, and all workspaces."""
ANSWER_S = 30.0


class Series(NamedTuple):
    """One line: labels, times in seconds since 1970, values."""

    labels: Mapping[str, str]
    times_s: list[float]
    values: list[float]


class Expression(NamedTuple):
    """One target of one panel."""

    board: str
    panel: str
    expr: str
    legend: str


class Api:
    """One Prometheus.

    url  of its page
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def now(self, expr: str, at_s: float | None = None) -> list[Series]:
        """What an expression is at a time; each series has one point."""
        found = self._ask("query", query=expr, **({} if at_s is None else {"time": at_s}))
        return [_series(one["metric"], [one["value"]]) for one in found["result"]]

    def over(self, expr: str, begin_s: float, end_s: float, step_s: float) -> list[Series]:
        """What an expression was, from one time to another."""
        found = self._ask("query_range", query=expr, start=begin_s, end=end_s, step=step_s)
        return [_series(one["metric"], one["values"]) for one in found["result"]]

    def rules(self) -> list[dict[str, Any]]:
        """All rules that it has loaded."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def _ask(self, what: str, **words: object) -> Any:
        with urlopen(f"{self._url}/api/v1/{what}?{urlencode(words)}", timeout=ANSWER_S) as answer:  # noqa: S310 - loopback
            return json.load(answer)["data"]


def as_prometheus_reads(expr: str) -> str:
    """An expression of a panel without Grafana's variables."""
    for variable, value in GRAFANA.items():
        expr = expr.replace(variable, value)
    return expr


def expressions(file: Path) -> Iterator[Expression]:
    """All expressions of the panels of a dashboard's file, as Prometheus reads them."""
    document = json.loads(file.read_text(encoding="utf-8"))
    for panel in document["panels"]:
        for target in panel.get("targets", ()):
            expr = as_prometheus_reads(target["expr"])
            yield Expression(file.stem, panel["title"], expr, target.get("legendFormat", ""))


def name_of(series: Series, legend: str) -> str:
    """What Grafana calls a series: its legend with the labels' values."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: series.labels.get(found[1], "") or "(none)", legend)


def _series(labels: Mapping[str, str], points: list[list[Any]]) -> Series:
    return Series(labels, [float(point[0]) for point in points], [float(point[1]) for point in points])
