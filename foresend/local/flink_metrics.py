"""Where the programs of a local Flink answer Prometheus: a port for each, told in a file beside their records.

Flink's reporter listens on all of the machine's addresses, and has no setting for that; what it tells is of no person
(docs/metrics-of-the-job.md).
"""

from __future__ import annotations

import json
from pathlib import Path

from connectors.metrics.metric import Program
from foresend import processes
from foresend.local import ports
from foresend.local.scrape_targets import Target, announce, withdraw

REPORTER = {
    "metrics.reporters": "prom",
    "metrics.reporter.prom.factory.class": "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
    # Names of workspaces and templates as they are: otherwise `-` and `.` would become `_`.
    "metrics.reporter.prom.filterLabelValueCharacters": "false",
}
PORT = "metrics.reporter.prom.port"


class MetricsPorts:
    """The ports of one folder's programs, by the names of their records.

    folder  where a program's `<name>.pid.json` stands
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def give(self, name: str, port: int = 0) -> dict[str, str]:
        """Choose a port for a program that is about to start, 0: a free one; the Flink setting that tells it."""
        port = port or ports.free_port()
        told = self._told() | {name: port}
        self._file.write_text(json.dumps(told))
        announce(self._folder, [Target(Program.JOB, one) for one in (self.running() | {name: port}).values()])
        return {PORT: str(port)}

    def running(self) -> dict[str, int]:
        """The ports of the programs that live, by name; of a cluster also one that another process started."""
        return {
            name: port
            for name, port in sorted(self._told().items())
            if processes.recorded(self._folder / f"{name}.pid.json")
        }

    def forget(self) -> None:
        """All were ended on purpose: no Prometheus is to miss them."""
        withdraw(self._folder)

    @property
    def _file(self) -> Path:
        return self._folder / "metrics.json"

    def _told(self) -> dict[str, int]:
        return dict(json.loads(self._file.read_text())) if self._file.exists() else {}
