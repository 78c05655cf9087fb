"""`foresend local …`: the stack on this machine, started and stopped by hand."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend import processes
from foresend.local import broker as local_broker
from foresend.local import flink_cluster, prometheus
from foresend.local.broker import Broker
from foresend.local.flink_cluster import FlinkCluster
from foresend.local.flink_rest import FlinkUnavailable
from foresend.local.jars import JarSet, jars
from foresend.local.prometheus import Prometheus, find_prometheus
from foresend.local.scrape_targets import Target, usual_targets
from schemas.errors import ConfigError
from schemas.topics import TOPICS

if TYPE_CHECKING:
    from argparse import _SubParsersAction

DEFAULT_PORT = 9092
KAFKA_VARIABLE = "FORESEND_KAFKA_BOOTSTRAP"


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    """Add `local` and what is under it to the front door's parser."""
    parser = subparsers.add_parser("local", help="a Kafka broker and a Flink cluster on this machine")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    up = actions.add_parser("up", help="start the broker, create the topics, and leave it running")
    up.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="of the broker; 0: a free one (default: %(default)s)"
    )
    _add_folder(up, local_broker.DEFAULT_FOLDER)
    up.add_argument("--prometheus", action="store_true", help="also start Prometheus, which scrapes every program")
    up.add_argument(
        "--prometheus-port",
        type=_port,
        default=prometheus.DEFAULT_PORT,
        help="of its page; 0: a free one (default: %(default)s)",
    )
    up.add_argument(
        "--target",
        type=Target.read,
        action="append",
        default=[],
        metavar="PROGRAM=[HOST:]PORT",
        help="scrape a program that is not at its usual port",
    )
    _add_prometheus_folder(up)
    up.set_defaults(act=_up)

    down = actions.add_parser("down", help="stop the broker, and Prometheus; their data stays")
    _add_folder(down, local_broker.DEFAULT_FOLDER)
    _add_prometheus_folder(down)
    down.set_defaults(act=_down)

    status = actions.add_parser("status", help="what is running; exit code 1 if the broker is not")
    _add_folder(status, local_broker.DEFAULT_FOLDER)
    status.add_argument("--cluster-folder", type=Path, default=flink_cluster.DEFAULT_FOLDER)
    _add_prometheus_folder(status)
    status.add_argument("--json", action="store_true", help="one JSON object instead of words")
    status.set_defaults(act=_status)

    fetch = actions.add_parser("jars", help="fetch the jars of broker and Flink now, instead of at the first start")
    fetch.set_defaults(act=_jars)

    cluster = actions.add_parser("cluster", help="the standalone Flink cluster").add_subparsers(
        required=True, metavar="ACTION"
    )
    cluster_up = cluster.add_parser("up", help="start it and leave it running")
    cluster_up.add_argument(
        "--task-managers", type=_at_least_one, default=2, metavar="N", help="(default: %(default)s)"
    )
    cluster_up.add_argument("--rest-port", type=_port, default=0, help="of the job manager (default: a free one)")
    _add_folder(cluster_up, flink_cluster.DEFAULT_FOLDER)
    cluster_up.set_defaults(act=_cluster_up)

    savepoint = cluster.add_parser("savepoint", help="stop the running job with a savepoint, and print its path")
    _add_folder(savepoint, flink_cluster.DEFAULT_FOLDER)
    savepoint.set_defaults(act=_savepoint)

    cluster_down = cluster.add_parser("down", help="stop it; checkpoints and savepoints stay")
    _add_folder(cluster_down, flink_cluster.DEFAULT_FOLDER)
    cluster_down.set_defaults(act=_cluster_down)


def run(arguments: Namespace) -> int:
    """Do what was asked; the exit code."""
    processes.exit_on_sigterm()
    return int(arguments.act(arguments))


def _add_folder(parser: ArgumentParser, default: Path) -> None:
    parser.add_argument("--folder", type=Path, default=default, help="where it keeps its files (default: %(default)s)")


def _add_prometheus_folder(parser: ArgumentParser) -> None:
    parser.add_argument("--prometheus-folder", type=Path, default=prometheus.DEFAULT_FOLDER)


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 65_536:
        raise ArgumentTypeError(f"expected a port between 0 and 65535, got {text}")
    return number


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"expected 1 or more, got {text}")
    return number


def _up(arguments: Namespace) -> int:
    if arguments.prometheus:
        # Told before anything runs: what is missing here is missing at once.
        find_prometheus()
    broker = _broker_up(arguments)
    if arguments.prometheus:
        _prometheus_up(arguments)
    print(f"Kafka is up at {broker.bootstrap} (process {broker.pid}, {len(TOPICS)} topics). For the other commands:")
    print(f"export {KAFKA_VARIABLE}={broker.bootstrap}")
    return 0


