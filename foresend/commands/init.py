"""`foresend init NAME`: a fresh workspace that is valid as it stands, to be changed bit by bit."""

import json
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from foresend.starting import start_workspace


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("init", help="write a fresh small workspace into a folder")
    parser.add_argument(
        "name", type=Path, metavar="NAME", help="the folder to make; its name becomes the workspace's id"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object with the files written")
    return parser


def run(arguments: Namespace) -> int:
    """Write it, and tell what to do next."""
    folder: Path = arguments.name
    files = start_workspace(folder)
    if arguments.json:
        print(json.dumps({"workspace": folder.name, "folder": str(folder), "files": [str(file) for file in files]}))
        return 0
    print(f"{folder}: a workspace with {len(files)} files. Begin with {files[0]}.")
    for command, what in (
        (f"foresend validate --workspace {folder}", "tells every mistake, and how to mend it"),
        (f"foresend preview --workspace {folder} --open", "shows what made-up people would get"),
        (f"foresend template import my.html --into {folder}", "makes a template of an e-mail you have"),
        (f"make demo WORKSPACE={folder}", "runs it live, with simulated people"),
    ):
        print(f"  {command}\n      {what}")
    return 0
