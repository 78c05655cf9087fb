"""Everything that the doctor looks at on a machine, in the order in which faults follow from each other."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foresend.doctor.configured import Configured, Sources, read
from foresend.doctor.doors import port_finding
from foresend.doctor.findings import Finding, Program
from foresend.doctor.folders import folder_findings
from foresend.doctor.installed import installed
from foresend.doctor.java_tools import jars_finding, java_finding, maven_finding
from foresend.doctor.kafka_checks import kafka_findings
from foresend.local import broker
from foresend.local.jars import JarSet
from foresend.local.mini_cluster import DEFAULT_FOLDER as JOB_FOLDER

ALL = frozenset(Program)
LOCAL_PORT = 9092
JAVA_PROGRAMS = frozenset({Program.JOB, Program.LOCAL})
CHECKPOINTS = "execution.checkpointing.dir"


@dataclass(frozen=True)
class Examination:
    """What is looked at.

    named       programs that are to run on this machine; none: any may
    job_folder  of `foresend job`, where no FLINK_CONF_DIR tells of another
    now_ms      this machine's clock
    """

    sources: Sources
    named: frozenset[Program] = frozenset()
    job_folder: Path = JOB_FOLDER
    broker_folder: Path = broker.DEFAULT_FOLDER
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000

    @property
    def programs(self) -> frozenset[Program]:
        """Those that are looked at."""
        return self.named or ALL


def examine(wanted: Examination) -> Iterator[Finding]:
    """Each finding as soon as it is there."""
    programs = wanted.programs
    extras = [name for name, program in (("flink", Program.JOB), ("train", Program.TRAIN)) if program in programs]
    yield from installed(extras)
    yield from _java(wanted)
    told = read(wanted.sources, programs, wanted.named)
    yield from told.findings
    yield from _ports(wanted, told)
    yield from _folders(wanted, told)
    if told.kafka is not None:
        yield from kafka_findings(told.kafka, wanted.now_ms)


def _java(wanted: Examination) -> Iterator[Finding]:
    if not wanted.programs & JAVA_PROGRAMS:
        return
    by_program = {Program.LOCAL: JarSet.BROKER, Program.JOB: JarSet.FLINK}
    needed = [jars for program, jars in by_program.items() if program in wanted.programs]
    yield java_finding(wanted.sources.environment)
    yield maven_finding(wanted.sources.environment, needed)
    for jars in needed:
        yield jars_finding(jars)


def _ports(wanted: Examination, told: Configured) -> Iterator[Finding]:
    inbound = told.inbound
    doors = (
        (Program.COLLECT, "collect", told.collect.host, told.collect.port, "FORESEND_COLLECT_PORT"),
        (Program.SERVE, "serve", told.serve.host, told.serve.port, "FORESEND_SERVE_PORT"),
        (Program.DELIVER, "deliver", told.deliver.host, told.deliver.port, "FORESEND_DELIVER_PORT"),
        (Program.INBOUND, "inbound", inbound.host, inbound.port, "FORESEND_INBOUND_PORT"),
        (Program.INBOUND, "inbound.metrics", inbound.host, inbound.metrics_port, "FORESEND_INBOUND_METRICS_PORT"),
    )
    for program, name, host, port, variable in doors:
        if program in wanted.programs:
            yield port_finding(name, host, port, variable)
    own = _own_broker_port(told)
    if Program.LOCAL in wanted.programs and own:
        yield port_finding("local", "127.0.0.1", own, "`foresend local up --port`", broker.answers_kafka(own))


def _own_broker_port(told: Configured) -> int:
    """Of the broker on this machine; 0 where Kafka is elsewhere."""
    if told.kafka is None:
        return LOCAL_PORT
    host, _, port = told.kafka.bootstrap.partition(",")[0].rpartition(":")
    return int(port) if host in {"127.0.0.1", "localhost"} else 0


def _folders(wanted: Examination, told: Configured) -> Iterator[Finding]:
    if Program.SERVE in wanted.programs:
        serve = told.serve
        yield from folder_findings("cache", str(serve.folder), "FORESEND_SERVE_FOLDER", serve.cache_bytes)
    if Program.JOB in wanted.programs:
        place, variable = checkpoints(wanted)
        yield from folder_findings("checkpoints", place, variable)
    if Program.DELIVER in wanted.programs:
        yield from folder_findings("mail", str(told.deliver.folder), "FORESEND_DELIVER_FOLDER")
    if Program.LOCAL in wanted.programs:
        yield from folder_findings("broker", str(wanted.broker_folder), "`foresend local up --folder`")


def checkpoints(wanted: Examination) -> tuple[str, str]:
    """Where the job's checkpoints go, and what names the place."""
    conf = wanted.sources.environment.get("FLINK_CONF_DIR")
    if conf:
        place = _setting(_flink_settings(Path(conf) / "config.yaml"), CHECKPOINTS)
        if place:
            return place, f"{CHECKPOINTS} in {conf}/config.yaml"
    place = _setting(_flink_settings(wanted.job_folder / "conf/config.yaml"), CHECKPOINTS)
    return place or str(wanted.job_folder / "checkpoints"), "`foresend job --folder`"


def _flink_settings(file: Path) -> Any:
    try:
        return YAML(typ="safe").load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError):
        return {}


def _setting(settings: Any, name: str) -> str:
    """A setting of Flink's, written flat or as a tree; empty where it is not there."""
    if not isinstance(settings, dict):
        return ""
    if name in settings:
        return str(settings[name])
    head, _, rest = name.partition(".")
    return _setting(settings.get(head), rest) if rest else ""
