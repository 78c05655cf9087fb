"""What the gateway tells about itself on `/metrics`. Never labelled by user."""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from connectors.metrics.making import counter
from connectors.metrics.of_serve import READ_BUCKETS_S
from connectors.metrics.table import BY_NAME
from schemas.ids import TemplateName, WorkspaceId

_READS = BY_NAME["foresend_reads_total"]
_SECONDS = BY_NAME["foresend_read_seconds"]
_Labels = tuple[WorkspaceId, TemplateName, str, str]


class ReadMeters(Collector):
    """The gateway's meters in a registry of one's own.

    Reads are counted in plain numbers, from the event loop's thread alone: with the library's own meters, which are
    safe in any thread, counting a read would take a twentieth of it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reads: dict[_Labels, int] = {}
        self._bins = [0] * (len(READ_BUCKETS_S) + 1)
        self._sum_s = 0.0
        self.problems = counter("foresend_read_problems_total", registry)
        registry.register(self)

    def observe(self, seconds: float) -> None:
        """Note how long a read took."""
        self._bins[bisect_left(READ_BUCKETS_S, seconds)] += 1
        self._sum_s += seconds

    def count(self, workspace: WorkspaceId, template: TemplateName, source: str, reason: str) -> None:
        """Count a read. Only templates of a release come here, so the labels stay few."""
        labels = (workspace, template, source, reason)
        self._reads[labels] = self._reads.get(labels, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """The library's: all that was counted."""
        reads = CounterMetricFamily(_READS.bare_name, _READS.meaning, labels=_READS.labels)
        for labels, number in self._reads.copy().items():
            reads.add_metric(labels, number)
        yield reads
        seconds = HistogramMetricFamily(_SECONDS.name, _SECONDS.meaning)
        total, buckets = 0, []
        for bound, number in zip((*map(str, READ_BUCKETS_S), "+Inf"), self._bins.copy(), strict=True):
            total += number
            buckets.append((bound, float(total)))
        seconds.add_metric([], buckets, self._sum_s)
        yield seconds
