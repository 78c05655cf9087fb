"""`foresend keys new`: a key of the gateway's API, and what the settings say of it."""

import json
import re
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction

from connectors.gateway.keys import grant_of, new_key
from connectors.gateway.routing import Right
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId

_WORKSPACE = re.compile(r"[^\s,:+\"]+")


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("keys", help="make a key of the gateway's API")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="print a new key, once, and its line for the settings")
    new.add_argument("--workspace", required=True, help="whose key it is")
    rights = [right.value for right in Right]
    new.add_argument("--right", action="append", required=True, choices=rights, help="what it allows; more than once")
    new.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def run(arguments: Namespace) -> int:
    """Print a key and what the settings say of it. Nothing is stored.

    Raises:
        ConfigError: no workspace may have that name.
    """
    if not _WORKSPACE.fullmatch(arguments.workspace):
        raise ConfigError("--workspace: expected a name without spaces, commas, colons, quotes and plus signs")
    key = new_key()
    grant = grant_of(key, WorkspaceId(arguments.workspace), map(Right, arguments.right))
    if arguments.json:
        told = {"key": key, "workspace": grant.workspace, "rights": sorted(grant.rights), "setting": grant.line}
        sys.stdout.write(json.dumps(told) + "\n")
        return 0
    sys.stdout.write(f"{key}\n")
    sys.stderr.write(
        "This is the key; it is not shown again, and Foresend keeps no copy. For the settings of `foresend serve`:\n\n"
        f"  FORESEND_SERVE_KEYS={grant.line}\n\n"
        "(several with commas between them), or in the settings file:\n\n"
        f'  [serve.keys]\n  "{grant.digest}" = "{grant.line.partition(":")[2]}"\n'
    )
    return 0
