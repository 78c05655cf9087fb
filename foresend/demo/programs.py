"""The programs behind the demo, on a folder of their own that is begun empty: broker, job, serve, collect, deliver."""

import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from shutil import rmtree
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Protocol, Self

from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from connectors.metrics.metric import Program
from foresend import processes
from foresend.jobs import job_order
from foresend.local import ports
from foresend.local.broker import Broker
from foresend.local.flink_cluster import FlinkCluster
from foresend.local.flink_home import FlinkHome
from foresend.local.flink_rest import FlinkRest, FlinkUnavailable
from foresend.local.mini_cluster import STOP_GRACE_S
from foresend.local.scrape_targets import Target, announce, withdraw
from foresend.settings.installation import InstallationSettings, secret_of
from schemas import topics
from schemas.errors import ConfigError
from schemas.library import Release

COLLECT_PORT = 8080
SERVE_PORT = 8090
READY_S = 300.0
LOOK_S = 0.05
COUNTED_S = 15.0
"""Flink counts a restart at once and tells it some seconds later."""
ANSWER_S = 2.0
END_GRACE_S = STOP_GRACE_S + 5.0
"""The job's own process waits nearly as long for its JVM, which may write its class archive."""
BROKER_HEAP_MB = 256
"""Half of what a broker gets otherwise: so little traffic needs less, and a smaller heap is full, and flat, sooner."""
LOCK = "demo.lock"
KAFKA, TOPICS, FLINK, JOB, SERVE, COLLECT = "Kafka", "topics, release", "Flink", "job", "serve", "collect"
DELIVER = "deliver"


class Steps(Protocol):
    """Is told how far the start-up has come."""

    def begun(self, name: str) -> None:
        """A step has begun."""

    def done(self, name: str) -> None:
        """It is done."""


