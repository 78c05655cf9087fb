"""`python -m foresend.local …`: the same actions as `foresend local …`, for the Makefile."""

import sys
from argparse import ArgumentParser

from foresend.local import command
from schemas.errors import PersonalizationError

if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m foresend.local")
    command.add_parser(parser.add_subparsers(required=True))
    try:
        sys.exit(command.run(parser.parse_args(["local", *sys.argv[1:]])))
    except PersonalizationError as error:
        sys.exit(f"foresend: {error}")
    except KeyboardInterrupt:
        sys.exit("foresend: interrupted; nothing was left running")
