"""`foresend events normalise`: payloads in files, as the collector would take them in."""

import os
import sys
import time
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from connectors.webhooks.mapping import providers
from foresend.normalising.files import Payload, payloads
from foresend.normalising.outcomes import ACCEPTED, REASONS, REFUSED, Refused, reduced_as_kept, told
from foresend.normalising.recognising import FORMATS, Looking, understand
from foresend.settings.installation import InstallationSettings
from foresend.settings.loading import load

DEMO_SECRET = b"only for looking: no installation has this secret"


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("events", help="look at payloads as the collector would take them in")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    normalise = actions.add_parser(
        "normalise",
        help="print the events that payloads stand for",
        description="Print the events that payloads stand for. Nothing is sent anywhere, and none is too old.",
        epilog=f"Reasons of refusal: {', '.join(REASONS)}.",
    )
    normalise.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="files of payloads, or folders of them")
    normalise.add_argument(
        "--provider", choices=[*providers(), *FORMATS], default="", help="what they are of (default: recognised)"
    )
    normalise.add_argument(
        "--whole", action="store_true", help="as they came, not reduced as by a workspace that keeps every trait it may"
    )
    normalise.add_argument("--json", action="store_true", help="print one JSON object for each payload")


def run(arguments: Namespace) -> int:
    """Look; 0 however many are refused, for that is what one looks for."""
    settings = load(InstallationSettings, "installation", environment=os.environ)
    secret = settings.secret_bytes or DEMO_SECRET
    looking = Looking(arguments.provider, time.time_ns() // 1_000_000, secret)
    counts: Counter[str] = Counter()
    for payload in payloads(arguments.paths):
        line = line_of(payload, looking, arguments.whole)
        counts[line["status"]] += 1
        sys.stdout.write((msgspec.json.encode(line).decode() if arguments.json else _words(line)) + "\n")
    print(f"{counts[ACCEPTED]} accepted, {counts[REFUSED]} refused", file=sys.stderr)
    return 0


def line_of(payload: Payload, looking: Looking, is_whole: bool = False) -> dict[str, Any]:
    """What became of one payload, with the keys that are printed."""
    line: dict[str, Any] = {"file": str(payload.file), "index": payload.index, "provider": "", "status": REFUSED}
    line |= {"events": [], "reason": ""}
    try:
        if payload.refused is not None:
            raise payload.refused
        found = understand(payload.value, looking)
    except Refused as refused:
        return line | {"reason": refused.reason.value, "detail": str(refused)}
    # What is made of a mail provider's event has nothing to be reduced.
    is_whole = is_whole or found.provider in providers()
    events = found.events if is_whole else [reduced_as_kept(event) for event in found.events]
    return line | {
        "provider": found.provider,
        "status": ACCEPTED,
        "events": [told(event) for event in events],
        "lost": msgspec.to_builtins(found.lost),
        "filled": found.filled,
    }


def _words(line: dict[str, Any]) -> str:
    where = f"{line['file']}:{line['index']}"
    if line["status"] == REFUSED:
        return f"{where}: refused: {line['reason']}: {line['detail']}"
    names = ", ".join(event.get("name") or event["type"] for event in line["events"]) or "tells of nobody"
    return f"{where}: {line['provider']}: {names}"
