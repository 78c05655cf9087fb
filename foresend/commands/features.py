"""`foresend features USER`: what is known of a person, as the gateway tells it."""

import asyncio
import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic, time_ns
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from rich.console import Console
from rich.table import Table

from connectors.http.client import HttpClient, Reply
from schemas.errors import ConfigError, TransientError

DEFAULT_URL = "http://127.0.0.1:8090"
HTTP_PORT = 80
COUNTED = frozenset({"reactions"})
"""Features of many keys that are numbers, not parts of a whole."""
WAIT_S = 3.0
AGAIN_S = 0.25
FRESH_MS = 60_000
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


class NotTold(TransientError):
    """The gateway did not tell what was asked; its message says why."""


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("features", help="what is known of a person, and how old it is")
    parser.add_argument("user", metavar="USER", help="the person's id")
    parser.add_argument("--url", default=DEFAULT_URL, help="the gateway (default: %(default)s)")
    parser.add_argument("--key", default="", help="the gateway's API key, where it has one")
    parser.add_argument(
        "--wait", type=float, default=WAIT_S, help="seconds that fresher ones are waited for (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each feature")
    return parser


def run(arguments: Namespace) -> int:
    """Ask and print; 1 where nobody knows the person."""
    told = asyncio.run(_ask(arguments.url, arguments.user, arguments.key, arguments.wait))
    if arguments.json:
        for feature in told["features"]:
            sys.stdout.write(json.dumps({"user": told["user"], **feature}) + "\n")
    else:
        _print(told)
    return 0


async def _ask(url: str, user: str, key: str, wait_s: float) -> dict[str, Any]:
    """What a gateway tells. The first question may be what has a person told anew: so it is asked once more."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigError(f"--url: expected an address as {DEFAULT_URL}, got {url!r}")
    headers = [("authorization", f"Bearer {key}")] if key else []
    async with HttpClient(parts.hostname, parts.port or HTTP_PORT) as client:
        path, deadline = f"/v1/users/{quote(user, safe='')}/features", monotonic() + wait_s
        while True:
            reply = await client.request("GET", path, headers=headers)
            if _is_fresh(reply) or monotonic() > deadline:
                return _told(reply)
            await asyncio.sleep(AGAIN_S)


def _is_fresh(reply: Reply) -> bool:
    """Whether another answer need not be waited for."""
    if reply.status != HTTPStatus.OK:
        return reply.status != HTTPStatus.NOT_FOUND
    return time_ns() // 1_000_000 - _millis(_told(reply)["at"]) < FRESH_MS


def _millis(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1000)


def _told(reply: Reply) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(reply.body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise NotTold(f"expected JSON from a gateway, got something else (HTTP {reply.status})") from None
    if reply.status != HTTPStatus.OK:
        raise NotTold(f"{found.get('detail', 'refused')} (HTTP {reply.status})")
    return found


def _print(told: dict[str, Any]) -> None:
    table = Table("feature", "value", "age", box=None)
    for feature in told["features"]:
        table.add_row(feature["name"], _value(feature["name"], feature["value"]), _age(feature["age_s"]))
    Console(highlight=False).print(table)


def _value(name: str, value: float | dict[str, float]) -> str:
    if isinstance(value, dict) and name in COUNTED:
        return ", ".join(f"{key} {count:.0f}" for key, count in value.items())
    if isinstance(value, dict):
        return ", ".join(f"{key} {share:.0%}" for key, share in value.items())
    if name.endswith("_ms") and value:
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(" ", "seconds")
    return f"{value:.0f}" if value == int(value) else f"{value:.3f}"


def _age(seconds: float | None) -> str:
    """How long ago, in the largest unit that fits.

    >>> _age(7200.0), _age(None)
    ('2 h', 'never')
    """
    if seconds is None:
        return "never"
    for unit_s, name in UNITS:
        if seconds >= unit_s:
            return f"{seconds / unit_s:.0f} {name}"
    return f"{seconds:.0f} s"
