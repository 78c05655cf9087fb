"""One Flink job in a cluster of its own inside a single JVM: quicker to start, nothing to survive in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from foresend import processes
from foresend.local import ports
from foresend.local.class_archive import ClassArchive
from foresend.local.flink_client import JobOrder, reason
from foresend.local.flink_home import FlinkHome, class_path
from foresend.local.flink_rest import FlinkRest, FlinkUnavailable
from schemas.errors import ConfigError

DEFAULT_FOLDER = Path(".foresend/job")
DEFAULT_HEAP_MB = 1024
# A job that fails ends at once; this only bounds a hang, and a busy machine takes minutes.
READY_S = 300.0
# Half a second as a rule, some ten where the JVM also writes its class archive.
STOP_GRACE_S = 40.0
# What the mini-cluster's RocksDB may take; a standalone task manager computes it from its process size.
MANAGED_MEMORY = {"taskmanager.memory.managed.size": "460m"}


class MiniCluster:
    """A mini-cluster that lives as long as its one job, at most as long as the `with` block.

    The job's file is the same as for `FlinkCluster.submit`, and so are the settings.

    folder    settings, logs, checkpoints; a second one on it is refused
    settings  Flink settings that win over ours
    metrics_port  where it answers Prometheus; 0: any free one
    """

    def __init__(
        self,
        folder: Path = DEFAULT_FOLDER,
        settings: Mapping[str, str] | None = None,
        heap_mb: int = DEFAULT_HEAP_MB,
        metrics_port: int = 0,
    ) -> None:
        self.home = FlinkHome(folder.resolve())
        self._settings = {**MANAGED_MEMORY, **(settings or {})}
        self._heap_mb = heap_mb
        self._metrics_port = metrics_port
        self._child: processes.Child | None = None
        self._archive: ClassArchive | None = None
        self._has_run = False

    @property
    def rest(self) -> FlinkRest:
        """What the cluster says."""
        return FlinkRest(int(self.home.settings()["rest.port"]))

    @property
    def log(self) -> Path:
        """Flink's log, and what the job's Python prints."""
        return self.home.logs / "job.log"

    @property
    def is_running(self) -> bool:
        """Whether the JVM lives; it ends with its job."""
        return self._child is not None and self._child.is_running

    @property
    def pid(self) -> int:
        """The JVM's pid, in which the job's Python runs too."""
        return self._running_child().pid

    def run(self, order: JobOrder, detached: bool = False) -> str:
        """Start the job, return its id once all of it runs.

        Raises:
            ConfigError: Java or apache-flink is missing, or a job runs on this folder.
            ProcessFailed: the job ended, or did not run in time; the message tells its words.
        """
        record = self.home.folder / "job.pid.json"
        with processes.exclusive(self.home.folder / "start.lock"):
            processes.clear_leftover(record, "a job")
            settings = self.home.metrics.give("job", self._metrics_port) | self._settings
            self.home.write(ports.free_port(), ports.free_port(), settings)
            if self.log.exists():
                self.log.replace(self.log.with_name("job.previous.log"))
            # One archive serves every program of Flink's; this JVM loads the classes of them all.
            self._archive = ClassArchive.of("flink", class_path(), record=not detached)
            line = order.command_line("--target", "local")
            command = self.home.mini_cluster_command(line, self._heap_mb, self._archive)
            try:
                self._child = processes.start(
                    processes.Program(
                        command,
                        log=self.log,
                        record=record,
                        environment=self.home.environment(),
                        outlives_parent=detached,
                    )
                )
                processes.wait_ready(self._child, f"the job {order.script.name}", self._job_runs, READY_S, reason)
            except BaseException:
                with processes.uninterrupted():
                    self.stop()
                raise
        (job,) = self.rest.jobs()
        self._has_run = True
        return job

    def wait(self, timeout_s: float) -> int | None:
        """The exit code once the job has ended, 0 for a good end; None after the timeout."""
        return self._running_child().wait(timeout_s)

    def stop(self) -> None:
        """Stop the JVM; what was not in a checkpoint or savepoint is done again by the next run."""
        if self._child is not None:
            self._child.end(STOP_GRACE_S)
            self.home.metrics.forget()
            self._forget(keep_archive=self._has_run)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._child is not None:
            self._child.kill()
            self._forget(keep_archive=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _forget(self, keep_archive: bool) -> None:
        self._child = None
        self._has_run = False
        if self._archive is not None:
            self._archive.close(keep_archive)

    def _running_child(self) -> processes.Child:
        if self._child is None:
            raise ConfigError(f"expected a job running in {self.home.folder}, found none; call run() first")
        return self._child

    def _job_runs(self) -> bool:
        try:
            jobs = self.rest.jobs()
            return len(jobs) == 1 and all(self.rest.tasks_running(job) for job in jobs)
        except FlinkUnavailable:
            return False
