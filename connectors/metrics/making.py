"""Meters as the table names them: nobody writes a name, a label or a meaning a second time."""

import os
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from connectors.metrics.metric import Kind, Metric
from connectors.metrics.table import BY_NAME

PAGE_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COMMIT = "FORESEND_COMMIT"
"""Variable that an image sets to what it was built from."""

# When a series began is a second one for each of them, and nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]


def program_registry() -> CollectorRegistry:
    """A registry of a program's own, with what every program tells: its version, its process, its interpreter."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    gauge("foresend_build_info", registry).labels(own_version(), os.environ.get(COMMIT, "")).set(1)
    return registry


def page_of(registry: CollectorRegistry) -> bytes:
    """All that a registry holds, as Prometheus reads it."""
    return generate_latest(registry)


def counter(name: str, registry: CollectorRegistry) -> Counter:
    """A counter of the table."""
    metric = _row(name, Kind.COUNTER)
    return Counter(metric.bare_name, metric.meaning, metric.labels, registry=registry)


def gauge(name: str, registry: CollectorRegistry) -> Gauge:
    """A gauge of the table."""
    metric = _row(name, Kind.GAUGE)
    return Gauge(name, metric.meaning, metric.labels, registry=registry)


def histogram(name: str, registry: CollectorRegistry) -> Histogram:
    """A histogram of the table."""
    metric = _row(name, Kind.HISTOGRAM)
    return Histogram(name, metric.meaning, metric.labels, buckets=metric.buckets, registry=registry)


def own_version() -> str:
    """Of Foresend, as it was installed; `0` where it was not."""
    try:
        return version("foresend")
    except PackageNotFoundError:
        return "0"


def _row(name: str, kind: Kind) -> Metric:
    metric = BY_NAME[name]
    if metric.kind is not kind:
        raise TypeError(f"expected {name} to be made as the {metric.kind.value} that the table says, got {kind.value}")
    return metric
