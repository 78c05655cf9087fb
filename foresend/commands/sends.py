"""`foresend sends USER`: what was decided of a person's sends, and what came of each."""

import asyncio
import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from foresend.node_asking import add_node_arguments, asked

NOTHING = "nothing was asked to be sent to this person"


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("sends", help="what was sent to a person, what was not, and why")
    parser.add_argument("user", metavar="USER", help="the person's id")
    add_node_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object for each send")
    return parser


def run(arguments: Namespace) -> int:
    """Ask and print, what was asked for last first."""
    path = f"/v1/users/{quote(arguments.user, safe='')}/sends"
    told = asyncio.run(asked(arguments, "GET", path))
    if arguments.json:
        for send in told["sends"]:
            sys.stdout.write(json.dumps({"user": told["user"], **send}) + "\n")
    elif told["sends"]:
        _print(told["sends"])
    else:
        sys.stdout.write(f"{NOTHING}\n")
    return 0


def _print(sends: list[dict[str, Any]]) -> None:
    table = Table("asked for", "template", "what became of it", "when", "send", box=None)
    for send in sends:
        when = send["ended_ms"] or send["granted_ms"] or send["due_ms"]
        table.add_row(_time(send["asked_ms"]), send["template"], outcome(send), _time(when), send["send_id"])
    Console(highlight=False).print(table)


def outcome(send: dict[str, Any]) -> str:
    """What became of a send, in words.

    >>> outcome({"state": "skipped", "reason": "suppressed", "detail": "unsubscribed", "fallback": "", "status": ""})
    'skipped: unsubscribed'
    >>> outcome({"state": "sent", "reason": "", "detail": "", "fallback": "missing", "status": "250"})
    'sent, default content (missing)'
    """
    why = (send["detail"] or send["reason"]).replace("_", " ")
    if send["reason"] == "cap":
        why = f"cap of {why}"
    if send["state"] in ("bounced", "failed") and send["status"]:
        why = f"{why} {send['status']}".strip()
    told = f"{send['state']}: {why}" if why else str(send["state"])
    is_default = send["state"] in ("sent", "granted", "ambiguous") and send["fallback"]
    return f"{told}, default content ({send['fallback']})" if is_default else told


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(" ", "seconds").removesuffix("+00:00")
