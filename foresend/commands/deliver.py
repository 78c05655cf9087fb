"""`foresend deliver`: sends what the nodes grant; and settles sends of which nobody knows whether they arrived."""

import asyncio
import json
import os
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from connectors.delivery.node_client import NodeClient
from foresend.delivering import clients_of, deliver
from foresend.settings.deliver import SECTION, DeliverSettings
from foresend.settings.loading import load
from schemas.errors import ConfigError
from schemas.sending import SendRecord

ALL = "all"
MARK_SENT, RESEND = "sent", "resend"


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("deliver", help="send what the nodes grant, by files, SMTP, an API or webhooks")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="TOML file with a table for each section")
    parser.add_argument("--gateway", action="append", metavar="URL", help="a node; repeat it for each of several")
    parser.add_argument("--folder", type=Path, help="where channel file writes (default: .foresend/mail)")
    parser.add_argument("--port", type=int, help="port of /metrics; 0: any free one (default: 8095)")
    parser.add_argument(
        "--ambiguous", action="store_true", help="list sends of which nobody knows whether they arrived, and end"
    )
    parser.add_argument("--json", action="store_true", help="with --ambiguous: one JSON object a line")
    settle = parser.add_mutually_exclusive_group()
    settle.add_argument("--mark-sent", metavar="ID", help="with --ambiguous: this send arrived; all: each of them did")
    settle.add_argument("--resend", metavar="ID", help="with --ambiguous: send this one once more; all: each of them")


def run(arguments: Namespace) -> int:
    """Deliver until told to stop, or settle ambiguous sends.

    Raises:
        ConfigError: the settings are wrong.
    """
    given = {
        "gateways": tuple(arguments.gateway) if arguments.gateway else None,
        "folder": arguments.folder,
        "port": arguments.port,
    }
    settings = load(DeliverSettings, SECTION, environment=os.environ, file=arguments.settings, given=given)
    if arguments.ambiguous:
        return asyncio.run(_settle(settings, arguments))
    if arguments.mark_sent or arguments.resend or arguments.json:
        raise ConfigError("expected --ambiguous beside --mark-sent, --resend and --json")
    deliver(settings)
    return 0


async def _settle(settings: DeliverSettings, arguments: Namespace) -> int:
    """List ambiguous sends, or settle them; 1 where the one that was named is none."""
    wanted = arguments.mark_sent or arguments.resend
    resolution = MARK_SENT if arguments.mark_sent else RESEND
    found = 0
    for client in clients_of(settings):
        try:
            found += await _settle_at(client, wanted, resolution, as_json=arguments.json)
        finally:
            client.close()
    if wanted:
        print(f"{found} settled as {resolution}", file=sys.stderr)
    return 1 if wanted and wanted != ALL and not found else 0


async def _settle_at(client: NodeClient, wanted: str | None, resolution: str, *, as_json: bool) -> int:
    """List, and settle, at one node; how many. It tells a part at a time: what is settled makes room for the rest."""
    found = 0
    seen: set[str] = set()
    while True:
        told = await client.ambiguous()
        records = [one for one in told if wanted in (None, ALL, one.send_id) and one.send_id not in seen]
        for record in records:
            print(json.dumps(_fields(record)) if as_json else _line(record))
        found += len(records)
        seen.update(one.send_id for one in records)
        if not wanted or not records:
            return found
        await client.resolve([one.send_id for one in records], resolution)


def _fields(record: SendRecord) -> dict[str, object]:
    return {
        "send_id": record.send_id,
        "user": record.user,
        "template": record.template,
        "class": record.message_class.value,
        "channel": record.channel,
        "campaign": record.campaign,
        "attempt": record.attempt,
        "granted_ms": record.granted_ms,
    }


def _line(record: SendRecord) -> str:
    return "  ".join(f"{name} {value}" for name, value in _fields(record).items() if value not in ("", 0))
