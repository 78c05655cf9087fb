"""The settings of each program: whether they can be read, and where they say that it works."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from connectors.kafka.settings import KafkaSettings
from foresend.doctor.findings import Finding, Program, fault, fine
from foresend.settings.collect import CollectSettings
from foresend.settings.deliver import DeliverSettings
from foresend.settings.inbound import InboundSettings
from foresend.settings.loading import PREFIX, load
from foresend.settings.serve import ServeSettings
from schemas.errors import ConfigError

T = TypeVar("T")

NO_KAFKA = KafkaSettings("127.0.0.1:9092")
"""In place of settings of Kafka that are missing or wrong, so that the rest can be looked at."""
EXPECTED = "settings that can be used"


@dataclass(frozen=True)
class Sources:
    """Where settings come from."""

    environment: Mapping[str, str]
    file: Path | None = None
    bootstrap: str | None = None

    def names(self, section: str) -> bool:
        """Whether anything of a section is set."""
        start = f"{PREFIX}_{section}_".upper()
        return any(name.startswith(start) for name in self.environment) or section in self.tables()

    def tables(self) -> Mapping[str, Any]:
        """The file's; nothing where it cannot be read, which `load` tells."""
        try:
            return tomllib.loads(self.file.read_text("utf-8")) if self.file else {}
        except (OSError, ValueError):
            return {}


@dataclass(frozen=True)
class Configured:
    """What the programs are told, or would be by default; and what is wrong with it."""

    kafka: KafkaSettings | None
    collect: CollectSettings
    serve: ServeSettings
    deliver: DeliverSettings
    inbound: InboundSettings
    findings: list[Finding] = field(default_factory=list)


def read(sources: Sources, programs: frozenset[Program], named: frozenset[Program]) -> Configured:
    """All settings of these programs. One that was not named, and of which nothing is set, has its defaults."""
    found: list[Finding] = []
    kafka = _kafka(sources, found) if programs - {Program.DELIVER, Program.LOCAL} else None

    def section(program: Program, kind: type[T], default: T) -> T:
        if program not in programs or not (program in named or sources.names(program)):
            return default
        return _section(sources, program, kind, default, kafka, found)

    told = Configured(
        kafka=kafka,
        collect=section(Program.COLLECT, CollectSettings, CollectSettings(NO_KAFKA)),
        serve=section(Program.SERVE, ServeSettings, ServeSettings(NO_KAFKA)),
        deliver=section(Program.DELIVER, DeliverSettings, DeliverSettings()),
        inbound=section(Program.INBOUND, InboundSettings, InboundSettings(NO_KAFKA)),
        findings=found,
    )
    found.extend(_dkim_keys(told.deliver) if Program.DELIVER in programs else ())
    return told


def _kafka(sources: Sources, found: list[Finding]) -> KafkaSettings | None:
    given = {"bootstrap": sources.bootstrap}
    expected = "where Kafka is, and how to reach it"
    try:
        settings = load(KafkaSettings, "kafka", environment=sources.environment, file=sources.file, given=given)
    except ConfigError as error:
        mend = (
            "set FORESEND_KAFKA_BOOTSTRAP=HOST:PORT, or give --bootstrap; `foresend local up` starts one and tells it"
        )
        found.append(fault("settings.kafka", "; ".join(error.problems), expected, mend))
        return None
    found.append(fine("settings.kafka", f"{settings.bootstrap}, {settings.security_protocol}", expected))
    return settings


def _section(
    sources: Sources, program: Program, kind: type[T], default: T, kafka: KafkaSettings | None, found: list[Finding]
) -> T:
    check = f"settings.{program}"
    # What is wrong with Kafka's settings was told once.
    given = {} if program == Program.DELIVER or kafka else {"kafka.bootstrap": NO_KAFKA.bootstrap}
    if sources.bootstrap and program != Program.DELIVER:
        given = {"kafka.bootstrap": sources.bootstrap}
    try:
        settings = load(kind, program, environment=sources.environment, file=sources.file, given=given)
    except ConfigError as error:
        where = "the environment" + (f" or {sources.file}" if sources.file else "")
        found.append(
            fault(
                check,
                "; ".join(error.problems),
                EXPECTED,
                f"mend what is told, in {where}, or by the program's own options",
            )
        )
        return default
    found.append(fine(check, "can be used", EXPECTED))
    return settings


def _dkim_keys(settings: DeliverSettings) -> Iterator[Finding]:
    """The private keys by which messages are signed."""
    if not settings.dkim:
        return
    expected = "a private key in each file that deliver.dkim names, for this user to read"
    try:
        settings.stationery()
    except ConfigError as error:
        mend = "mend FORESEND_DELIVER_DKIM (domain:selector:file), or the files and who may read them"
        yield fault("settings.dkim", "; ".join(error.problems), expected, mend)
        return
    yield fine("settings.dkim", f"keys of {', '.join(settings.dkim)}", expected)
