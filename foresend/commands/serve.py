"""`foresend serve`: cache node and gateway in one process."""

import argparse
import os
from pathlib import Path

from foresend.serving import serve
from foresend.settings.kafka import add_kafka_arguments
from foresend.settings.loading import load
from foresend.settings.serve import SECTION, ServeSettings


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("serve", help="answer reads from the cache, and keep the cache up to date")
    add_kafka_arguments(parser)
    parser.add_argument("--folder", type=Path, help="the folder of the cache (default: .foresend/cache)")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on; 0: any free one (default: 8090)")
    parser.add_argument("--workspace-id", help="the workspace to read where there are no keys")
    parser.add_argument("--public-url", help="where receivers of messages reach this gateway")


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    given = {
        "kafka.bootstrap": args.bootstrap,
        "folder": args.folder,
        "host": args.host,
        "port": args.port,
        "workspace_id": args.workspace_id,
        "public_url": args.public_url,
    }
    serve(load(ServeSettings, SECTION, environment=os.environ, file=args.settings, given=given))
    return 0
