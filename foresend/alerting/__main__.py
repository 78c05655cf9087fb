"""Record healthy minutes for the tests of alerts, or ask those that were recorded about alerts that have changed."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from foresend.alerting.healthy import retell, write_recorded
from foresend.alerting.recording import record
from foresend.alerting.rules import HEALTHY, alerts, rules
from schemas.errors import PersonalizationError

DEFAULT_FOLDER = Path(".foresend/recording")
PEOPLE = 300


def main(arguments: list[str]) -> int:
    """Do what is asked; 1: it could not be done."""
    parser = ArgumentParser(prog="python -m foresend.alerting", description=__doc__)
    parser.add_argument("action", choices=["record", "retell"])
    parser.add_argument("--people", type=int, default=PEOPLE, metavar="N", help="of the demo (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="it works there (default: %(default)s)")
    asked = parser.parse_args(arguments)
    if asked.action == "retell":
        retell(HEALTHY, alerts())
        return 0
    metrics = {metric for rule in rules() for metric in rule.metrics}
    try:
        series = record(asked.folder, asked.people, metrics)
    except PersonalizationError as error:
        print(error, file=sys.stderr)
        return 1
    write_recorded(HEALTHY, series, alerts())
    print(f"{len(series)} series in {HEALTHY}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
