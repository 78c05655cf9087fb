"""What a worker tells about itself on `/metrics`: rows of the table of metrics."""

from connectors.metrics.making import counter, gauge, histogram, page_of, program_registry
from schemas.sending import Grant, Outcome


class WorkerMeters:
    """The meters of one worker, in a registry of its own."""

    def __init__(self) -> None:
        registry = self._registry = program_registry()
        self.ready = gauge("foresend_ready", registry)
        self._attempts = counter("foresend_deliver_attempts_total", registry)
        self.seconds = histogram("foresend_deliver_attempt_seconds", registry)
        self.under_way = gauge("foresend_deliver_under_way", registry)
        self.untold = gauge("foresend_deliver_untold", registry)
        self.unsigned = counter("foresend_deliver_unsigned_total", registry)
        self.node_errors = counter("foresend_deliver_node_errors_total", registry)
        self.channel_ready = gauge("foresend_deliver_channel_ready", registry)
        self._channels: dict[str, bool] = {}
        self.ready.set_function(self.is_ready)

    def is_ready(self) -> bool:
        """Whether a channel takes messages."""
        return any(self._channels.values())

    def count(self, grant: Grant, outcome: Outcome) -> None:
        """Count an attempt."""
        self._attempts.labels(grant.workspace, grant.channel, grant.message_class.value, outcome.value).inc()

    def tell_channel(self, name: str, *, is_ready: bool) -> None:
        """Tell whether a channel takes messages; the worker is ready as long as one of them does."""
        self._channels[name] = is_ready
        self.channel_ready.labels(name).set(is_ready)

    def page(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return page_of(self._registry)
