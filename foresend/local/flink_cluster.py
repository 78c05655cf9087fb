"""A real standalone Flink cluster on loopback: one job manager, N task managers of one slot each."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from foresend import processes
from foresend.local import ports
from foresend.local.flink_client import JobOrder, reason, submitted_job
from foresend.local.flink_home import FlinkHome, Role
from foresend.local.flink_rest import FlinkRest
from schemas.errors import ConfigError

DEFAULT_FOLDER = Path(".foresend/cluster")
READY_S = 90.0
STOP_GRACE_S = 15.0
# The client starts a JVM and a Python, and plans the job: some 15 s on two busy cores.
SUBMIT_S = 180.0
JOB_MANAGER = "jobmanager"
TASK_MANAGER = "taskmanager"


class FlinkCluster:
    """A cluster that lives as long as the `with` block, or between `start` and `stop`.

    folder         settings, logs, checkpoints, savepoints; a second cluster on it is refused
    task_managers  how many to begin with, numbered from 1
    rest_port      where jobs are submitted and watched; 0: a free one
    settings       Flink settings that win over ours, as in its config.yaml
    """

    def __init__(
        self,
        folder: Path = DEFAULT_FOLDER,
        task_managers: int = 2,
        rest_port: int = 0,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = FlinkHome(folder.resolve())
        self._task_managers = task_managers
        self._rest_port = rest_port
        self._settings = dict(settings or {})
        self._children: dict[str, processes.Child] = {}
        self._ids: dict[str, str] = {}

    @property
    def rest(self) -> FlinkRest:
        """What the cluster says; also for a cluster that another process started in this folder."""
        return FlinkRest(int(self.home.settings()["rest.port"]))

    @property
    def is_running(self) -> bool:
        """Whether any process of this folder's cluster lives, whoever started it."""
        return any(processes.recorded(record) for record in self._records())

    @property
    def task_manager_numbers(self) -> list[int]:
        """The task managers that live, of those we started."""
        return sorted(
            int(name.partition("-")[2])
            for name, child in self._children.items()
            if name.startswith(TASK_MANAGER) and child.is_running
        )

    def pid_of_task_manager(self, number: int) -> int:
        """The pid of its JVM, in which its Python runs too."""
        return self._child(number).pid

    def id_of_task_manager(self, number: int) -> str:
        """What Flink calls it; another one after each start."""
        return self._ids[f"{TASK_MANAGER}-{number}"]

    def start(self, detached: bool = False) -> None:
        """Start all, and return when every task manager has registered.

        Raises:
            ConfigError: Java, apache-flink or a port is missing, or a cluster runs on this folder.
            ProcessFailed: one of them ended or was not ready in time.
        """
        with processes.exclusive(self.home.folder / "start.lock"):
            for record in self._records():
                processes.clear_leftover(record, "a Flink cluster")
            if self._rest_port and not ports.is_free(self._rest_port):
                raise ConfigError(f"the REST port {self._rest_port} is taken on {ports.LOOPBACK}; choose another")
            # Scratch files of processes that were killed; checkpoints are elsewhere.
            shutil.rmtree(self.home.folder / "work", ignore_errors=True)
            self.home.write(self._rest_port or ports.free_port(), ports.free_port(), self._settings)
            try:
                job_manager = self._start(JOB_MANAGER, Role.JOB_MANAGER, detached)
                for number in range(1, self._task_managers + 1):
                    self._start(f"{TASK_MANAGER}-{number}", Role.TASK_MANAGER, detached)
                processes.wait_ready(job_manager, "Flink's job manager", self.rest.is_up, READY_S)
                for number in range(1, self._task_managers + 1):
                    self._wait_registered(number)
            except BaseException:
                with processes.uninterrupted():
                    self.stop()
                raise

    def stop(self) -> None:
        """Stop every process of this folder, whoever started it; jobs end without a savepoint."""
        for record in self._records():
            # Flink's state is on disk by checkpoint only, so task managers need no long good-bye.
            processes.end_recorded(record, STOP_GRACE_S)
        for child in self._children.values():
            child.kill()
        self._children.clear()
        self.home.metrics.forget()

    def start_task_manager(self, number: int | None = None) -> int:
        """Start one more (or a killed one again), wait until it has registered, return its number."""
        number = max(self._all_numbers(), default=0) + 1 if number is None else number
        name = f"{TASK_MANAGER}-{number}"
        processes.clear_leftover(self._record(name), f"Flink's task manager {number}")
        self._start(name, Role.TASK_MANAGER, detached=False)
        self._wait_registered(number)
        return number

    def kill_task_manager(self, number: int) -> None:
        """SIGKILL, as a crash would."""
        self._child(number).kill()

    def submit(self, order: JobOrder) -> str:
        """Submit a Python job and return its id; it runs on without us.

        Raises:
            ProcessFailed: Flink's client refused it; the message ends with its words.
        """
        log = self.home.logs / "submit.log"
        log.unlink(missing_ok=True)
        command = self.home.client_command(order.command_line("--detached"))
        client = processes.start(processes.Program(command, log=log, environment=self.home.environment()))
        try:
            code = client.wait(SUBMIT_S)
        finally:
            client.kill()
        said = log.read_text(errors="replace")
        job = submitted_job(said)
        if code != 0 or job is None:
            raise processes.ProcessFailed(f"submitting {order.script} ended with code {code}; {log}:\n{reason(said)}")
        return job

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, name: str, role: Role, detached: bool) -> processes.Child:
        work = self.home.folder / "work" / name
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        own = {"io.tmp.dirs": str(work)} | self.home.metrics.give(name)
        if role is Role.TASK_MANAGER:
            # New for each start: the job manager knows a killed one by its id until a heartbeat is missed.
            self._ids[name] = own["taskmanager.resource-id"] = f"{name}-{uuid.uuid4().hex[:8]}"
        child = processes.start(
            processes.Program(
                self.home.server_command(role, own),
                log=self.home.logs / f"{name}.log",
                record=self._record(name),
                environment=self.home.environment(),
                folder=work,
                outlives_parent=detached,
            )
        )
        self._children[name] = child
        return child

    def _wait_registered(self, number: int) -> None:
        own_id = self.id_of_task_manager(number)
        processes.wait_ready(
            self._child(number),
            f"Flink's task manager {number}",
            lambda: own_id in self.rest.task_manager_ids(),
            READY_S,
        )

    def _child(self, number: int) -> processes.Child:
        child = self._children.get(f"{TASK_MANAGER}-{number}")
        if child is None:
            raise ConfigError(f"expected one of the task managers {self.task_manager_numbers}, got {number}")
        return child

    def _all_numbers(self) -> list[int]:
        return [int(name.partition("-")[2]) for name in self._children if name.startswith(TASK_MANAGER)]

    def _record(self, name: str) -> Path:
        return self.home.folder / f"{name}.pid.json"

    def _records(self) -> list[Path]:
        """Task managers first: they end quicker while the job manager still answers."""
        return sorted(self.home.folder.glob("*.pid.json"), reverse=True)
