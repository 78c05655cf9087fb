"""`foresend inbound`: bounces, complaints and mails that unsubscribe, by LMTP or from files."""

import json
import logging
import os
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

from connectors.inbound.mail_files import mails_in
from foresend.inbound_mail import look_at_files, serve_inbound, take_files
from foresend.settings.inbound import SECTION, InboundSettings
from foresend.settings.kafka import add_kafka_arguments
from foresend.settings.loading import load
from schemas.errors import ConfigError


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("inbound", help="take in bounces, complaints and mails that unsubscribe")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a mail, an mbox, a Maildir or a folder")
    parser.add_argument("--host", help="address of LMTP (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port of LMTP; 0: any free one (default: 8024)")
    parser.add_argument("--workspace-id", help="whose mails are that come to no domain of a workspace's own")
    parser.add_argument("--gateway", metavar="URL", help="a node, asked before an unsubscription is acknowledged")
    parser.add_argument("--dry-run", action="store_true", help="with files: only tell what they are; needs no Kafka")
    parser.add_argument("--json", action="store_true", help="with files: print the figures as one JSON object")
    add_kafka_arguments(parser)


def run(arguments: Namespace) -> int:
    """Take mails in; of files 1 where some were of no use.

    Raises:
        ConfigError: the settings are wrong, or a file cannot be read.
    """
    given = {
        "kafka.bootstrap": arguments.bootstrap or ("127.0.0.1:1" if arguments.dry_run else None),
        "host": arguments.host,
        "port": arguments.port,
        "workspace_id": arguments.workspace_id,
        "gateway": arguments.gateway,
    }
    settings = load(InboundSettings, SECTION, environment=os.environ, file=arguments.settings, given=given)
    # Kafka's and asyncio's own words never quote a mail; nothing else logs here but what this program says.
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)
    if not arguments.files:
        if arguments.dry_run or arguments.json:
            raise ConfigError("inbound: expected files beside --dry-run and --json")
        serve_inbound(settings)
        return 0
    mails = _mails(arguments.files)
    figures = look_at_files(settings, mails) if arguments.dry_run else take_files(settings, mails)
    found = figures.as_json()
    words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.items())
    print(json.dumps(found) if arguments.json else words)
    return 1 if figures.refused else 0


def _mails(files: list[Path]) -> Iterator[bytes]:
    for file in files:
        yield from mails_in(file)
