"""Problems of a workspace as commands print them: for people with their mends, or a JSON object each."""

import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from templates.problems import Problem, Severity

COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}


def tell_problems(folder: Path, problems: list[Problem]) -> None:
    """Each with its place and its mend, and how many there are."""
    console = Console(highlight=False, soft_wrap=True)
    for problem in problems:
        rule = f" ({problem.rule})" if problem.rule else ""
        console.print(
            Text.assemble(
                (f"{folder / problem.file}:{problem.line}:{problem.column}", "bold"),
                ": ",
                (problem.severity.value, COLOURS[problem.severity]),
                f": {problem.message}{rule}\n    {problem.mend}",
            )
        )
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    console.print(Text(f"{folder}: {_counted(errors, 'error')}, {_counted(len(problems) - errors, 'warning')}"))


def write_problems(problems: list[Problem]) -> None:
    """One JSON object a line."""
    for problem in problems:
        sys.stdout.write(msgspec.json.encode(problem).decode() + "\n")


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
