"""Asks a node something, for commands: where it is, with what key, and what it said."""

import ssl
from argparse import ArgumentParser, Namespace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec

from connectors.http.client import HttpClient
from schemas.errors import ConfigError, TransientError

DEFAULT_URL = "http://127.0.0.1:8090"
PORTS = {"http": 80, "https": 443}


class NotTold(TransientError):
    """The node did not do what was asked; its message says why."""


def add_node_arguments(parser: ArgumentParser) -> None:
    """The options that say which node is asked."""
    parser.add_argument("--url", default=DEFAULT_URL, help="the gateway (default: %(default)s)")
    parser.add_argument("--key", default="", help="the gateway's API key, where it has one")


async def asked(arguments: Namespace, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
    """What a node answers.

    Raises:
        ConfigError: the address is none.
        NotTold: it refused, or said something else than JSON.
        HttpUnavailable: it cannot be reached.
    """
    parts = urlsplit(arguments.url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ConfigError(f"--url: expected an address as {DEFAULT_URL}, got {arguments.url!r}")
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    headers = [("content-type", "application/json")]
    headers += [("authorization", f"Bearer {arguments.key}")] if arguments.key else []
    async with HttpClient(parts.hostname, parts.port or PORTS[parts.scheme], tls=tls) as client:
        reply = await client.request(method, path, body, headers)
    try:
        found: dict[str, Any] = msgspec.json.decode(reply.body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise NotTold(f"expected JSON from a gateway, got something else (HTTP {reply.status})") from None
    if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotTold(f"{found.get('detail', 'refused')} (HTTP {reply.status})")
    return found
