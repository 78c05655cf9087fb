"""Publish the parts of a world: library releases, model snapshots and trained parts."""

import secrets

from connectors.kafka.clients import broker_errors, make_producer
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import end_offsets
from schemas.codec import encode
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from schemas.keys import join_key
from schemas.library import Release
from schemas.models import SNAPSHOT_BYTES_MAX, ModelPart, ModelSnapshot
from schemas.topics import LIBRARY, MODELS, RECORD_BYTES_MAX, Topic

ACKNOWLEDGE_S = 30.0


def publish_release(settings: KafkaSettings, release: Release) -> int:
    """Write a release to `library` and return its offset, once Kafka has acknowledged it.

    Publishing one again is harmless: it makes a new world with the same content (so is roll-back done).

    Raises:
        BrokerUnavailable: Kafka does not answer.
        ConfigError: the release is larger than a record may be.
    """
    return _publish(settings, LIBRARY, release.workspace, encode(release), RECORD_BYTES_MAX)


def publish_snapshot(settings: KafkaSettings, snapshot: ModelSnapshot) -> int:
    """Write a model snapshot to `models` and return its offset, once Kafka has acknowledged it.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        ConfigError: the snapshot is larger than one may be.
        SchemaError: a weight is not finite.
    """
    snapshot.check()
    return _publish(settings, MODELS, snapshot.workspace, encode(snapshot), SNAPSHOT_BYTES_MAX)


def publish_part(settings: KafkaSettings, part: ModelPart) -> int:
    """Write a trained part to `models` and return its offset, once Kafka has acknowledged it.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        ConfigError: the part is larger than a record may be.
        SchemaError: its arrays are badly shaped or damaged.
    """
    part.check()
    return _publish(settings, MODELS, part.workspace, encode(part), RECORD_BYTES_MAX, ("part", part.kind))


def _publish(
    settings: KafkaSettings,
    topic: Topic,
    workspace: WorkspaceId,
    value: bytes,
    limit: int,
    names: tuple[str, ...] = (),
) -> int:
    if len(value) > limit:
        raise ConfigError(
            f"topic {topic.name}: expected at most {limit} bytes for workspace {workspace}, got {len(value)}"
        )
    number = end_offsets(settings, topic)[0]
    # The number tells the order; the random part keeps two publishers at the same moment apart.
    # Were two keys ever equal, compaction would remove the older record, and worlds that name it.
    key = join_key(workspace, *names, f"{number}-{secrets.token_hex(4)}")
    producer = make_producer(settings)
    try:
        with broker_errors(f"topic {topic.name} is written"):
            written = producer.send(topic.name, key=key, value=value, partition=0).get(ACKNOWLEDGE_S)
            return int(written.offset)
    finally:
        producer.close(timeout=ACKNOWLEDGE_S)
