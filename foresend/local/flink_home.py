"""A folder from which Flink's programs run: settings, logs, checkpoints; the jars stay in the wheel.

Flink's own scripts start three to four JVMs before the one that is wanted, and want copies of
the wheel's 300 MB. The same classes are started here directly, with the class path and the
memory parameters that the scripts would have computed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ruamel.yaml import YAML

from foresend.local import java, ports
from foresend.local.class_archive import ClassArchive
from foresend.local.flink_metrics import REPORTER, MetricsPorts
from foresend.local.jars import RESOURCES, connector_jar
from foresend.logs import FORMAT, JSON, TEXT
from foresend.processes import ProcessFailed
from schemas.errors import ConfigError

LOG_SETTINGS = {TEXT: RESOURCES / "flink/log4j2.properties", JSON: RESOURCES / "flink/log4j2-json.properties"}
"""By the format of logs."""
RESULT = "BASH_JAVA_UTILS_EXEC_RESULT:"
ANSWER_S = 60

# What every local Flink runs with; docs/adr/0001-thread-mode-and-one-slot.md tells why of the engine.
SETTINGS: Mapping[str, str] = {
    # One slot for each task manager: all Python in one JVM shares one interpreter lock.
    "taskmanager.numberOfTaskSlots": "1",
    "taskmanager.memory.process.size": "1600m",
    "jobmanager.memory.process.size": "1024m",
    "python.execution-mode": "thread",
    "python.executable": sys.executable,
    "python.client.executable": sys.executable,
    # The interpreter's native library can be loaded once in a JVM, so by one class loader only:
    # otherwise the second attempt of a restarted job fails in the same task manager.
    "classloader.parent-first-patterns.additional": "pemja.",
    "state.backend.type": "rocksdb",
    "execution.checkpointing.incremental": "true",
    "execution.checkpointing.interval": "10 s",
    # At the default of 100 ms an event waits 143 ms in the middle between Kafka and Kafka; so, 16 ms.
    "execution.buffer-timeout.interval": "5 ms",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    "pipeline.max-parallelism": "720",
    # Without a bound an operator that always fails looks like a hang.
    "restart-strategy.type": "failure-rate",
    "restart-strategy.failure-rate.max-failures-per-interval": "20",
    "restart-strategy.failure-rate.failure-rate-interval": "5 min",
    "restart-strategy.failure-rate.delay": "1 s",
    # A dead task manager is noticed by refused calls after two beats.
    "heartbeat.interval": "2 s",
    "heartbeat.timeout": "30 s",
    "cluster.evenly-spread-out-slots": "true",
    **REPORTER,
}


class Role(StrEnum):
    """A program of Flink's; the value is what its resource parameters are asked by."""

    JOB_MANAGER = "JM"
    TASK_MANAGER = "TM"


MAIN_CLASS = {
    Role.JOB_MANAGER: "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
    Role.TASK_MANAGER: "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
}
CLIENT_CLASS = "org.apache.flink.client.cli.CliFrontend"


def wheel() -> Path:
    """Where the apache-flink wheel keeps its jars, without importing it.

    Raises:
        ConfigError: it is not installed.
    """
    found = importlib.util.find_spec("pyflink")
    if found is None or not found.submodule_search_locations:
        raise ConfigError("Flink: expected the package apache-flink, found none; run `uv sync --extra flink`")
    return Path(found.submodule_search_locations[0])


def class_path() -> str:
    """Flink's own jars, Python's glue, and the Kafka connector, in the order of Flink's scripts (dist last).

    The reporter of metrics is a plugin elsewhere; a mini-cluster looks for reporters among its own classes only.
    """
    lib = sorted((wheel() / "lib").glob("*.jar"), key=lambda jar: (jar.name.startswith("flink-dist"), jar.name))
    python = list((wheel() / "opt").glob("flink-python-*.jar"))
    reporter = list((wheel() / "plugins/metrics-prometheus").glob("flink-metrics-prometheus-*.jar"))
    return os.pathsep.join(map(str, [*python, connector_jar(), *reporter, *lib]))


