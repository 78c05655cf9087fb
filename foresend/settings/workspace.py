"""Which workspace a command is about: the same option, with the same default, for every command."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from templates.sources import SETTINGS_FILE
from templates.workspace import SAMPLE


def add_workspace_argument(parser: ArgumentParser) -> None:
    """`--workspace DIR`."""
    parser.add_argument(
        "--workspace",
        type=Path,
        metavar="DIR",
        help=f"the folder that holds {SETTINGS_FILE} (default: this folder if it does, else the shipped sample)",
    )


def workspace_folder(arguments: Namespace) -> Path:
    """The folder given, else this one if it is a workspace, else the shipped sample."""
    here = Path()
    given: Path | None = arguments.workspace
    return given or (here if (here / SETTINGS_FILE).is_file() else SAMPLE)
