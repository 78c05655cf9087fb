"""`foresend export`: everything that is kept of a person, for the person (GDPR, Art. 15 and 20)."""

import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction

from foresend.exporting import export
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from schemas import topics
from schemas.ids import UserId, WorkspaceId


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("export", help="print everything that is kept of a person")
    parser.add_argument("user", metavar="USER", help="the person's id")
    parser.add_argument("--workspace-id", default="sample", help="whose person it is (default: %(default)s)")
    parser.add_argument("--source", default=topics.EVENTS.name, help="topic of events (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    add_kafka_arguments(parser)


def run(args: Namespace) -> int:
    """Print; 1 where nothing is kept."""
    is_live = args.source == topics.EVENTS.name
    source = topics.EVENTS if is_live else topics.replay_topic(args.source)
    found = export(kafka_settings(args), source, WorkspaceId(args.workspace_id), UserId(args.user))
    if not found:
        print("foresend: nothing is kept of this person", file=sys.stderr)
        return 1
    print(json.dumps(found, ensure_ascii=False, indent=None if args.json else 2))
    return 0
