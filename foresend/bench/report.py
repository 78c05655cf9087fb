"""The page of figures: each bench has a part of it that is written anew, what stands around them is left as it is."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foresend.bench.machine import ROOT
from foresend.bench.telling import Tell
from schemas.errors import ConfigError

NEW_PAGE = "# Benchmarks\n"
ABOUT_THE_RUN = frozenset({"bench", "commit", "machine", "runs"})
SPREAD = ("_min", "_max")
TABLES_MAX = 4
"""Lines that have a table each; where there are more, each is a row of one table, without least and most."""

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Measured:
    """One bench as it was run: its name and command, the lines it printed, and when."""

    name: str
    command: str
    lines: Sequence[Line]
    at: datetime


def write_report(page: Path, names: Sequence[str], tell: Tell) -> int:
    """Run benches, each in a process of its own, and write each one's figures into the page as soon as they are there.

    Returns 1 where a bench failed; its part of the page stays as it was.

    Raises:
        ConfigError: a bench has half a place in the page, or more than one.
    """
    for name in names:
        with_figures(_text_of(page), name, "")
    code = 0
    for name in names:
        command = f"foresend bench {name} --json"
        tell(f"== {command}")
        program = [sys.executable, "-m", "foresend.cli", *command.split()[1:]]
        done = subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            tell(f"== {command} failed with code {done.returncode}")
            code = 1
            continue
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        figures = figures_of(Measured(name, command, lines, datetime.now(UTC)))
        page.write_text(with_figures(_text_of(page), name, figures), encoding="utf-8")
    tell(f"figures are in {page}")
    return code


def with_figures(page: str, name: str, figures: str) -> str:
    """The page with a bench's figures in their place: between its two marks, or at the end where it has none yet.

    Raises:
        ConfigError: the marks are not one pair.
    """
    begin, end = f"<!-- figures of {name}: written by make bench -->\n", f"<!-- end of figures of {name} -->\n"
    part = f"{begin}{figures}{end}"
    if begin not in page and end not in page:
        return f"{page}\n## {name}\n\n{part}"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found or begin in rest or end in before + after:
        raise ConfigError(f"expected one line {begin.strip()!r}, and one {end.strip()!r} below it")
    return f"{before}{part}{after}"


def figures_of(measured: Measured) -> str:
    """What is written between the marks: where, when and by which command, then a table for each line or for all."""
    first = measured.lines[0]
    here = first["machine"]
    where = f"{here['cores']} cores ({here['cpu']}), {here['memory_gb']:g} GB"
    rows = [f"`{measured.command}`, {measured.at:%Y-%m-%d}, commit {first['commit'] or 'unknown'}, {where}:"]
    if len(measured.lines) > TABLES_MAX:
        rows += ["", *_one_table(measured.lines)]
    else:
        for line in measured.lines:
            rows += ["", *_table(line)]
    return "\n".join([*rows, ""])


def _text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8") if page.exists() else NEW_PAGE


def _table(line: Line) -> list[str]:
    """One row for each figure, in the order in which the bench tells them."""
    runs = line.get("runs", 1)
    many = runs > 1
    spread = {f"{name}{end}" for name in line for end in SPREAD}
    head = f"| figure | median of {runs} | least | most |" if many else "| figure | one run |"
    rows = [head, "|---|--:|--:|--:|" if many else "|---|--:|"]
    for name, value in line.items():
        if name not in ABOUT_THE_RUN and name not in spread:
            cells = [value, *(line.get(f"{name}{end}") for end in SPREAD)] if many else [value]
            rows.append(f"| {name} | {' | '.join(map(told, cells))} |")
    return rows


def _one_table(lines: Sequence[Line]) -> list[str]:
    """A row for each line, and a column for each of the first one's figures: the medians."""
    spread = {f"{name}{end}" for name in lines[0] for end in SPREAD}
    names = [name for name in lines[0] if name not in ABOUT_THE_RUN and name not in spread]
    rows = [f"| {' | '.join(names)} |", f"|{'--:|' * len(names)}"]
    return rows + [f"| {' | '.join(told(line.get(name)) for name in names)} |" for line in lines]


def told(figure: object) -> str:
    """A figure as one reads it: thousands apart.

    >>> told(12345), told(0.25), told(True), told(None)
    ('12 345', '0.25', 'yes', '')
    """
    if isinstance(figure, bool):
        return "yes" if figure else "no"
    if isinstance(figure, int):
        return f"{figure:,}".replace(",", " ")
    return "" if figure is None else str(figure)
