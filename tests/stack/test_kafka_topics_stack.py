"""Topics, worlds and their writers on a real broker."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release, publish_snapshot
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import current_world, end_offsets, ensure_topics
from foresend.commands.models import read_snapshot
from foresend.local.broker import Broker
from schemas.codec import decode
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from schemas.library import Release
from schemas.models import ModelSnapshot
from schemas.topics import LIBRARY, MODELS, PARTITIONS, TOPICS, replay_topic

pytestmark = pytest.mark.stack


@pytest.fixture
def settings(broker: Broker) -> KafkaSettings:
    found = KafkaSettings(broker.bootstrap)
    ensure_topics(found)
    return found


def test_many_programs_may_create_the_topics_at_once(settings: KafkaSettings) -> None:
    topics = [replay_topic(f"at-once-{number}") for number in range(3)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ensure_topics(settings, topics), range(4)))
    assert [len(end_offsets(settings, topic)) for topic in topics] == [12, 12, 12]


def test_another_number_of_partitions_is_refused_with_the_mend(settings: KafkaSettings) -> None:
    with pytest.raises(ConfigError, match="expected 13 partitions, got 12") as caught:
        ensure_topics(settings, [replace(topic, partitions=13) for topic in TOPICS if topic.partitions == 12])
    assert len(caught.value.problems) == sum(topic.partitions == PARTITIONS for topic in TOPICS)


def test_what_kafka_refuses_is_told(settings: KafkaSettings) -> None:
    with pytest.raises(ConfigError, match="Kafka refuses"):
        ensure_topics(settings, [replay_topic("no such name")])


def test_each_publication_is_a_world_of_its_own(
    settings: KafkaSettings, sample_release: Release, tmp_path: Path
) -> None:
    before = current_world(settings)
    file = tmp_path / "snapshot.json"
    file.write_text('{"workspace": "published", "number": 1, "slots": {"a/b": {"bias": 0.5}}}')

    offsets = [publish_release(settings, sample_release) for _ in range(2)]
    snapshot = publish_snapshot(settings, read_snapshot(file))

    assert offsets == [before.library, before.library + 1]
    assert snapshot == before.models
    after = current_world(settings)
    assert (after.library, after.models) == (before.library + 2, before.models + 1)
    releases = list(read_log(settings, LIBRARY.name))
    assert len({record.key for record in releases}) == len(releases)
    assert decode(Release, releases[-1].value) == sample_release
    assert decode(ModelSnapshot, list(read_log(settings, MODELS.name))[-1].value) == read_snapshot(file)


def test_a_snapshot_that_is_too_large_is_refused(settings: KafkaSettings) -> None:
    large = ModelSnapshot(workspace=WorkspaceId("w" * 70_000), number=1, slots={})
    with pytest.raises(ConfigError, match="at most 65536 bytes"):
        publish_snapshot(settings, large)
