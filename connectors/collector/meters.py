"""What the collector counts. Labels name workspaces and reasons, never a user."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Meters:
    """The meters of one collector."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.accepted = Counter(
            "foresend_events_accepted_total",
            "Events that Kafka acknowledged",
            ["workspace"],
            registry=self._registry,
        )
        self.refused = Counter(
            "foresend_events_refused_total",
            "Input that is no event, by reason; of batches it is in dead_letters",
            ["reason"],
            registry=self._registry,
        )
        self.webhooks = Counter(
            "foresend_webhooks_total",
            "Events of mail providers, by what became of them; requests that are not believed, by why",
            ["provider", "outcome"],
            registry=self._registry,
        )
        self.requests = Counter(
            "foresend_collect_requests_total", "Requests by status", ["status"], registry=self._registry
        )
        self.acknowledge = Histogram(
            "foresend_collect_acknowledge_seconds",
            "From a request's last byte to Kafka's acknowledgement",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.pending = Gauge(
            "foresend_collect_pending_bytes", "Written, not acknowledged by Kafka", registry=self._registry
        )
        self.mapped = Counter(
            "foresend_kafka_in_records_total",
            "Records read from topics of other producers, by what became of them",
            ["outcome"],
            registry=self._registry,
        )

    def page(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)
