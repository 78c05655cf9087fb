"""The whole path on this machine for as long as one job of work: broker, release, job and serve, until all is still."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from time import monotonic
from typing import Self

from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import end_offsets, ensure_topics
from foresend import processes
from foresend.jobs import job_order
from foresend.local import ports
from foresend.local.broker import Broker
from foresend.local.mini_cluster import MiniCluster
from foresend.local.stillness import wait_for, wait_taken
from foresend.verification import reading
from schemas.errors import ConfigError
from schemas.topics import COMMUNICATIONS, DEAD_LETTERS, PROFILES, Topic
from templates.compiler import compile_release
from templates.workspace import load

DEFAULT_FOLDER = Path(".foresend/replay")
CHECKPOINT = {"execution.checkpointing.interval": "2 s"}
QUIET_S = 900.0
"""How long the path may take to come to rest after the last event."""
_LEFT = "left.json"


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

    def __enter__(self) -> Self:
        release = compile_release(load(self._workspace))
        self.workspace = release.workspace
        rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._stack.enter_context(self._broker)
        ensure_topics(self.kafka)
        publish_release(self.kafka, release)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def dead_letters(self) -> int:
        """How many inputs nobody could use, so far."""
        return sum(end_offsets(self.kafka, DEAD_LETTERS).values())

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
            NotStill: it takes too long.
            FlinkUnavailable: the job ended; its log tells why.
        """
        wait_taken(self.kafka, source, self._job.rest, QUIET_S, progress)
        wait_for(self._cache_is_even, "the cache to hold all communications", monotonic() + QUIET_S)

    def _cache_is_even(self) -> bool:
        ends = {
            (topic.name, part): end
            for topic in (COMMUNICATIONS, PROFILES)
            for part, end in end_offsets(self.kafka, topic).items()
        }
        with reading(self.cache) as reader:
            offsets = reader.offsets()
        return all(offsets.get(part, 0) >= end for part, end in ends.items())

    def _start_serve(self) -> processes.Child:
        port = ports.free_port()
        command = [sys.executable, "-m", "foresend.cli", "serve", "--port", str(port), "--folder", str(self.cache)]
        environment = {**os.environ, "FORESEND_KAFKA_BOOTSTRAP": self._broker.bootstrap}
        return processes.start(processes.Program(command, log=self._folder / "serve.log", environment=environment))


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
