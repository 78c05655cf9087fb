"""`foresend compile`: what a workspace's messages weigh and a release of it would hold. Nothing is published."""

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction

import msgspec
from rich.console import Console
from rich.table import Table

from foresend.compiling import CompiledLine, ReleaseLine, TemplateLine, VariantLine, compiled_lines
from foresend.settings.workspace import add_workspace_argument, workspace_folder
from foresend.telling_problems import tell_problems, write_problems
from templates.validation import check

EXIT_FAILED = 1


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("compile", help="sizes of a workspace's messages, and what a release would hold")
    add_workspace_argument(parser)
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object for each template, variant and problem, and the release",
    )
    return parser


def run(arguments: Namespace) -> int:
    """Check, compile and tell; 1 where errors forbid it."""
    folder = workspace_folder(arguments)
    workspace, problems = check(folder)
    if arguments.json:
        write_problems(problems)
    elif problems:
        tell_problems(folder, problems)
    if workspace is None:
        return EXIT_FAILED
    lines = list(compiled_lines(workspace))
    if arguments.json:
        for line in lines:
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    else:
        _tell(lines)
    return 0


def _tell(lines: list[CompiledLine]) -> None:
    console = Console(highlight=False)
    for line in lines:
        if isinstance(line, TemplateLine):
            console.print(_table(line, [one for one in lines if isinstance(one, VariantLine) and _is_of(one, line)]))
            console.print(
                f"{line.combinations:,} combinations before rules; the largest message has "
                f"{line.largest_html_bytes:,} bytes, with {', '.join(line.largest)}\n",
                soft_wrap=True,
            )
        elif isinstance(line, ReleaseLine):
            console.print(
                f"release {line.release} of workspace {line.workspace}: {line.release_bytes:,} bytes, of these "
                f"{line.dictionary_bytes:,} the dictionary and {line.pieces_bytes:,} pieces; "
                f"{line.templates} templates, {line.fallbacks} fallbacks; compiled in {line.seconds:.2f} s",
                soft_wrap=True,
            )


def _is_of(variant: VariantLine, template: TemplateLine) -> bool:
    return (variant.template, variant.locale) == (template.template, template.locale)


def _table(line: TemplateLine, variants: list[VariantLine]) -> Table:
    """What each variant changes, in bytes."""
    title = f"{line.template} in {line.locale}: {line.message_class} {line.makes}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("slot")
    table.add_column("variant", overflow="fold")
    table.add_column("bytes", justify="right", no_wrap=True)
    table.add_column("of text", justify="right", no_wrap=True)
    slot = ""
    for one in variants:
        table.add_row("" if one.slot == slot else one.slot, one.variant, f"{one.html_bytes:,}", f"{one.text_bytes:,}")
        slot = one.slot
    return table
