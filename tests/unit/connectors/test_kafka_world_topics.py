"""What stands in the topics of the world and is no part of it."""

from collections import OrderedDict
from types import SimpleNamespace

import pytest

from connectors.kafka.world_topics import WorldTopic
from schemas.codec import encode
from schemas.ids import WorkspaceId
from schemas.models import ModelSnapshot
from schemas.topics import MODELS

SHOP = WorkspaceId("shop")


def topic_without_kafka() -> WorldTopic[ModelSnapshot]:
    topic = WorldTopic.__new__(WorldTopic)
    topic._part, topic._kind, topic._next = SimpleNamespace(topic=MODELS.name), ModelSnapshot, 100
    topic._offsets, topic._kept = {}, OrderedDict()
    return topic


def read(topic: WorldTopic[ModelSnapshot], offset: int, key: bytes, value: bytes) -> None:
    topic._index(SimpleNamespace(offset=offset, key=key, value=value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(b"shop|2", b"garbage that begins like a newer version", id="newer"),
        pytest.param(b"shop|2", b"\x01garbage", id="garbage"),
        pytest.param(b"shop|2", b"", id="empty"),
        pytest.param(b"shop", encode(ModelSnapshot(SHOP, 2, {})), id="key"),
        pytest.param(b"shop|2", encode(ModelSnapshot(WorkspaceId("bank"), 2, {})), id="another workspace's"),
    ],
)
def test_a_record_that_is_no_part_of_the_world_is_passed_over(key: bytes, value: bytes) -> None:
    topic = topic_without_kafka()
    read(topic, 5, b"shop|1", encode(ModelSnapshot(SHOP, 1, {})))
    read(topic, 6, key, value)
    assert topic.offset_below(SHOP, 7) == 5
