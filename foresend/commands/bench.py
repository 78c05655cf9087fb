"""`foresend bench`: figures of this machine, and the page that holds them."""

import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from foresend.bench.benches import BENCHES, Bench
from foresend.bench.figures import Figure
from foresend.bench.machine import commit, machine
from foresend.bench.report import write_report
from foresend.bench.sizes import add_sizes, sizes_of
from foresend.bench.telling import Tell
from schemas.errors import ConfigError

DEFAULT_REPORT = Path("docs/benchmarks.md")


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command, and each bench under it."""
    parser = subparsers.add_parser("bench", help="measure this machine: hot path, freshness, gateway and more")
    actions = parser.add_subparsers(required=True, dest="bench", metavar="BENCH")
    for name, bench in BENCHES.items():
        one = actions.add_parser(name, help=bench.about, description=bench.about)
        one.add_argument("--json", action="store_true", help="print each line of figures as one JSON object")
        add_sizes(one, bench.sizes)
    every = actions.add_parser("all", help="run benches with their default sizes, and write the page of figures")
    every.add_argument("names", nargs="*", metavar="BENCH", help="which ones (default: all)")
    every.add_argument("--report", type=Path, default=DEFAULT_REPORT, metavar="FILE", help="(default: %(default)s)")


def run(arguments: Namespace) -> int:
    """Measure; 0 when everything was measured and agreed with itself."""
    if arguments.bench == "all":
        return write_report(arguments.report, _known(arguments.names), Tell())
    return _run(BENCHES[arguments.bench], arguments)


def _run(bench: Bench, arguments: Namespace) -> int:
    where: dict[str, object] = {"commit": commit(), "machine": machine()}
    for line in bench.lines(sizes_of(arguments, bench.sizes), Tell()):
        print(json.dumps({"bench": arguments.bench, **line, **where}) if arguments.json else _words(line))
        sys.stdout.flush()
    return 0


def _known(names: list[str]) -> list[str]:
    """The benches that are named; all where none is.

    Raises:
        ConfigError: there is no such bench.
    """
    strange = [name for name in names if name not in BENCHES]
    if strange:
        raise ConfigError(f"expected benches among {', '.join(BENCHES)}, got {', '.join(strange)}")
    return names or list(BENCHES)


def _words(line: dict[str, Figure]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in line.items())
