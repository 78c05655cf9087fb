"""One real Kafka broker (KRaft: broker and controller in one process) in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self

from foresend import processes
from foresend.local import java, ports
from foresend.local.class_archive import ClassArchive
from foresend.local.jars import RESOURCES, JarSet, jars
from schemas.errors import ConfigError

DEFAULT_FOLDER = Path(".foresend/broker")
DEFAULT_HEAP_MB = 512
READY_S = 60.0
# A clean stop takes half a second; a broker that flushes a lot gets half a minute.
STOP_GRACE_S = 30.0
FORMAT_S = 60.0
ANSWER_S = 2.0
# For programs that live a second: no second compiler, classes from the shared archive.
QUICK_JAVA = ("-XX:TieredStopAtLevel=1", "-Xshare:auto")
# An ApiVersions request, version 0, without a client id: length, key, version, correlation, null.
API_VERSIONS = bytes.fromhex("0000000a 0012 0000 00000001 ffff")


class Broker:
    """A broker that lives as long as the `with` block, or between `start` and `stop`.

    folder  everything it writes; a second broker on the same folder is refused
    port    where clients connect; 0: the port it had before in this folder, else a free one
    """

    def __init__(self, folder: Path = DEFAULT_FOLDER, port: int = 0, heap_mb: int = DEFAULT_HEAP_MB) -> None:
        self.folder = folder.resolve()
        self._heap_mb = heap_mb
        self._wanted_port = port
        self._ports_file = self.folder / "ports.json"
        self._child: processes.Child | None = None
        self._archive: ClassArchive | None = None
        self._was_ready = False

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients; the same after a restart."""
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def port(self) -> int:
        """Where clients connect; known once it was started."""
        port, _ = _read_ports(self._ports_file)
        if not port:
            raise ConfigError(f"the broker in {self.folder} was not started yet, so it has no address")
        return port

    @property
    def pid(self) -> int:
        """The broker's own process, whoever started it."""
        process = processes.recorded(self.record)
        if process is None:
            raise ConfigError(f"the broker in {self.folder} is not running")
        return process.pid

    @property
    def is_running(self) -> bool:
        """Whether the broker of this folder lives, whoever started it."""
        return processes.recorded(self.record) is not None

    @property
    def log(self) -> Path:
        """The broker's own log."""
        return self.folder / "broker.log"

    @property
    def record(self) -> Path:
        """The file that names the process while it lives."""
        return self.folder / "broker.pid.json"

    def start(self, detached: bool = False) -> None:
        """Start, and return when it answers. Detached: it goes on after us, for `foresend local up`.

        Raises:
            ConfigError: Java, Maven or a port is missing, or a broker runs on this folder.
            ProcessFailed: it ended, or did not answer in time.
        """
        java_path = java.find_java()
        classpath = os.pathsep.join(map(str, jars(JarSet.BROKER)))
        with processes.exclusive(self.folder / "start.lock"):
            processes.clear_leftover(self.record, "a broker")
            port = self._choose_ports()
            self._format(java_path, classpath)
            settings = self._write_settings("server.properties", self.folder / "data")
            logging = f"-Dlog4j2.configurationFile={RESOURCES / 'broker/log4j2.properties'}"
            self._archive = ClassArchive.of("broker", classpath, record=not detached)
            options = [f"-Xmx{self._heap_mb}m", logging, *self._archive.options()]
            command: list[str | Path] = [java_path, *options, "-cp", classpath, "kafka.Kafka", settings]
            try:
                self._child = processes.start(
                    processes.Program(command, log=self.log, record=self.record, outlives_parent=detached)
                )
                processes.wait_ready(self._child, "the Kafka broker", lambda: answers_kafka(port), READY_S)
                self._was_ready = True
            except BaseException:
                with processes.uninterrupted():
                    self.stop()
                raise

    def stop(self) -> None:
        """Stop the broker of this folder cleanly, whoever started it, or kill it after half a minute."""
        processes.end_recorded(self.record, STOP_GRACE_S)
        self._forget(keep_archive=self._was_ready)

    def kill(self) -> None:
        """SIGKILL, as a crash would; the folder can be started again."""
        self._forget(keep_archive=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _forget(self, keep_archive: bool) -> None:
        """Kill and reap what we started, if it still lives."""
        if self._child is not None and self._archive is not None:
            self._child.kill()
            self._archive.close(keep_archive)
        self._child = None
        self._was_ready = False

    def _choose_ports(self) -> int:
        """Write down the client's and the controller's port, those of the last run where they still suit.

        Clients of a killed broker keep asking at its old address, so a restart must answer there.
        """
        before = _read_ports(self._ports_file)
        port = self._wanted_port or before[0]
        if self._wanted_port and not ports.is_free(port):
            raise ConfigError(f"the broker's port {port} is taken on {ports.LOOPBACK}; choose another with --port")
        if not port or not ports.is_free(port):
            port = ports.free_port()
        controller = before[1]
        while not controller or controller == port or not ports.is_free(controller):
            controller = ports.free_port()
        self._ports_file.write_text(json.dumps([port, controller]))
        return port

    def _write_settings(self, name: str, data: Path) -> Path:
        port, controller_port = _read_ports(self._ports_file)
        template = Template((RESOURCES / "broker/server.properties").read_text())
        settings = self.folder / name
        settings.write_text(template.substitute(port=port, controller_port=controller_port, data=data))
        return settings

    def _format(self, java_path: str, classpath: str) -> None:
        """Prepare the data folder, once: under another name first, so that it is there whole or not at all."""
        data, fresh = self.folder / "data", self.folder / "data.new"
        if data.exists():
            return
        shutil.rmtree(fresh, ignore_errors=True)
        settings = self._write_settings("format.properties", fresh)
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", f"--config={settings}"]
        child = processes.start(
            processes.Program([java_path, *QUICK_JAVA, "-cp", classpath, *tool], log=self.folder / "format.log")
        )
        try:
            code = child.wait(FORMAT_S)
        finally:
            child.kill()
        if code != 0:
            raise processes.ProcessFailed(
                f"formatting {fresh} ended with code {code}:\n{processes.last_lines(child.said())}"
            )
        fresh.rename(data)


def answers_kafka(port: int) -> bool:
    """Whether a broker on loopback processes requests: it opens its port a little earlier than that."""
    try:
        with socket.create_connection((ports.LOOPBACK, port), timeout=ANSWER_S) as connection:
            connection.sendall(API_VERSIONS)
            return len(connection.recv(8)) == 8
    except OSError:
        return False


def _read_ports(file: Path) -> tuple[int, int]:
    """The client's and the controller's port of the last run; 0 where unknown."""
    try:
        port, controller = json.loads(file.read_text())
    except (FileNotFoundError, ValueError, TypeError):
        return 0, 0
    return int(port), int(controller)
