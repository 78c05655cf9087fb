"""`foresend verify`: the cache against the log."""

import argparse
import json
import sys
from pathlib import Path
from time import monotonic, sleep

from connectors.kafka.log_reader import log_ends
from connectors.kafka.settings import KafkaSettings
from flink_jobs.personalize.oracle import Oracle
from foresend.local import pipeline
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from foresend.verification import VerifyFigures, compare, fold_log, reading
from schemas import topics
from schemas.topics import PROFILES

SETTLE_S = 60.0
"""How long the cache may still be on its way to what the log says."""
AGAIN_S = 2.0


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("verify", help="compare the cache with a plain fold of the log")
    parser.add_argument("--against-log", action="store_true", required=True, help="fold the log and compare every user")
    parser.add_argument("--source", default=topics.EVENTS.name, help="the topic to fold (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path(".foresend/cache"), help="the folder of the cache")
    parser.add_argument("--local", action="store_true", help="what `foresend replay --local` left")
    parser.add_argument("--folder", type=Path, default=pipeline.DEFAULT_FOLDER, help="where --local left it")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    add_kafka_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Compare; 0 when the cache holds what it should and nothing else."""
    if args.local:
        with pipeline.left_behind(args.folder) as left:
            figures = verify(left.kafka, left.source, left.cache)
    else:
        kafka = kafka_settings(args)
        figures = verify(kafka, args.source, args.cache)
    print(json.dumps(figures.as_json()) if args.json else _words(figures))
    return 0 if figures.is_equal else 1


def verify(kafka: KafkaSettings, source: str, cache: Path) -> VerifyFigures:
    """Fold the log, then compare until equal or until nothing can be on its way any more."""
    folds_left = 1
    while True:
        print(f"folding topic {source} …", file=sys.stderr)
        ends = log_ends(kafka, source)
        figures = _settled(fold_log(kafka, source), cache)
        # Heartbeats let time go on, and what is due by them is told: a log that went on is folded once more.
        if figures.is_equal or ends == log_ends(kafka, source) or not folds_left:
            return figures
        folds_left -= 1


def _settled(oracle: Oracle, cache: Path) -> VerifyFigures:
    deadline = monotonic() + SETTLE_S
    with reading(cache) as reader:
        while True:
            reader.catch_up()
            figures = compare(
                oracle.communications,
                reader.entries(),
                oracle.told[PROFILES.name],
                reader.profiles(),
                reader.evicted(),
            )
            if figures.is_equal or monotonic() > deadline:
                return figures
            sleep(AGAIN_S)


def _words(figures: VerifyFigures) -> str:
    verdict = "equal" if figures.is_equal else "NOT equal"
    counts = ", ".join(f"{count} {name}" for name, count in figures.as_json().items())
    return f"{verdict}: {counts}"
