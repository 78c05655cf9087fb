"""Settings of Kafka for commands that need nothing else."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from connectors.kafka.settings import KafkaSettings
from foresend.settings.loading import load

SECTION = "kafka"


def add_kafka_arguments(parser: ArgumentParser) -> None:
    """`--bootstrap` and `--settings`, the same for every command."""
    parser.add_argument(
        "--bootstrap", metavar="HOST:PORT", help="where Kafka is; else FORESEND_KAFKA_BOOTSTRAP or the file"
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="TOML file with a table for each section")


def kafka_settings(arguments: Namespace) -> KafkaSettings:
    """How to reach Kafka, by the command line, the environment and the file.

    Raises:
        ConfigError: with every problem found.
    """
    given: dict[str, Any] = {"bootstrap": arguments.bootstrap}
    return load(KafkaSettings, SECTION, environment=os.environ, file=arguments.settings, given=given)
