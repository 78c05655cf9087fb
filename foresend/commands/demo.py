"""`foresend demo`: everything on this machine, with simulated people, on one screen."""

import json
import shutil
import textwrap
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path
from typing import Any

from foresend.demo.order import DEFAULT_FOLDER, PEOPLE, SEED, DemoOrder
from foresend.demo.run import run_demo
from foresend.demo.telling import Telling
from foresend.demo.words import in_words
from foresend.environments import require
from foresend.settings.workspace import add_workspace_argument, workspace_folder

WIDTH_MAX = 100


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("demo", help="see it live: all programs, simulated people, and what it is worth")
    parser.add_argument("--seconds", type=float, metavar="N", help="end by itself after so long (default: at Ctrl-C)")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--people", type=int, default=PEOPLE, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help="of all that is made up (default: 1)")
    parser.add_argument("--no-taste", action="store_true", help="people who like nothing better than anything else")
    parser.add_argument("--drift", action="store_true", help="all tastes turn at half time; needs --seconds")
    parser.add_argument("--chaos", action="store_true", help="kill the job's task manager on the way")
    add_workspace_argument(parser)
    parser.add_argument(
        "--folder", type=Path, default=DEFAULT_FOLDER, help="where it works; emptied first (default: %(default)s)"
    )


def run(arguments: Namespace) -> int:
    """Run it. 0: it ended as it was told to."""
    require("flink", "pyflink")
    order = DemoOrder(
        workspace=workspace_folder(arguments),
        folder=arguments.folder,
        seconds=arguments.seconds,
        people=arguments.people,
        seed=arguments.seed,
        taste=not arguments.no_taste,
        drift=arguments.drift,
        chaos=arguments.chaos,
    )

    def finished(figures: dict[str, Any]) -> None:
        width = shutil.get_terminal_size((WIDTH_MAX, 0)).columns
        words = [json.dumps(figures)] if arguments.json else _wrapped(in_words(figures), min(WIDTH_MAX, width))
        print("\n".join(words), flush=True)

    run_demo(order, Telling(plain=arguments.json), finished)
    return 0


def _wrapped(sentences: list[str], width: int) -> list[str]:
    return [line for sentence in sentences for line in textwrap.wrap(sentence, width)]
