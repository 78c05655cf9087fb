"""Create the topics of the table in `schemas.topics`, and check those that exist."""

from collections.abc import Sequence

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import NoError, TopicAlreadyExistsError

from connectors.kafka.clients import admin, broker_errors, make_consumer
from connectors.kafka.settings import KafkaSettings
from schemas.errors import ConfigError
from schemas.topics import CATALOGUE, LIBRARY, MODELS, TOPICS, Topic
from schemas.worlds import WorldRef


def ensure_topics(settings: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> None:
    """Create the topics that are missing; several programs may do so at once.

    Raises:
        ConfigError: a topic exists with another number of partitions, which is fixed for life,
            or Kafka refuses to create it.
        BrokerUnavailable: Kafka does not answer.
    """
    with admin(settings) as client, broker_errors("topics are created"):
        existing = set(client.list_topics())
        missing = [topic for topic in topics if topic.name not in existing]
        if missing:
            _create(client, missing, settings.replication)
        found = client.describe_topics([topic.name for topic in topics])
    counts = {one["name"]: len(one["partitions"]) for one in found}
    problems = [
        f"topic {topic.name}: expected {topic.partitions} partitions, got {counts.get(topic.name, 0)}; "
        "the count is fixed for life, so choose another cluster or delete the topic"
        for topic in topics
        if counts.get(topic.name) != topic.partitions
    ]
    if problems:
        raise ConfigError(problems)


def _create(client: KafkaAdminClient, topics: Sequence[Topic], replication: int) -> None:
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": replication,
            "configs": dict(topic.config),
        }
        for topic in topics
    }
    answer = client.create_topics(wanted, raise_errors=False)
    problems = [
        f"topic {one['name']}: Kafka refuses to create it: {one['error_message']}"
        for one in answer["topics"]
        if one["error_code"] not in (NoError.errno, TopicAlreadyExistsError.errno)
    ]
    if problems:
        raise ConfigError(problems)
    client.wait_for_topics(list(wanted))


def end_offsets(settings: KafkaSettings, topic: Topic) -> dict[int, int]:
    """For each partition of a topic, the offset that its next record will get.

    Raises:
        BrokerUnavailable: Kafka does not answer, or the topic does not exist.
    """
    with broker_errors(f"the end of topic {topic.name} is asked for"):
        consumer = make_consumer(settings)
        try:
            parts = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            return {part.partition: end for part, end in consumer.end_offsets(parts).items()}
        finally:
            consumer.close()


def current_world(settings: KafkaSettings) -> WorldRef:
    """The world as it is now: what is published so far.

    Raises:
        BrokerUnavailable: Kafka does not answer, or a topic does not exist.
    """
    return WorldRef(*[end_offsets(settings, topic)[0] for topic in (LIBRARY, MODELS, CATALOGUE)])
