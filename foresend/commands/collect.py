"""`foresend collect`: events in, over HTTP and from topics of other producers."""

import os
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from connectors.collector.keys import WriteKeys
from connectors.collector.server import CollectorOrder, KafkaInOrder, run_collector
from connectors.mappings.events import EventMaker
from connectors.mappings.files import read_join
from connectors.mappings.loading import load_mapping
from connectors.webhooks.setup import webhooks_of
from foresend.jobs import group_of
from foresend.settings.collect import CollectSettings
from foresend.settings.installation import secret_of
from foresend.settings.kafka import add_kafka_arguments
from foresend.settings.loading import load
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from schemas.topics import EVENTS


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("collect", help="take events in, over HTTP and from Kafka")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8080)")
    parser.add_argument("--workspace-id", help="whose events they are, where no write keys are configured")
    parser.add_argument("--kafka", metavar="TOPIC", help="also read a topic that other producers write")
    parser.add_argument("--mapping", type=Path, metavar="FILE", help="what the records of --kafka mean")
    parser.add_argument("--kafka-group", metavar="GROUP", help="consumer group (default: foresend-collect)")
    parser.add_argument(
        "--kafka-instance", metavar="NAME", help="this collector's own name in the group, if it has one"
    )
    parser.add_argument(
        "--gateway", metavar="URL", help="a node of `foresend serve`: rights hold there before they are acknowledged"
    )
    add_kafka_arguments(parser)


def run(arguments: Namespace) -> int:
    """Collect until SIGTERM."""
    run_collector(order_of(settings_of(arguments)))
    return 0


def settings_of(arguments: Namespace) -> CollectSettings:
    """By the command line, the environment and the file.

    Raises:
        ConfigError: with every problem found.
    """
    given = {
        "host": arguments.host,
        "port": arguments.port,
        "workspace_id": arguments.workspace_id,
        "kafka_topic": arguments.kafka,
        "kafka_mapping": arguments.mapping,
        "kafka_group": arguments.kafka_group,
        "kafka_instance": arguments.kafka_instance,
        "gateway": arguments.gateway,
        "kafka.bootstrap": arguments.bootstrap,
    }
    return load(CollectSettings, "collect", environment=os.environ, file=arguments.settings, given=given)


def order_of(settings: CollectSettings) -> CollectorOrder:
    """What the collector is to do.

    Raises:
        ConfigError: the mapping is wrong, or fits no such topic; or a secret of webhooks is none.
    """
    keys = {key: WorkspaceId(workspace) for key, workspace in settings.keys.items()}
    secret = secret_of(settings.installation)
    is_open = None if keys else WorkspaceId(settings.workspace_id)
    return CollectorOrder(
        kafka=settings.kafka,
        host=settings.host,
        port=settings.port,
        keys=WriteKeys(keys, is_open, {key: WorkspaceId(name) for key, name in settings.web_keys.items()}),
        kafka_in=_kafka_in(settings),
        origins=settings.origins,
        webhooks=webhooks_of(settings.webhooks.secrets(), secret),
        secret=secret,
        job_group=group_of(EVENTS.name),
        gateway=settings.gateway,
        gateway_keys=settings.key_by_workspace,
    )


def _kafka_in(settings: CollectSettings) -> KafkaInOrder | None:
    if not settings.kafka_topic or settings.kafka_mapping is None:
        return None
    mapping = load_mapping(settings.kafka_mapping)
    source = next((one for one in mapping.sources if one.topic == settings.kafka_topic), None)
    if source is None:
        raise ConfigError(f"mapping {mapping.path}: expected a source with `topic: {settings.kafka_topic}`, found none")
    workspace = WorkspaceId(settings.workspace_id) if settings.workspace_id else mapping.workspace
    if workspace is None:
        raise ConfigError(f"mapping {mapping.path} names no workspace: give one with --workspace-id")
    # Joined files lie beside the mapping.
    joined = {join.name: read_join(mapping.path.parent, join) for join in source.joins}
    return KafkaInOrder(
        topic=settings.kafka_topic,
        group=settings.kafka_group,
        instance=settings.kafka_instance,
        maker=EventMaker(mapping, source, workspace, joined),
    )