class DemoPrograms:
    """Broker, job, serve and collect; all end with the `with` block, and however else this process ends.

    standalone  the job runs on a cluster whose task manager can be killed and started again
    """

    def __init__(self, folder: Path, release: Release, steps: Steps, *, standalone: bool = False) -> None:
        self._folder = folder.resolve()
        self._release = release
        self._steps = steps
        self._standalone = standalone
        self._stack = ExitStack()
        self._children: dict[str, processes.Child] = {}
        self._killing = Lock()
        self._broker_port = ports.free_port()
        self._broker = Broker(self._folder / "broker", port=self._broker_port, heap_mb=BROKER_HEAP_MB)
        self._cluster = FlinkCluster(self._folder / "cluster", task_managers=1)
        self.collect_port = self.serve_port = self._deliver_port = 0

    @property
    def folder(self) -> Path:
        """Where all of it works."""
        return self._folder

    @property
    def gateway(self) -> str:
        """The address of `serve`."""
        return f"http://{ports.LOOPBACK}:{self.serve_port}"

    @property
    def kafka(self) -> KafkaSettings:
        """How to reach the broker."""
        return KafkaSettings(f"{ports.LOOPBACK}:{self._broker_port}")

    @property
    def rest(self) -> FlinkRest:
        """What Flink says."""
        return FlinkRest(int(self._home.settings()["rest.port"]))

    @property
    def _home(self) -> FlinkHome:
        return FlinkHome(self._folder / ("cluster" if self._standalone else "job"))

    def __enter__(self) -> Self:
        try:
            self._stack.enter_context(own_folder(self._folder))
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def check(self) -> None:
        """See that all of them still run; but for the task manager, which may be killed.

        Raises:
            ProcessFailed: one has ended by itself; the message tells its last words.
        """
        for name, child in self._children.items():
            if not child.is_running:
                said = processes.last_lines(child.said())
                raise processes.ProcessFailed(f"{name} ended with code {child.wait(0)}; {child.log}:\n{said}")
        if not self._broker.is_running:
            raise processes.ProcessFailed(f"the broker has ended; its log is {self._broker.log}")

    def restarts(self) -> int:
        """How often Flink has restarted the job.

        Raises:
            FlinkUnavailable: Flink does not answer.
            ProcessFailed: the job has failed for good.
        """
        ((job, status),) = self.rest.jobs().items()
        if status == "FAILED":
            why = "\n".join(self.rest.failures(job)[:1])
            raise processes.ProcessFailed(f"the job has failed; logs in {self._folder}:\n{why}")
        return self.rest.restarts(job)

    @property
    def has_task_manager(self) -> bool:
        """Whether there is a task manager that can be killed."""
        return self._standalone

    def kill_task_manager(self, back: Callable[[float], None]) -> bool:
        """SIGKILL the one task manager and start it again, in a thread of its own; False: that is under way already.

        back  told, in that thread, the seconds from the kill until all of the job runs again

        The thread need not be waited for: what it starts ends with this process.
        """
        if not self._killing.acquire(blocking=False):
            return False
        Thread(target=self._kill_and_start, args=(back,), name="chaos", daemon=True).start()
        return True

    def _kill_and_start(self, back: Callable[[float], None]) -> None:
        with ExitStack() as stack:
            stack.callback(self._killing.release)
            killed_s = monotonic()
            before = self._known_restarts()
            self._cluster.kill_task_manager(1)
            self._cluster.start_task_manager(1)
            self._announce()
            started = {self._cluster.id_of_task_manager(1)}
            while not (self._job_runs() and self._places() == started):
                sleep(LOOK_S)
            back_s = monotonic()
            # The job may have been restarting anyway: then Flink counts no other restart.
            while self._known_restarts() == before and monotonic() - back_s < COUNTED_S:
                sleep(LOOK_S)
            back(back_s - killed_s)

    def _places(self) -> set[str]:
        """The task managers that the job was given to; none as long as Flink does not answer."""
        try:
            return {place for job in self.rest.jobs() for place in self.rest.task_managers_of(job)}
        except FlinkUnavailable:
            return set()

    def _known_restarts(self) -> int:
        """0 as long as Flink does not answer: it may be too busy for it while a task manager dies."""
        try:
            return self.restarts()
        except FlinkUnavailable:
            return 0

    def start_worker(self, relay_port: int, dkim: str) -> None:
        """Start `foresend deliver`, which sends by a relay on this machine.

        dkim  its setting of that name, by files in the demo's folder
        """
        self._deliver_port = ports.free_port()
        told = {
            "DELIVER_GATEWAYS": self.gateway,
            "DELIVER_LIVE": "true",
            "DELIVER_DKIM": dkim,
            "DELIVER_FOLDER": str(self._folder / "mail"),
            "DELIVER_PORT": str(self._deliver_port),
            "SMTP_HOST": ports.LOOPBACK,
            "SMTP_PORT": str(relay_port),
            "SMTP_TLS": "none",
        }
        # Its keys are told with blanks between, so their files are named from the folder that they are in.
        self._children[DELIVER] = self._program(DELIVER, ["deliver"], told, self._folder)
        self._announce()

    def run_command(self, name: str, words: list[str]) -> processes.Child:
        """Start one of our own commands that ends by itself, on this Kafka; it is the caller's to wait for."""
        return self._program(name, [*words, "--bootstrap", self.kafka.bootstrap], {})

    def _start(self) -> None:
        """Flink takes longest, so it begins first: by the time the job asks for its topics, they are there."""
        if not self._standalone:
            self._start_child(FLINK, ["job", "personalize", "--folder", str(self._folder / "job")])
        with self._step(KAFKA):
            self._stack.enter_context(self._broker)
        with self._step(TOPICS):
            ensure_topics(self.kafka)
            publish_release(self.kafka, self._release)
        self.collect_port, self.serve_port = preferred_port(COLLECT_PORT), preferred_port(SERVE_PORT)
        serve = ["serve", "--port", str(self.serve_port), "--folder", str(self._folder / "cache")]
        self._start_child(SERVE, serve)
        collect = ["collect", "--port", str(self.collect_port), "--workspace-id", self._workspace]
        # Who unsubscribes or is erased there is told so once it holds here.
        self._start_child(COLLECT, [*collect, "--gateway", self.gateway])
        if self._standalone:
            with self._step(FLINK):
                self._stack.enter_context(self._cluster)
        self._wait_ready({SERVE: lambda: is_ready(self.serve_port), COLLECT: lambda: is_ready(self.collect_port)})
        if self._standalone:
            self._steps.begun(JOB)
            secret = secret_of(InstallationSettings())
            self._cluster.submit(job_order(self.kafka, topics.EVENTS.name, self._folder / "cluster", secret=secret))
        self._wait_ready({JOB if self._standalone else FLINK: self._job_runs})
        self._announce()

    def _announce(self) -> None:
        """Tell a Prometheus beside our folder where all of them answer."""
        web = {
            Program.COLLECT: self.collect_port,
            Program.SERVE: self.serve_port,
            Program.DELIVER: self._deliver_port,
        }
        flink = self._home.metrics.running().values()
        known = [Target(program, port) for program, port in web.items() if port]
        announce(self._folder, [*known, *(Target(Program.JOB, port) for port in flink)])

    @property
    def _workspace(self) -> str:
        return self._release.workspace

    def _start_child(self, name: str, words: list[str]) -> None:
        """One of our own commands, as a process."""
        self._steps.begun(name)
        self._children[name] = self._program(name, [*words, "--bootstrap", self.kafka.bootstrap], {})

    def _program(
        self, name: str, words: list[str], told: Mapping[str, str], folder: Path | None = None
    ) -> processes.Child:
        # Settings of other installations that stand in the environment are not for these.
        own = {key: value for key, value in os.environ.items() if not key.startswith("FORESEND_")}
        command = [sys.executable, "-m", "foresend.cli", *words]
        environment = own | {f"FORESEND_{key}": value for key, value in told.items()}
        log = self._folder / f"{name.lower()}.log"
        return processes.start(processes.Program(command, log=log, environment=environment, folder=folder))

    def _wait_ready(self, ready: Mapping[str, Callable[[], bool]]) -> None:
        deadline = monotonic() + READY_S
        waiting = dict(ready)
        while waiting:
            self.check()
            for name in [name for name, is_so in waiting.items() if is_so()]:
                del waiting[name]
                self._steps.done(name)
            if monotonic() > deadline:
                names = " and ".join(waiting)
                raise processes.ProcessFailed(f"{names}: not ready after {READY_S:g} s; logs in {self._folder}")
            sleep(LOOK_S)

    def _job_runs(self) -> bool:
        """Whether all of the one job runs."""
        try:
            rest = self.rest
            jobs = rest.jobs()
            return len(jobs) == 1 and all(rest.tasks_running(job) for job in jobs)
        except (ConfigError, FlinkUnavailable):
            # Flink has not written its settings yet, or does not listen yet.
            return False

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._steps.begun(name)
        yield
        self._steps.done(name)

    def _stop(self) -> None:
        """Those that talk to Kafka together, then Kafka: they would only wait for it."""
        withdraw(self._folder)
        for child in self._children.values():
            child.signal(signal.SIGTERM)
        for child in self._children.values():
            child.end(END_GRACE_S)
        self._stack.close()


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """A folder of the demo's own, begun empty, for the length of a `with` block.

    Raises:
        ConfigError: another demo runs in it, or it holds something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / LOCK).exists():
        raise ConfigError(f"expected a folder of the demo's own or an empty one, got {folder}; choose another --folder")
    with (folder / LOCK).open("w") as lock:
        try:
            # The kernel lets go of it when we die, so it is never left over.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"another demo runs in {folder}; choose another folder with --folder") from None
        for entry in folder.iterdir():
            if entry.is_dir():
                rmtree(entry, ignore_errors=True)
            elif entry.name != LOCK:
                entry.unlink()
        yield


def preferred_port(port: int) -> int:
    """This port if nobody has it, else a free one."""
    return port if ports.is_free(port) else ports.free_port()


def is_ready(port: int) -> bool:
    """Whether a program of ours on a port says that it is ready."""
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
