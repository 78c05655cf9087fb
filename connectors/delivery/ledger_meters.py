"""What the ledger tells about itself on `/metrics`: rows of the table of metrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from connectors.delivery.send_rows import Turn
from connectors.metrics.mail import MailMeter
from connectors.metrics.making import counter, gauge


class LedgerMeters:
    """The ledger's meters in a registry of one's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._ended = counter("foresend_sends_ended_total", registry)
        self._granted = counter("foresend_sends_granted_total", registry)
        self._rested = counter("foresend_domains_rested_total", registry)
        self.mail = MailMeter(registry)

    def count(self, turn: Turn) -> None:
        """A turn was written."""
        for row in turn.ended:
            self._ended.labels(row.workspace, row.record.state.value, row.record.reason).inc()
        for row in turn.granted:
            self._granted.labels(row.workspace).inc()
        for workspace, event in turn.mails:
            self.mail.add(workspace, {event: 1})
        for workspace in turn.rested:
            self._rested.labels(workspace).inc()

    def watch(self, leases: Callable[[], int]) -> None:
        """Tell how many grants are open."""
        gauge("foresend_sends_open", self._registry).set_function(leases)
