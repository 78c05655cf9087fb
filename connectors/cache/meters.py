"""What the cache node tells about itself on `/metrics`: rows of the table of metrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from connectors.metrics.making import counter, gauge, histogram


class CacheMeters:
    """The cache's meters in a registry of one's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.records = counter("foresend_cache_records_total", registry)
        self.written = counter("foresend_cache_entries_written_total", registry)
        self.renders = counter("foresend_render_total", registry)
        self.dead_letters = counter("foresend_dead_letters_total", registry)
        self.rebuilds = counter("foresend_cache_rebuilds_total", registry)
        self.evictions = counter("foresend_cache_evictions_total", registry)
        self.reads = counter("foresend_cache_reads_total", registry)
        self.releases_dropped = counter("foresend_cache_releases_dropped_total", registry)
        self.quarantines = counter("foresend_cache_quarantines_total", registry)
        self.outbox_lost = counter("foresend_outbox_lost_records_total", registry)
        self.erasures = counter("foresend_cache_erasures_total", registry)
        self.erasure_s = gauge("foresend_cache_erasure_seconds", registry)
        self.freshness = histogram("foresend_freshness_seconds", registry)
        self.lag = gauge("foresend_topic_lag_records", registry)
        self.produced = counter("foresend_outbox_produced_records_total", registry)
        self.produce_failures = counter("foresend_outbox_failures_total", registry)

    def watch(self, name: str, value: Callable[[], float]) -> None:
        """A gauge of the table that is asked for at each scrape."""
        gauge(name, self._registry).set_function(value)
