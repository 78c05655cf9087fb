"""`foresend send TEMPLATE USER`: has one message sent to one person."""

import asyncio
import json
import secrets
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from datetime import datetime

from foresend.node_asking import add_node_arguments, asked
from schemas.errors import ConfigError


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("send", help="have a message sent to a person")
    parser.add_argument("template", metavar="TEMPLATE", help="the template's name")
    parser.add_argument("user", metavar="USER", help="the person's id")
    parser.add_argument("--send-id", default="", help="asks once, however often it is told (default: a new one)")
    parser.add_argument("--at", default="", metavar="TIME", help="not before, as 2026-12-24T18:00:00Z (default: now)")
    parser.add_argument("--until", default="", metavar="TIME", help="not after (default: a day after it may begin)")
    add_node_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def run(arguments: Namespace) -> int:
    """Ask, and print where it stands."""
    body = {"template": arguments.template, "user": arguments.user, "send_id": _send_id(arguments.send_id)}
    times = {"at_ms": _millis("--at", arguments.at), "until_ms": _millis("--until", arguments.until)}
    told = asyncio.run(asked(arguments, "POST", "/v1/send", json.dumps(body | times).encode()))
    if arguments.json:
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write(
            f"{told['send_id']}: {told['state']}; foresend sends {arguments.user} tells what becomes of it\n"
        )
    return 0


def _send_id(given: str) -> str:
    """One of our own where none is given: so a request that is repeated on its way asks once."""
    return given or f"c-{secrets.token_hex(16)}"


def _millis(option: str, text: str) -> int:
    if not text:
        return 0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ConfigError(f"{option}: expected a time with its zone, as 2026-12-24T18:00:00Z, got {text!r}")
    return int(found.timestamp() * 1000)
