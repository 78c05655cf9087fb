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
    parser.add_argument("--cache-bytes", type=int, help="limit of all entries in bytes; 0: none (default: 0)")
    parser.add_argument("--workspace-id", help="the workspace to read where there are no keys")
    parser.add_argument("--public-url", help="where receivers of messages reach this gateway")
    parser.add_argument(
        "--renew-active-days", type=int, help="only persons read lately or here within so many days (default: 30)"
    )
    parser.add_argument(
        "--renew-per-s", type=float, help="after a release, persons asked for anew in a second (default: 100; 0: none)"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    given = {
        "kafka.bootstrap": args.bootstrap,
        "folder": args.folder,
        "host": args.host,
        "port": args.port,
        "cache_bytes": args.cache_bytes,
        "workspace_id": args.workspace_id,
        "public_url": args.public_url,
        "renew_per_s": args.renew_per_s,
        "renew_active_days": args.renew_active_days,
    }
    serve(load(ServeSettings, SECTION, environment=os.environ, file=args.settings, given=given))
    return 0
