"""`foresend validate`: everything that is wrong with a workspace, at once, each with a way to mend it."""

from argparse import ArgumentParser, Namespace, _SubParsersAction

from foresend.settings.workspace import add_workspace_argument, workspace_folder
from foresend.telling_problems import tell_problems, write_problems
from templates.problems import Severity
from templates.validation import validate


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
        write_problems(problems)
    else:
        tell_problems(folder, problems)
    return int(any(problem.severity is Severity.ERROR for problem in problems))
