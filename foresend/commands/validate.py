"""`foresend validate`: everything that is wrong with a workspace, at once, each with a way to mend it."""

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from foresend.settings.workspace import add_workspace_argument, workspace_folder
from templates.problems import Problem, Severity
from templates.validation import validate

COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("validate", help="check a workspace: all problems at once")
    add_workspace_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object for each problem")
    return parser


def run(arguments: Namespace) -> int:
    """Check; 0 where the workspace is fit for release, 1 where it has errors. Warnings do not count."""
    folder = workspace_folder(arguments)
    problems = validate(folder)
    if arguments.json:
        for problem in problems:
            sys.stdout.write(msgspec.json.encode(problem).decode() + "\n")
    else:
        _tell(folder, problems)
    return int(any(problem.severity is Severity.ERROR for problem in problems))


def _tell(folder: Path, problems: list[Problem]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for problem in problems:
        console.print(
            Text.assemble(
                (f"{folder / problem.file}:{problem.line}:{problem.column}", "bold"),
                ": ",
                (problem.severity.value, COLOURS[problem.severity]),
                f": {problem.message}\n    {problem.mend}",
            )
        )
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    warnings = len(problems) - errors
    console.print(Text(f"{folder}: {_counted(errors, 'error')}, {_counted(warnings, 'warning')}"))


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
