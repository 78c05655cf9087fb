"""`foresend agents classify`: who the agents on standard input say they are."""

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from online_models.agents import AgentVerdict, classify


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("agents", help="tell programs from people by their agents")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    action = actions.add_parser("classify", help="agents on standard input, one a line")
    action.add_argument("--json", action="store_true", help="print one JSON object for each agent")
    return parser


def run(arguments: Namespace) -> int:
    """Classify each line; always 0."""
    verdicts = classified(sys.stdin.buffer)
    if arguments.json:
        for agent, verdict in verdicts:
            row = {"agent": agent, "machine": verdict.machine, "reason": verdict.reason}
            sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
    else:
        _tell(verdicts)
    return 0


def classified(lines: Iterable[bytes]) -> Iterator[tuple[str, AgentVerdict]]:
    """Each line without its end, and what it is. An empty line is an agent that says nothing."""
    for line in lines:
        agent = line.rstrip(b"\r\n").decode(errors="replace")
        yield agent, classify(agent)


def _tell(verdicts: Iterable[tuple[str, AgentVerdict]]) -> None:
    table = Table("who", "reason", "agent", box=None)
    counts: Counter[tuple[str, str]] = Counter()
    for agent, verdict in verdicts:
        who = "machine" if verdict.machine else "person"
        counts[who, verdict.reason] += 1
        table.add_row(who, verdict.reason, Text(agent, overflow="ellipsis", no_wrap=True))
    console = Console(highlight=False)
    console.print(table)
    for (who, reason), count in sorted(counts.items()):
        console.print(f"{count:>8} {who}: {reason}")
