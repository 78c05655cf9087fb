"""`foresend erase`: forget a person, and say in writing what was found where."""

import json
import os
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from time import time_ns

from foresend.erasing import Certificate, Installation, erase, reapply
from foresend.jobs import group_of
from foresend.settings.installation import InstallationSettings, secret_of
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from foresend.settings.loading import load
from schemas import topics
from schemas.errors import ConfigError
from schemas.ids import UserId, WorkspaceId

WAIT_S = 60.0
"""A checkpoint is made every 10 s."""


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("erase", help="forget a person everywhere")
    parser.add_argument("user", nargs="?", metavar="USER", help="the person's id")
    parser.add_argument("--workspace-id", default="sample", help="whose person it is (default: %(default)s)")
    parser.add_argument("--certificate", action="store_true", help="print what was found where, to be kept")
    parser.add_argument("--reapply", action="store_true", help="after a restore: ask again for everybody on the list")
    parser.add_argument("--wait", type=float, default=WAIT_S, metavar="S", help="how long the job may take")
    parser.add_argument("--source", default=topics.EVENTS.name, help="topic that the job reads (default: %(default)s)")
    parser.add_argument(
        "--gateway",
        default="",
        metavar="URL",
        help="the erasure holds at this gateway first; and it is asked what it still knows",
    )
    parser.add_argument("--key", default="", help="the gateway's API key, where it has one")
    parser.add_argument("--json", action="store_true", help="print the certificate as one JSON object")
    add_kafka_arguments(parser)


def run(args: Namespace) -> int:
    """Erase; 0 when nothing is left that does not age out by itself."""
    where = _installation(args)
    if args.reapply:
        print(f"asked again for {reapply(where, _now_ms)} erasures", file=sys.stderr)
        return 0
    if not args.user:
        raise ConfigError("erase: expected a USER, or --reapply")
    certificate = erase(where, WorkspaceId(args.workspace_id), UserId(args.user), wait_s=args.wait, clock_ms=_now_ms)
    if args.json:
        print(json.dumps(certificate.as_json()))
    else:
        _print(certificate, whole=args.certificate)
    return 0 if certificate.complete else 1


def _installation(args: Namespace) -> Installation:
    settings = load(InstallationSettings, "installation", environment=os.environ, file=args.settings)
    is_live = args.source == topics.EVENTS.name
    return Installation(
        kafka=kafka_settings(args),
        secret=secret_of(settings),
        job_group=group_of(args.source),
        source=topics.EVENTS if is_live else topics.replay_topic(args.source),
        gateway=args.gateway,
        api_key=args.key,
    )


def _print(certificate: Certificate, *, whole: bool) -> None:
    verdict = "erased" if certificate.complete else "NOT complete: the job has not said that it knows; do it again"
    print(f"{verdict}; known from now on as {certificate.user_hmac[:16]}… only")
    if whole:
        for place in certificate.places:
            found = "not looked" if place.found is None else f"{place.found} found"
            print(f"  {place.name}: {found}" + (f", gone by {place.due_by}" if place.due_by else ""))


def _now_ms() -> int:
    return time_ns() // 1_000_000
