"""Flink's counters, as its Prometheus reporter is to print them: docs/metrics-of-the-job.md tells what it prints else.

Never a gauge: the reporter's thread would call Python from outside the interpreter's own, and the JVM dies of it.
"""

from __future__ import annotations

from typing import Protocol

from flink_jobs.counting import Counter

GROUP = "foresend"
"""Ends what Prometheus cuts off a name, and begins what stays."""


class MetricGroup(Protocol):
    """What is used of Flink's groups."""

    def add_group(self, name: str, extra: str | None = None) -> MetricGroup:
        """A group inside it; with `extra` a label and its value."""

    def counter(self, name: str) -> Counter:
        """A counter in it."""


class FlinkCounters:
    """The counters of one operator instance."""

    def __init__(self, group: MetricGroup) -> None:
        self._group = group

    def open(self, name: str, labels: tuple[tuple[str, str], ...]) -> Counter:
        """A counter with its labels, which come before the group: so one rule finds where the name begins."""
        group = self._group
        for label, value in labels:
            group = group.add_group(label, value)
        return group.add_group(GROUP).counter(name.removeprefix(f"{GROUP}_"))
