"""`foresend evaluate`: judge the engine on logged decisions."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from connectors.mappings.loading import load_mapping
from foresend.environments import require
from schemas.errors import ConfigError

PARTS = ("prior", "content", "collaborative", "sequence", "stack", "calibration")


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("evaluate", help="judge the engine on logged decisions")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    progressive = actions.add_parser("progressive", help="predict, then learn: AUC, log loss, calibration")
    progressive.add_argument(
        "--ablate", action="append", choices=PARTS, default=[], metavar="PART", help="leave a part out; may be repeated"
    )
    ablation = actions.add_parser("ablation", help="what each part is worth: with it and without it, paired")
    ablation.add_argument(
        "--part", action="append", choices=PARTS, default=[], metavar="PART", help="this one; may be repeated"
    )
    actions.add_parser("ranking", help="where the true next item ranks among others")
    policy = actions.add_parser("policy", help="what choosing by the engine would have earned")
    policy.add_argument("--halves", type=int, default=0, metavar="N", help="judge on N random halves instead")
    for action in actions.choices.values():
        action.add_argument("--data", type=Path, required=True, metavar="DIR", help="a folder with the mapping's files")
        action.add_argument("--mapping", type=Path, required=True, metavar="FILE", help="with a section `evaluation`")
        action.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(arguments: Namespace) -> int:
    """Judge, and print what was found."""
    if not arguments.data.is_dir():
        raise ConfigError(f"--data {arguments.data}: expected a folder, found none")
    for figures in _figures(arguments):
        if arguments.json:
            print(msgspec.json.encode(figures).decode(), flush=True)
        else:
            print("\n".join(f"{name:>16}  {_shown(value)}" for name, value in _told(figures).items()) + "\n")
    return 0


def _figures(arguments: Namespace) -> Iterable[Any]:
    """The figures of an action. Each imports what it needs: the engine takes a second to load."""
    mapping = load_mapping(arguments.mapping)
    trained = mapping.evaluation.train.parts if mapping.evaluation and mapping.evaluation.train else ()
    if arguments.action == "ablation":
        arguments.ablate = []
    if arguments.action in {"progressive", "ablation"} and set(trained) & {"sequence"} - set(arguments.ablate):
        require("train", "keras")
    with _progress() as progress:
        task = progress.add_task(arguments.action, total=None)

        def told(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        if arguments.action == "progressive":
            from foresend.evaluate.progressive import evaluate_progressive  # noqa: PLC0415

            yield evaluate_progressive(arguments.data, mapping, frozenset(arguments.ablate), told)
        elif arguments.action == "ablation":
            from foresend.evaluate.ablation import evaluate_ablation  # noqa: PLC0415

            yield from evaluate_ablation(arguments.data, mapping, arguments.part, told)
        elif arguments.action == "ranking":
            from foresend.evaluate.ranking import evaluate_ranking  # noqa: PLC0415

            yield evaluate_ranking(arguments.data, mapping, told)
        else:
            from foresend.evaluate.policy import run as evaluate_policy  # noqa: PLC0415

            yield from evaluate_policy(arguments.data, arguments.mapping, arguments.halves)


def _progress() -> Progress:
    """On standard error, so that standard output holds figures alone."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _told(figures: Any) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(figures)
    return told


def _shown(value: Any) -> str:
    return "–" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)
