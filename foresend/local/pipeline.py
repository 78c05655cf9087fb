"""The whole path on this machine for as long as one job of work: broker, release, job and serve, until all is still."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from time import monotonic, sleep

from connectors.kafka.log_reader import committed_offsets
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import end_offsets, ensure_topics
from foresend import processes
from foresend.commands.job import group_of, job_order
from foresend.local import ports
from foresend.local.broker import Broker
from foresend.local.mini_cluster import MiniCluster
from foresend.verification import reading
from schemas.errors import ConfigError, TransientError
from schemas.topics import COMMUNICATIONS, Topic
from templates.compiler import compile_release
from templates.workspace import load

DEFAULT_FOLDER = Path(".foresend/replay")
CHECKPOINT = {"execution.checkpointing.interval": "2 s"}
LOOK_S = 0.5
QUIET_S = 900.0
"""How long the path may take to come to rest after the last event."""
_LEFT = "left.json"


class NotStill(TransientError):
    """The path did not come to rest in time; the message says what it waited for."""


@dataclass(frozen=True)
class Left:
    """What a local run leaves: a broker with the log, and the folder of a cache."""

    kafka: KafkaSettings
    source: str
    cache: Path


class LocalPath:
    """Broker, job and serve on a folder of their own, begun empty; all end with the `with` block."""

    def __init__(self, folder: Path, workspace: Path) -> None:
        self._folder = folder.resolve()
        self._workspace = workspace
        self._stack = ExitStack()
        self._broker = Broker(self._folder / "broker")
        self._job = MiniCluster(self._folder / "job", CHECKPOINT)

    @property
    def kafka(self) -> KafkaSettings:
        """How to reach the broker."""
        return KafkaSettings(self._broker.bootstrap)

    @property
    def cache(self) -> Path:
        """Where serve keeps its database."""
        return self._folder / "cache"

    def __enter__(self) -> "LocalPath":
        release = compile_release(load(self._workspace))
        rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._stack.enter_context(self._broker)
        ensure_topics(self.kafka)
        publish_release(self.kafka, release)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, source: Topic) -> None:
        """Start serve, and the job on a source that exists."""
        self._stack.callback(self._start_serve().end)
        self._stack.enter_context(self._job)
        self._job.run(job_order(self.kafka, source.name, self._folder / "job"))
        left = {"source": source.name}
        (self._folder / _LEFT).write_text(json.dumps(left))

    def wait_still(self, source: Topic, progress: Callable[[int, int], None]) -> None:
        """Wait until the job has taken every event and the cache everything the job wrote.

        progress  told how many records were taken, and of how many

        Raises:
            NotStill: it takes too long, or the job ended.
        """
        deadline = monotonic() + QUIET_S
        self._wait_taken(source, progress, deadline)
        # Timers follow watermarks, which are sent between records: two checkpoints later they have fired.
        job = next(iter(self._job.rest.jobs()))
        first = self._job.rest.checkpoints(job).completed
        self._wait(lambda: self._job.rest.checkpoints(job).completed >= first + 2, "two more checkpoints", deadline)
        self._wait(self._cache_is_even, "the cache to hold all communications", deadline)

    def _wait_taken(self, source: Topic, progress: Callable[[int, int], None], deadline: float) -> None:
        ends = end_offsets(self.kafka, source)
        wanted = sum(ends.values())

        def is_taken() -> bool:
            taken = committed_offsets(self.kafka, group_of(source.name), source.name)
            progress(sum(taken.values()), wanted)
            return all(taken.get(partition, 0) >= end for partition, end in ends.items())

        self._wait(is_taken, f"the job to take {wanted} records", deadline)

    def _cache_is_even(self) -> bool:
        ends = end_offsets(self.kafka, COMMUNICATIONS)
        with reading(self.cache) as reader:
            offsets = reader.offsets()
        return all(offsets.get((COMMUNICATIONS.name, part), 0) >= end for part, end in ends.items())

    def _wait(self, is_so: Callable[[], bool], what: str, deadline: float) -> None:
        while not is_so():
            if not self._job.is_running:
                raise NotStill(f"expected {what}, but the job ended; its log is {self._job.log}")
            if monotonic() > deadline:
                raise NotStill(f"expected {what} within {QUIET_S:.0f} s; the job's log is {self._job.log}")
            sleep(LOOK_S)

    def _start_serve(self) -> processes.Child:
        port = ports.free_port()
        command = [sys.executable, "-m", "foresend.cli", "serve", "--port", str(port), "--folder", str(self.cache)]
        environment = {**os.environ, "FORESEND_KAFKA_BOOTSTRAP": self._broker.bootstrap}
        return processes.start(
            processes.Program(command, log=self._folder / "serve.log", environment=environment)
        )


@contextmanager
def left_behind(folder: Path) -> Iterator[Left]:
    """What the last local run left, with its broker up for the length of the block.

    Raises:
        ConfigError: nothing was left in this folder.
    """
    try:
        left = json.loads((folder / _LEFT).read_text())
    except FileNotFoundError:
        raise ConfigError(f"expected what `foresend replay --local` leaves in {folder}, found nothing") from None
    with Broker(folder.resolve() / "broker") as broker:
        yield Left(KafkaSettings(broker.bootstrap), left["source"], folder.resolve() / "cache")
