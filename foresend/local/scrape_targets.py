"""Which programs Prometheus asks for their metrics: files that it watches, so that a change needs no restart."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.metrics.metric import Program
from foresend.local.ports import LOOPBACK

ANNOUNCED = "targets.json"
WATCHED = "targets"
"""Folder in Prometheus's own of which it reads every file again and again."""
PROMETHEUS = "prometheus"
"""Name of Prometheus's folder, beside those of the programs that announce themselves."""
USUAL_PORTS = {Program.COLLECT: 8080, Program.SERVE: 8090, Program.DELIVER: 8095, Program.INBOUND: 8096}
"""Where programs answer `/metrics` as long as nobody chooses another port."""


@dataclass(frozen=True)
class Target:
    """One program that answers `/metrics`."""

    program: Program
    port: int
    host: str = LOOPBACK

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    @staticmethod
    def read(words: str) -> Target:
        """A target as it is typed: `serve=18090` or `serve=node-2:8090`.

        Raises:
            ValueError: it is no such thing.

        >>> Target.read("serve=18090").address
        '127.0.0.1:18090'
        """
        program, _, place = words.partition("=")
        host, _, port = place.rpartition(":")
        return Target(Program(program), int(port), host or LOOPBACK)


def usual_targets(besides: Iterable[Target] = ()) -> list[Target]:
    """Every program at its usual port, but for those that are told to be elsewhere."""
    told = list(besides)
    elsewhere = {target.program for target in told}
    return told + [Target(program, port) for program, port in USUAL_PORTS.items() if program not in elsewhere]


def write_targets(file: Path, targets: Sequence[Target]) -> None:
    """Put the targets into a file that Prometheus watches, whole or not at all."""
    groups = [{"targets": [target.address], "labels": {"program": target.program.value}} for target in targets]
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    fresh.write_text(json.dumps(groups, indent=1) + "\n")
    fresh.replace(file)


def announce(folder: Path, targets: Sequence[Target]) -> None:
    """Tell a Prometheus beside a folder, now or when it starts, what runs there: its ports are new at each start."""
    write_targets(folder / ANNOUNCED, targets)
    watched = folder.parent / PROMETHEUS / WATCHED
    if watched.is_dir():
        write_targets(watched / f"{folder.name}.json", targets)


def withdraw(folder: Path) -> None:
    """What ran in the folder was ended on purpose: nobody is to ask it, or to miss it."""
    (folder / ANNOUNCED).unlink(missing_ok=True)
    (folder.parent / PROMETHEUS / WATCHED / f"{folder.name}.json").unlink(missing_ok=True)


def announced_beside(prometheus: Path) -> None:
    """Have Prometheus scrape what was announced in the folders beside its own before it was there."""
    watched = prometheus / WATCHED
    watched.mkdir(parents=True, exist_ok=True)
    for file in prometheus.parent.glob(f"*/{ANNOUNCED}"):
        shutil.copyfile(file, watched / f"{file.parent.name}.json")
