"""Prometheus on this machine, where it is installed (Debian: `apt-get install prometheus`), with our rules."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ruamel.yaml import YAML

from foresend import processes
from foresend.local import ports
from foresend.local.scrape_targets import WATCHED, Target, announced_beside, write_targets
from schemas.errors import ConfigError

DEFAULT_FOLDER = Path(".foresend/prometheus")
DEFAULT_PORT = 9090
SHIPPED = Path(__file__).parents[2] / "deploy/prometheus"
"""Configuration and rules, as they stand in a checkout."""
RETENTION = "2d"
READY_S = 30.0
ANSWER_S = 2.0


class Prometheus:
    """A Prometheus that lives as long as the `with` block, or between `start` and `stop`.

    folder   its configuration and its data; a second one on it is refused
    port     of its page and API, on loopback; 0: the port it had before in this folder, else a free one
    targets  what it scrapes, besides what programs in the folders beside it announce
    """

    def __init__(self, folder: Path = DEFAULT_FOLDER, port: int = DEFAULT_PORT, targets: Sequence[Target] = ()) -> None:
        self.folder = folder.resolve()
        self._wanted_port = port
        self._targets = targets
        self._child: processes.Child | None = None

    @property
    def url(self) -> str:
        """Its page; the API is under it. Also of one that another process started in this folder.

        Raises:
            ConfigError: it was never started.
        """
        try:
            return f"http://{ports.LOOPBACK}:{int(self._port_file.read_text())}"
        except FileNotFoundError:
            raise ConfigError(f"the Prometheus in {self.folder} was not started yet, so it has no address") from None

    @property
    def is_running(self) -> bool:
        """Whether the Prometheus of this folder lives, whoever started it."""
        return processes.recorded(self._record) is not None

    def tell(self, targets: Sequence[Target]) -> None:
        """Scrape these from now on, running or not."""
        write_targets(self.folder / WATCHED / "told.json", targets)

    def start(self, detached: bool = False) -> None:
        """Start, and return when it answers.

        Raises:
            ConfigError: it is not installed, the port is taken, or one runs on this folder.
            ProcessFailed: it ended, or did not answer in time.
        """
        program = find_prometheus()
        with processes.exclusive(self.folder / "start.lock"):
            processes.clear_leftover(self._record, "a Prometheus")
            port = self._choose_port()
            announced_beside(self.folder)
            self.tell(self._targets)
            config = self._write_config(port)
            command = [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--storage.tsdb.retention.time={RETENTION}",
                f"--web.listen-address={ports.LOOPBACK}:{port}",
                "--log.level=warn",
            ]
            order = processes.Program(
                command, log=self.folder / "prometheus.log", record=self._record, outlives_parent=detached
            )
            try:
                self._child = processes.start(order)
                processes.wait_ready(self._child, "Prometheus", lambda: _is_ready(port), READY_S)
            except BaseException:
                with processes.uninterrupted():
                    self.stop()
                raise

    def stop(self) -> None:
        """Stop it, whoever started it; its data stays."""
        processes.end_recorded(self._record)
        if self._child is not None:
            self._child.kill()
            self._child = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _record(self) -> Path:
        return self.folder / "prometheus.pid.json"

    @property
    def _port_file(self) -> Path:
        return self.folder / "port"

    def _choose_port(self) -> int:
        before = int(self._port_file.read_text()) if self._port_file.exists() else 0
        port = self._wanted_port or (before if before and ports.is_free(before) else ports.free_port())
        if not ports.is_free(port):
            raise ConfigError(f"Prometheus's port {port} is taken on {ports.LOOPBACK}; choose with --prometheus-port")
        self._port_file.write_text(str(port))
        return port

    def _write_config(self, port: int) -> Path:
        yaml = YAML(typ="safe")
        config = local_config(yaml.load(SHIPPED / "prometheus.yml"), self.folder, port)
        path = self.folder / "prometheus.yml"
        with path.open("w", encoding="utf-8") as file:
            yaml.dump(config, file)
        return path


def find_prometheus() -> str:
    """The program.

    Raises:
        ConfigError: it is not installed, or this is no checkout, so that our rules are not here.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise ConfigError(
            "Prometheus: expected the program `prometheus` on PATH, found none; install it "
            "(Debian, Ubuntu: apt-get install prometheus), or leave --prometheus away"
        )
    if not SHIPPED.is_dir():
        raise ConfigError(f"Prometheus: expected our rules in {SHIPPED}, found none; run it from a checkout")
    return program


def local_config(shipped: Mapping[str, Any], folder: Path, port: int) -> dict[str, Any]:
    """The shipped configuration, for a Prometheus in a folder of this machine: absolute paths, its own port."""
    watched = [str(folder / WATCHED / "*.json")]
    jobs = []
    for job in shipped["scrape_configs"]:
        if "file_sd_configs" in job:
            (found,) = job["file_sd_configs"]
            jobs.append({**job, "file_sd_configs": [{**found, "files": watched}]})
        else:
            jobs.append({**job, "static_configs": [{"targets": [f"{ports.LOOPBACK}:{port}"]}]})
    rules = [str(SHIPPED / name) for name in shipped["rule_files"]]
    return {**shipped, "rule_files": rules, "scrape_configs": jobs}


def _is_ready(port: int) -> bool:
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
