"""`foresend job personalize`: the Flink job, in a mini-cluster of its own or on the local standalone cluster."""

import argparse
import importlib.util
import sys
from pathlib import Path

import msgspec

from connectors.kafka.settings import KafkaSettings
from foresend.environments import require
from foresend.local.flink_client import JobOrder
from foresend.local.flink_cluster import FlinkCluster
from foresend.local.mini_cluster import DEFAULT_FOLDER, MiniCluster
from foresend.processes import exit_on_sigterm
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from schemas import topics
from schemas.errors import ConfigError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("job", help="run the streaming job")
    parser.add_argument("name", choices=["personalize"], help="which job")
    parser.add_argument("--source", default=topics.EVENTS.name, help="topic to read (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="settings, logs, checkpoints")
    parser.add_argument("--cluster", type=Path, help="submit to the standalone cluster of this folder, and return")
    parser.add_argument("--parallelism", type=int, help="with --cluster: subtasks, at most one for each task manager")
    parser.add_argument("--from-savepoint", help="savepoint or kept checkpoint to go on from")
    add_kafka_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the job until it is stopped, or submit it."""
    require("flink", "pyflink")
    kafka = kafka_settings(args)
    order = job_order(kafka, args.source, args.cluster or args.folder, args.parallelism, args.from_savepoint)
    if args.cluster:
        job = FlinkCluster(args.cluster).submit(order)
        print(job)
        return 0
    exit_on_sigterm()
    with MiniCluster(args.folder) as mini:
        job = mini.run(order)
        print(f"job {job} runs; logs in {mini.log}", file=sys.stderr)
        while (code := mini.wait(timeout_s=1.0)) is None:
            pass
        return 1 if code else 0


def job_order(
    kafka: KafkaSettings,
    source: str,
    folder: Path,
    parallelism: int | None = None,
    savepoint: str | None = None,
) -> JobOrder:
    """What to hand to Flink's client: the job's file, and its settings in a file that only we can read."""
    settings = {"kafka": msgspec.to_builtins(kafka), "source": source, "group": group_of(source)}
    folder.mkdir(parents=True, exist_ok=True)
    settings_file = folder.resolve() / f"settings-{source}.json"
    settings_file.touch(mode=0o600)
    settings_file.write_bytes(msgspec.json.encode(settings))
    found = importlib.util.find_spec("flink_jobs.personalize.job")
    if found is None or found.origin is None:
        raise ConfigError("expected the package flink_jobs to be installed, found none; run `make setup`")
    return JobOrder(Path(found.origin), [str(settings_file)], parallelism, savepoint)


def group_of(source: str) -> str:
    """The consumer group under which the job commits how far it has come."""
    return f"foresend-personalize-{source}"