def _prometheus_up(arguments: Namespace) -> None:
    """Start it, or tell the one that runs what to scrape from now on."""
    server = Prometheus(arguments.prometheus_folder, arguments.prometheus_port, usual_targets(arguments.target))
    if server.is_running:
        server.tell(usual_targets(arguments.target))
    else:
        _say(f"Starting Prometheus in {server.folder} ...")
        server.start(detached=True)
    print(f"Prometheus is up at {server.url}; alerts: {server.url}/alerts")


def _broker_up(arguments: Namespace) -> Broker:
    """The broker, started where none runs."""
    broker = Broker(arguments.folder, arguments.port)
    found = broker.is_running
    if found and arguments.port and not broker.bootstrap.endswith(f":{arguments.port}"):
        raise ConfigError(
            f"the broker in {broker.folder} runs at {broker.bootstrap}, not at port {arguments.port}; "
            "stop it first (`foresend local down`) or leave --port away"
        )
    if not found:
        _say(f"Starting Kafka in {broker.folder} ...")
        broker.start(detached=True)
    try:
        ensure_topics(KafkaSettings(broker.bootstrap))
    except BaseException:
        if not found:
            with processes.uninterrupted():
                broker.stop()
        raise
    return broker


def _down(arguments: Namespace) -> int:
    broker = Broker(arguments.folder)
    found = broker.is_running
    broker.stop()
    print(f"Kafka in {broker.folder} is stopped." if found else f"No Kafka was running in {broker.folder}.")
    server = Prometheus(arguments.prometheus_folder)
    if server.is_running:
        server.stop()
        print(f"Prometheus in {server.folder} is stopped.")
    return 0


def _cluster_up(arguments: Namespace) -> int:
    cluster = FlinkCluster(arguments.folder, arguments.task_managers, arguments.rest_port)
    if cluster.is_running and not cluster.rest.is_up():
        _say("Clearing what is left of a cluster without a job manager ...")
        cluster.stop()
    if not cluster.is_running:
        _say(f"Starting Flink with {arguments.task_managers} task managers in {cluster.home.folder} ...")
        cluster.start(detached=True)
    managers = len(cluster.rest.task_manager_ids())
    print(f"Flink is up with {managers} task managers; its page is {cluster.rest.url}")
    return 0


def _cluster_down(arguments: Namespace) -> int:
    cluster = FlinkCluster(arguments.folder)
    found = cluster.is_running
    cluster.stop()
    folder = cluster.home.folder
    print(f"Flink in {folder} is stopped." if found else f"No Flink was running in {folder}.")
    return 0


def _savepoint(arguments: Namespace) -> int:
    """The path is all that goes to standard output, ready for `foresend job … --from-savepoint`."""
    cluster = FlinkCluster(arguments.folder)
    if not cluster.is_running:
        raise ConfigError(f"no Flink is running in {cluster.home.folder}: start it with `foresend local cluster up`")
    running = [job for job in cluster.rest.jobs() if cluster.rest.tasks_running(job)]
    if not running:
        raise ConfigError("no job is running all of its tasks: submit one, or wait until it does")
    for job in running:
        _say(f"Stopping job {job} ...")
        print(cluster.rest.stop_with_savepoint(job))
    return 0


def _status(arguments: Namespace) -> int:
    broker, cluster = Broker(arguments.folder), FlinkCluster(arguments.cluster_folder)
    server = Prometheus(arguments.prometheus_folder)
    told = {
        "broker": _broker_status(broker),
        "cluster": _cluster_status(cluster),
        "prometheus": {"running": True, "page": server.url} if server.is_running else {"running": False},
    }
    if arguments.json:
        print(json.dumps(told))
    else:
        for name, facts in told.items():
            words = ["running" if facts.pop("running") else "not running"]
            print(f"{name}: {', '.join(words + [f'{key} {value}' for key, value in facts.items()])}")
    return 0 if broker.is_running else 1


def _broker_status(broker: Broker) -> dict[str, object]:
    if not broker.is_running:
        return {"running": False, "folder": str(broker.folder)}
    return {
        "running": True,
        "folder": str(broker.folder),
        "bootstrap": broker.bootstrap,
        "answers": local_broker.answers_kafka(broker.port),
        "pid": broker.pid,
        "log": str(broker.log),
    }


def _cluster_status(cluster: FlinkCluster) -> dict[str, object]:
    folder = str(cluster.home.folder)
    if not cluster.is_running:
        return {"running": False, "folder": folder}
    try:
        jobs = cluster.rest.jobs()
    except FlinkUnavailable:
        jobs = {}
    managers = len(cluster.rest.task_manager_ids())
    return {
        "running": True,
        "folder": folder,
        "page": cluster.rest.url,
        "task_managers": managers,
        "jobs": jobs,
        "metrics_ports": cluster.home.metrics.running(),
    }


def _jars(_arguments: Namespace) -> int:
    for wanted in JarSet:
        found = jars(wanted)
        print(f"{wanted}: {len(found)} jars in {found[0].parent}")
    return 0


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
