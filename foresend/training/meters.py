"""What `foresend train --every` tells on `/metrics`."""

import threading
import time
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server

from connectors.metrics.making import counter, gauge, page_of, program_registry
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from schemas.models import PartKind, Standing

OUTCOMES = {Standing.CHAMPION: "champion", Standing.CHALLENGER: "challenger"}


class TrainingMeters:
    """The meters of one process that trains."""

    def __init__(self, workspace: WorkspaceId) -> None:
        registry = self._registry = program_registry()
        self._workspace = workspace
        self._runs = counter("foresend_train_runs_total", registry)
        self._seconds = gauge("foresend_train_run_seconds", registry)
        self._last = gauge("foresend_train_last_run_timestamp_seconds", registry)

    def trained(self, kind: PartKind, standing: Standing, seconds: float) -> None:
        """A part was trained and judged."""
        self._runs.labels(self._workspace, kind.value, OUTCOMES[standing]).inc()
        self._seconds.labels(self._workspace, kind.value).set(seconds)

    def ended(self, parts: int) -> None:
        """All kinds had their turn."""
        if not parts:
            self._runs.labels(self._workspace, "", "nothing").inc()
        self._last.set(time.time())

    def failed(self) -> None:
        """Kafka was away."""
        self._runs.labels(self._workspace, "", "failed").inc()

    def page(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return page_of(self._registry)

    def serve(self, host: str, port: int) -> tuple[WSGIServer, threading.Thread]:
        """Answer `/metrics`, in a thread that ends with the process.

        Raises:
            ConfigError: the port is taken.
        """
        try:
            return start_http_server(port, host, self._registry)
        except OSError as error:
            raise ConfigError(
                f"--metrics-port: cannot listen on {host} port {port}: {error.strerror}; choose another"
            ) from error
