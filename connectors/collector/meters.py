"""What the collector counts: rows of the table of metrics."""

from connectors.metrics.mail import MailMeter
from connectors.metrics.making import PAGE_TYPE, counter, gauge, histogram, page_of, program_registry

CONTENT_TYPE = PAGE_TYPE


class Meters:
    """The meters of one collector."""

    def __init__(self) -> None:
        registry = self._registry = program_registry()
        self.ready = gauge("foresend_ready", registry)
        self.accepted = counter("foresend_events_accepted_total", registry)
        self.refused = counter("foresend_events_refused_total", registry)
        self.webhooks = counter("foresend_webhooks_total", registry)
        self.requests = counter("foresend_collect_requests_total", registry)
        self.acknowledge = histogram("foresend_collect_acknowledge_seconds", registry)
        self.pending = gauge("foresend_collect_pending_bytes", registry)
        self.mapped = counter("foresend_kafka_in_records_total", registry)
        self.erasures = counter("foresend_erasures_asked_total", registry)
        self.mail = MailMeter(registry)

    def page(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return page_of(self._registry)
