"""`foresend cache`: copies of a cache node's folder, and whether what it holds is whole."""

import argparse
import json
from pathlib import Path

import msgspec

from connectors.cache import backups
from connectors.cache.checking import check
from foresend.verification import reading

DEFAULT_FOLDER = Path(".foresend/cache")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("cache", help="copy the cache of a node, restore a copy, or check every byte of one")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    backup = actions.add_parser("backup", help="copy the cache as it is at this moment, also of a node that serves")
    restore = actions.add_parser("restore", help="make a copy the cache of a node that does not run")
    verify = actions.add_parser("verify", help="read every row of a cache, or of a copy; 1 where one is damaged")
    backup.add_argument("copy", metavar="DIR", type=Path, help="where to: a folder that is not there yet")
    restore.add_argument("copy", metavar="DIR", type=Path, help="what `foresend cache backup` made")
    for action in (backup, restore, verify):
        action.add_argument(
            "--folder", type=Path, default=DEFAULT_FOLDER, help="the folder of the cache (default: %(default)s)"
        )
        action.add_argument("--json", action="store_true", help="print figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Do it; 1 where a cache is not whole."""
    if args.action == "verify":
        with reading(args.folder) as reader:
            found = check(reader)
        print(json.dumps(msgspec.to_builtins(found)) if args.json else _words(found.problems, found.rows))
        return 1 if found.problems else 0
    about = (backups.request if args.action == "backup" else backups.restore)(args.folder, args.copy)
    figures = msgspec.to_builtins(about)
    done = "copied to" if args.action == "backup" else "restored from"
    print(
        json.dumps(figures) if args.json else f"{done} {args.copy}: {about.entries} entries, {about.entry_bytes} bytes"
    )
    return 0


def _words(problems: tuple[str, ...], rows: dict[str, int]) -> str:
    counts = ", ".join(f"{count} {family}" for family, count in rows.items() if count)
    return "\n".join(["NOT whole", *problems]) if problems else f"whole: {counts or 'nothing in it'}"
