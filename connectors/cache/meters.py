"""What the cache node tells about itself on `/metrics`. Never labelled by user."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FRESHNESS_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)


class CacheMeters:
    """The cache's meters in a registry of one's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.records = Counter(
            "foresend_cache_records",
            "Records read from the topics, by what became of them",
            ["topic", "outcome"],
            registry=registry,
        )
        self.written = Counter(
            "foresend_cache_entries_written",
            "Entries written, by why their message was rendered; graves of erased users apart",
            ["cause"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "foresend_dead_letters", "Input that could not be used", ["source", "reason"], registry=registry
        )
        self.rebuilds = Counter(
            "foresend_cache_rebuilds", "Times the cache was dropped and read anew", ["reason"], registry=registry
        )
        self.erasures = Counter(
            "foresend_cache_erasures", "Erased users of whom no byte is left in the cache's files", registry=registry
        )
        self.erasure_s = Gauge(
            "foresend_cache_erasure_seconds",
            "From the arrival of the last erased user's grave until no byte was left in the cache's files",
            registry=registry,
        )
        self.freshness = Histogram(
            "foresend_freshness_seconds",
            "From the log time of the newest event in a communication to its being readable here",
            ["workspace"],
            buckets=FRESHNESS_BUCKETS_S,
            registry=registry,
        )
        self.produced = Counter("foresend_outbox_produced_records", "Records Kafka has acknowledged", registry=registry)
        self.produce_failures = Counter(
            "foresend_outbox_failures", "Batches that Kafka did not acknowledge", registry=registry
        )

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """A number asked for at each scrape."""
        Gauge(name, meaning, registry=self._registry).set_function(value)
