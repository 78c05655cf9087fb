"""`foresend job personalize`: the Flink job, in a mini-cluster of its own or on the local standalone cluster."""

import argparse
import os
import sys
from pathlib import Path

from foresend.environments import require
from foresend.jobs import job_order, write_settings
from foresend.local.flink_cluster import FlinkCluster
from foresend.local.mini_cluster import DEFAULT_FOLDER, MiniCluster
from foresend.processes import exit_on_sigterm
from foresend.settings.installation import InstallationSettings, secret_of
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from foresend.settings.loading import load
from schemas import topics


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("job", help="run the streaming job")
    parser.add_argument("name", choices=["personalize"], help="which job")
    parser.add_argument("--source", default=topics.EVENTS.name, help="topic to read (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="settings, logs, checkpoints")
    parser.add_argument("--cluster", type=Path, help="submit to the standalone cluster of this folder, and return")
    parser.add_argument("--parallelism", type=int, help="with --cluster: subtasks, at most one for each task manager")
    parser.add_argument("--from-savepoint", help="savepoint or kept checkpoint to go on from")
    parser.add_argument(
        "--settings-to", type=Path, metavar="FILE", help="write what the job must be told, for others that submit it"
    )
    parser.add_argument("--metrics-port", type=int, default=0, help="of /metrics without --cluster; 0: any free one")
    add_kafka_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the job until it is stopped, or submit it, or only write its settings."""
    kafka = kafka_settings(args)
    secret = secret_of(load(InstallationSettings, "installation", environment=os.environ, file=args.settings))
    if args.settings_to:
        write_settings(args.settings_to, kafka, args.source, secret)
        return 0
    require("flink", "pyflink")
    order = job_order(kafka, args.source, args.cluster or args.folder, args.parallelism, args.from_savepoint, secret)
    if args.cluster:
        job = FlinkCluster(args.cluster).submit(order)
        print(job)
        return 0
    exit_on_sigterm()
    with MiniCluster(args.folder, metrics_port=args.metrics_port) as mini:
        job = mini.run(order)
        print(f"job {job} runs; logs in {mini.log}", file=sys.stderr)
        while (code := mini.wait(timeout_s=1.0)) is None:
            pass
        if code:
            print(f"foresend: the job ended with code {code}; why is told at the end of {mini.log}", file=sys.stderr)
        return 1 if code else 0
