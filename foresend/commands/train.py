"""`foresend train`: train parts of the score on the log, judge them, and publish what is not worse."""

import json
import logging
import os
import re
import signal
import sys
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from connectors.kafka.topics import ensure_topics
from foresend.environments import require
from foresend.settings.installation import InstallationSettings, secret_of
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from foresend.settings.loading import load as load_settings
from foresend.settings.workspace import add_workspace_argument, workspace_folder
from schemas import topics
from schemas.errors import BrokerUnavailable
from schemas.models import PartKind

ALL = "all"
LOOPBACK = "127.0.0.1"
OUTPUT = Path(".foresend") / "train"
SEED_MAX = 1 << 31
_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_log = logging.getLogger(__name__)


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("train", help="train the trained parts on the log; publish what is not worse")
    parser.add_argument(
        "--part", choices=[ALL, *PartKind], default=ALL, help="which part is trained (default: %(default)s)"
    )
    parser.add_argument("--every", type=duration_s, metavar="DURATION", help="again and again, such as 1h or 30m")
    parser.add_argument(
        "--metrics-port", type=int, metavar="PORT", help="with --every: answer /metrics there (default: nowhere)"
    )
    parser.add_argument(
        "--metrics-host", default=LOOPBACK, metavar="HOST", help="and on this address (default: %(default)s)"
    )
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="the same log and seed: the same arrays")
    parser.add_argument("--source", default=topics.EVENTS.name, help="topic of events (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=OUTPUT, metavar="DIR", help="model cards and checkpoints (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print each training as one JSON object")
    add_workspace_argument(parser)
    add_kafka_arguments(parser)


def run(arguments: Namespace) -> int:
    """Train once; with `--every` until it is asked to stop."""
    require("train", "keras")
    # What follows needs the libraries of that environment.
    from foresend.training.meters import TrainingMeters  # noqa: PLC0415
    from foresend.training.reading import Log, read_training  # noqa: PLC0415
    from foresend.training.runs import Training  # noqa: PLC0415
    from templates.workspace import load  # noqa: PLC0415

    kafka, workspace = kafka_settings(arguments), load(workspace_folder(arguments))
    ensure_topics(kafka)
    installation = load_settings(InstallationSettings, "installation", environment=os.environ, file=arguments.settings)
    secret = secret_of(installation)
    kinds = [*PartKind] if arguments.part == ALL else [PartKind(arguments.part)]
    training = Training(kafka, workspace.id, arguments.seed, arguments.output / workspace.id, kinds)

    meters = TrainingMeters(workspace.id)

    def read() -> Log:
        return read_training(kafka, arguments.source, workspace.id, workspace.settings, secret)

    def once() -> None:
        results = 0
        for result in training.once(read):
            _tell(result.figures(), as_json=arguments.json)
            meters.trained(PartKind(result.part.kind), result.part.standing, result.seconds)
            results += 1
        meters.ended(results)
        if not results:
            _log.warning("workspace %s: no examples to train on yet", workspace.id)

    if arguments.every is None:
        once()
        return 0
    if arguments.metrics_port is not None:
        meters.serve(arguments.metrics_host, arguments.metrics_port)
    _again(once, arguments.every, meters.failed)
    return 0


def _tell(figures: Mapping[str, Any], *, as_json: bool) -> None:
    words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items() if value != "")
    print(json.dumps(figures) if as_json else words)
    sys.stdout.flush()


def _again(once: Callable[[], None], every_s: float, failed: Callable[[], None]) -> None:
    """Train whenever the time has come, until a signal says stop; a broker that is away is tried again."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    due = time.monotonic()
    while not stop.is_set():
        try:
            once()
        except BrokerUnavailable as error:
            failed()
            _log.warning("not trained: %s", error)
        due = max(due + every_s, time.monotonic())
        stop.wait(due - time.monotonic())


def duration_s(text: str) -> float:
    """Seconds of a duration: a number and one of s, m, h, d.

    Raises:
        ArgumentTypeError: it is none, or nothing.

    >>> duration_s("90s"), duration_s("1.5h")
    (90.0, 5400.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None or not float(found[1]):
        raise ArgumentTypeError(f"expected a duration such as 30m or 1h, got {text!r}")
    return float(found[1]) * _UNITS[found[2]]


def _seed(text: str) -> int:
    if not text.isdigit() or int(text) >= SEED_MAX:
        raise ArgumentTypeError(f"expected a whole number from 0 to {SEED_MAX - 1}, got {text!r}")
    return int(text)
