"""The front door: one command line for every program and tool."""

import argparse
import importlib
import sys
from types import ModuleType

from foresend.logs import start_logging
from schemas.errors import ConfigError, PersonalizationError

COMMANDS = {
    "demo": "foresend.commands.demo",
    "doctor": "foresend.commands.doctor",
    "bench": "foresend.commands.bench",
    "collect": "foresend.commands.collect",
    "job": "foresend.commands.job",
    "serve": "foresend.commands.serve",
    "inbound": "foresend.commands.inbound",
    "deliver": "foresend.commands.deliver",
    "campaign": "foresend.commands.campaign",
    "send": "foresend.commands.send",
    "sends": "foresend.commands.sends",
    "keys": "foresend.commands.keys",
    "init": "foresend.commands.init",
    "validate": "foresend.commands.validate",
    "compile": "foresend.commands.compile",
    "preview": "foresend.commands.preview",
    "release": "foresend.commands.release",
    "template": "foresend.commands.template",
    "models": "foresend.commands.models",
    "train": "foresend.commands.train",
    "features": "foresend.commands.features",
    "explain": "foresend.commands.explain",
    "contacts": "foresend.commands.contacts",
    "catalogue": "foresend.commands.catalogue",
    "evaluate": "foresend.commands.evaluate",
    "replay": "foresend.commands.replay",
    "verify": "foresend.commands.verify",
    "cache": "foresend.commands.cache",
    "agents": "foresend.commands.agents",
    "events": "foresend.commands.events",
    "erase": "foresend.commands.erase",
    "export": "foresend.commands.export",
    "size": "foresend.commands.size",
    "local": "foresend.local.command",
}
"""Each command's module, imported only when the command is called: it has `add_parser` and `run`."""
EXIT_FAILED = 1
EXIT_WRONG_USE = 2


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns 0 done, 1 a check failed, 2 wrong use.

    Figures go to standard output, everything else to standard error.
    """
    arguments = sys.argv[1:] if argv is None else argv
    parser, modules = _parser(arguments)
    parsed = parser.parse_args(arguments)
    try:
        start_logging(program=parsed.command)
        code: int = modules[parsed.command].run(parsed)
    except ConfigError as error:
        for problem in error.problems:
            print(f"foresend: {problem}", file=sys.stderr)
        return EXIT_WRONG_USE
    except PersonalizationError as error:
        print(f"foresend: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 130
    return code


def _parser(arguments: list[str]) -> tuple[argparse.ArgumentParser, dict[str, ModuleType]]:
    """The parser of the command that was called; of all of them where none was."""
    parser = argparse.ArgumentParser(prog="foresend", description="Composes personal messages before they are sent.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    called = [name for name in COMMANDS if arguments[:1] == [name]] or list(COMMANDS)
    modules = {name: importlib.import_module(COMMANDS[name]) for name in called}
    for module in modules.values():
        module.add_parser(subparsers)
    return parser, modules


if __name__ == "__main__":
    sys.exit(main())
