"""`foresend size --users N --events-per-day M`: how large an installation must be."""

import json
from argparse import ArgumentParser, Namespace, _SubParsersAction
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from foresend.sizing import CONSTANTS, Constant, Load, Size, size_of
from schemas.topics import PARTITIONS

WORDS = {
    "task_managers": "of the job, one slot each",
    "collectors": "two at least: one may fail",
    "cache_nodes": "of foresend serve; each partition is on two",
    "brokers": "of Kafka",
    "cores": "of all of these together, in the busiest hour",
    "state_bytes": "of the job, over all task managers",
    "cache_bytes": "on the disks of all nodes together",
    "partitions": "of topics keyed by user: fixed for life",
    "kafka_bytes_per_day": "written, before replicas",
    "kafka_disk_bytes": "kept by all brokers together",
}
THOUSAND = 1000


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("size", help="how large an installation must be, from what was measured")
    parser.add_argument("--users", type=int, required=True, metavar="N", help="persons that are known")
    parser.add_argument("--events-per-day", type=int, required=True, metavar="M", help="events of all kinds")
    parser.add_argument(
        "--templates", type=int, default=Load.templates, help="templates with messages ready (default: %(default)s)"
    )
    parser.add_argument(
        "--peak", type=float, default=Load.peak, help="the busiest hour over the day's mean (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, constants included")


def run(arguments: Namespace) -> int:
    """Count and print; wrong use is told by `ConfigError`."""
    load = Load(arguments.users, arguments.events_per_day, arguments.templates, arguments.peak)
    size = size_of(load)
    if arguments.json:
        print(json.dumps(asdict(size) | {"constants": [asdict(one) for one in CONSTANTS]}))
    else:
        _print(size)
    return 0


def _print(size: Size) -> None:
    sizes = Table(box=None, show_header=False)
    for name, value in asdict(size).items():
        told = _bytes(value) if "bytes" in name else str(value)
        sizes.add_row(name.replace("_bytes", "").replace("_", " "), told, WORDS[name])
    constants = Table(box=None, title="counted with", title_justify="left")
    for column in ("constant", "value", "from"):
        constants.add_column(column)
    for one in CONSTANTS:
        constants.add_row(one.name, f"{one.value:,.15g} {one.unit}", _source(one))
    console = Console()
    console.print(sizes)
    if size.partitions != PARTITIONS:
        console.print(
            f"Set PARTITIONS in schemas/topics.py to {size.partitions} before the first event; it is {PARTITIONS}."
        )
    console.print(constants)


def _source(constant: Constant) -> str:
    return f"bench {constant.bench}: {constant.figure}" if constant.bench else "chosen"


def _bytes(number: float) -> str:
    """Bytes in words, by thousands.

    >>> _bytes(999), _bytes(1_500_000)
    ('999 B', '1.5 MB')
    """
    units = iter(("B", "KB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while number >= THOUSAND and unit != "PB":
        number, unit = number / THOUSAND, next(units)
    return f"{number:.4g} {unit}"