@dataclass(frozen=True)
class FlinkHome:
    """The folder; `write` fills it."""

    folder: Path

    @property
    def conf(self) -> Path:
        """FLINK_CONF_DIR."""
        return self.folder / "conf"

    @property
    def logs(self) -> Path:
        """One log file for each process."""
        return self.folder / "logs"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints, by job."""
        return self.folder / "checkpoints"

    @property
    def savepoints(self) -> Path:
        """Savepoints."""
        return self.folder / "savepoints"

    @property
    def plugins(self) -> Path:
        """None of the wheel's: the one that is wanted is on the class path, and each costs a class loader."""
        return self.folder / "plugins"

    @property
    def metrics(self) -> MetricsPorts:
        """Where the programs that run from here answer Prometheus."""
        return MetricsPorts(self.folder)

    def write(self, rest_port: int, rpc_port: int, settings: Mapping[str, str]) -> None:
        """Make the folders and the settings file; the given settings win over the defaults."""
        for folder in (self.conf, self.logs, self.checkpoints, self.savepoints, self.plugins, self.folder / "work"):
            folder.mkdir(parents=True, exist_ok=True)
        here = {
            "env.java.opts.all": shipped_java_options(),
            "jobmanager.rpc.address": ports.LOOPBACK,
            "jobmanager.rpc.port": str(rpc_port),
            "jobmanager.bind-host": ports.LOOPBACK,
            "taskmanager.host": ports.LOOPBACK,
            "taskmanager.bind-host": ports.LOOPBACK,
            "rest.address": ports.LOOPBACK,
            "rest.bind-address": ports.LOOPBACK,
            "rest.port": str(rest_port),
            "rest.bind-port": str(rest_port),
            "io.tmp.dirs": str(self.folder / "work"),
            "execution.checkpointing.dir": self.checkpoints.as_uri(),
            "execution.checkpointing.savepoint-dir": self.savepoints.as_uri(),
        }
        yaml = YAML(typ="safe")
        yaml.default_flow_style = False
        yaml.dump({**SETTINGS, **here, **settings}, self.conf / "config.yaml")

    def settings(self) -> dict[str, str]:
        """The settings as written.

        Raises:
            ConfigError: nothing was written here yet.
        """
        file = self.conf / "config.yaml"
        if not file.exists():
            raise ConfigError(f"expected a Flink cluster's settings at {file}, found none; start the cluster first")
        return dict(YAML(typ="safe").load(file))

    def environment(self) -> dict[str, str]:
        """The variables for any program of Flink's that runs from here, on top of our own."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLINK_")}
        flink = wheel()
        return inherited | {
            # The interpreter inside the JVM finds its packages by looking for `python3` on the PATH.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', '')}",
            "FLINK_HOME": str(flink),
            "FLINK_CONF_DIR": str(self.conf),
            # Where they really lie: Flink's client follows no link, and in an image the wheel has links to them.
            "FLINK_LIB_DIR": str((flink / "lib").resolve()),
            "FLINK_OPT_DIR": str((flink / "opt").resolve()),
            "FLINK_PLUGINS_DIR": str(self.plugins),
            "FLINK_BIN_DIR": str(flink / "bin"),
            "FLINK_LOG_DIR": str(self.logs),
        }

    def server_command(self, role: Role, dynamic: Mapping[str, str]) -> list[str]:
        """What starts a job manager or a task manager; `dynamic` settings are for this one process."""
        memory, computed = _resources(role, self.conf)
        given = [part for name, value in dynamic.items() for part in ("-D", f"{name}={value}")]
        return [
            *self._java(memory, ClassArchive.of("flink", class_path())),
            MAIN_CLASS[role],
            *computed,
            "--configDir",
            str(self.conf),
            *given,
        ]

    def client_command(self, arguments: Sequence[str]) -> list[str]:
        """What runs Flink's command line client (`flink run …`) to submit a job."""
        # It prints what the job's Python said by itself; its own log would only repeat it.
        options = ["-Xmx512m", "-Dforesend.log.level=off"]
        return [*self._java(options, ClassArchive.of("flink", class_path())), CLIENT_CLASS, *arguments]

    def mini_cluster_command(self, arguments: Sequence[str], heap_mb: int, archive: ClassArchive) -> list[str]:
        """The client again, but its JVM is going to be the whole cluster."""
        return [*self._java([f"-Xmx{heap_mb}m"], archive), CLIENT_CLASS, *arguments]

    def _java(self, options: Sequence[str], archive: ClassArchive) -> list[str]:
        return [
            java.find_java(),
            *options,
            *archive.options(),
            "-XX:+IgnoreUnrecognizedVMOptions",
            "-Djava.security.manager=allow",
            *self.settings()["env.java.opts.all"].split(),
            f"-Dlog4j.configurationFile={LOG_SETTINGS[os.environ.get(FORMAT) or TEXT]}",
            "-cp",
            class_path(),
        ]


def shipped_java_options() -> str:
    """The `--add-opens` that Flink needs on Java 17 and later, from the wheel's own settings."""
    shipped = YAML(typ="safe").load(wheel() / "conf/config.yaml")
    return str(shipped["env"]["java"]["opts"]["all"])


def _resources(role: Role, conf: Path) -> tuple[list[str], list[str]]:
    """The JVM's memory options and Flink's matching `-D` settings, computed by Flink itself."""
    flink = wheel()
    (dist,) = (flink / "lib").glob("flink-dist-*.jar")
    answer = subprocess.run(
        [
            java.find_java(),
            "-XX:TieredStopAtLevel=1",
            "-cp",
            f"{flink / 'bin/bash-java-utils.jar'}{os.pathsep}{dist}",
            "org.apache.flink.runtime.util.bash.BashJavaUtils",
            f"GET_{role}_RESOURCE_PARAMS",
            "--configDir",
            str(conf),
        ],
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
        check=False,
    )
    results = [line.removeprefix(RESULT).split() for line in answer.stdout.splitlines() if line.startswith(RESULT)]
    if answer.returncode != 0 or len(results) != 2:
        raise ProcessFailed(f"Flink could not compute its memory settings from {conf}:\n{answer.stdout[-2000:]}")
    return results[0], results[1]
