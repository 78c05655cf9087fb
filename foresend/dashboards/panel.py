"""What stands on a dashboard, free of Grafana: panels in rows, and the few looks that they have."""

from dataclasses import dataclass
from enum import StrEnum

INTERVAL = "$__rate_interval"
"""Grafana's: four scrapes at least, more where a pixel is longer."""
OF = 'workspace=~"$workspace"'
"""Only of the workspaces that are chosen at the top of the dashboard."""


class Unit(StrEnum):
    """Units by Grafana's names; every axis has one."""

    NUMBER = "short"
    SHARE = "percentunit"
    SECONDS = "s"
    MILLISECONDS = "ms"
    BYTES = "bytes"
    PER_SECOND = "cps"
    EVENTS = "eps"
    REQUESTS = "reqps"
    RATIO = "none"
    NATS = "suffix: nats"


class Kind(StrEnum):
    """How a panel looks, by Grafana's names."""

    LINES = "timeseries"
    NUMBER = "stat"
    BARS = "bargauge"


@dataclass(frozen=True)
class Query:
    """One PromQL expression, and what its series are called: `{{label}}` is the label's value."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One picture.

    about     what it tells, and what a reader does about it
    warn      from here on yellow; None: never
    bad       from here on red
    runbook   the page of docs/runbook/ about it, without `.md`
    stacked   parts of a whole, laid upon each other
    falling   low is bad: `warn` and `bad` are lower bounds
    top       the axis goes to here, where its end is known
    signed    it may be below 0; other axes begin there
    """

    title: str
    about: str
    unit: Unit
    queries: tuple[Query, ...]
    kind: Kind = Kind.LINES
    warn: float | None = None
    bad: float | None = None
    runbook: str | None = None
    stacked: bool = False
    falling: bool = False
    top: float | None = None
    signed: bool = False


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """One dashboard.

    name  of its file, and in its address
    """

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of them, in the order of reading."""
        return tuple(panel for row in self.rows for panel in row.panels)


def rate(metric: str, *by: str, where: str = "") -> Query:
    """So many in a second, by labels.

    >>> rate("x_total", "reason", where='workspace="w"')
    Query(expr='sum by (reason) (rate(x_total{workspace="w"}[$__rate_interval]))', legend='{{reason}}')
    """
    return Query(f"{_sum(by)} (rate({metric}{_braces(where)}[{INTERVAL}]))", _legend(by))


def sums(metric: str, *by: str, where: str = "") -> Query:
    """Sum of a gauge, by labels."""
    return Query(f"{_sum(by)} ({metric}{_braces(where)})", _legend(by))


def quantiles(metric: str, *wanted: float, where: str = "") -> tuple[Query, ...]:
    """Quantiles of a histogram over the last interval."""
    buckets = f"sum by (le) (rate({metric}_bucket{_braces(where)}[{INTERVAL}]))"
    return tuple(Query(f"histogram_quantile({q:g}, {buckets})", f"p{q * 100:g}") for q in wanted)


def share(part: str, whole: str, *by: str, legend: str = "") -> Query:
    """One rate divided by another, by labels; both selectors with their braces."""
    over = f"{_sum(by)} (rate({part}[{INTERVAL}])) / {_sum(by)} (rate({whole}[{INTERVAL}]))"
    return Query(over, legend or _legend(by))


def _sum(by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)})" if by else "sum"


def _braces(where: str) -> str:
    return f"{{{where}}}" if where else ""


def _legend(by: tuple[str, ...]) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in by) or "all"
