"""What stands in the topics of the world and is no part of it."""

import math
from collections import Counter, OrderedDict
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.kafka.world_topics import WorldTopic
from schemas.codec import encode
from schemas.errors import Reason
from schemas.ids import WorkspaceId
from schemas.models import Array, ModelPart, ModelSnapshot, PartKind, SlotPrior, Standing, checksum_of
from schemas.topics import MODELS

SHOP = WorkspaceId("shop")


def topic_without_kafka() -> WorldTopic:
    topic = WorldTopic.__new__(WorldTopic)
    topic._part, topic._kind, topic._next = SimpleNamespace(topic=MODELS.name), ModelSnapshot, 100
    topic._offsets, topic._kept, topic.refused = {}, OrderedDict(), Counter()
    return topic


def read(topic: WorldTopic, offset: int, key: bytes, value: bytes) -> None:
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
    assert topic.refused.total() == 1


def part(standing: Standing = Standing.CHAMPION, data: bytes = b"\0" * 8, **changes: Any) -> ModelPart:
    arrays = (Array("a", "<f4", (2,), data),)
    fields = {"kind": PartKind.SEQUENCE, "checksum": checksum_of(arrays, {}), **changes}
    return ModelPart(SHOP, standing=standing, number=1, until_ms=0, arrays=arrays, settings={}, **fields)


def test_the_newest_champion_of_each_kind_counts() -> None:
    topic = topic_without_kafka()
    read(topic, 3, b"shop|1", encode(ModelSnapshot(SHOP, 1, {})))
    read(topic, 4, b"shop|part|sequence|4", encode(part()))
    read(topic, 5, b"shop|part|sequence|5", encode(part(Standing.CHALLENGER)))
    assert [topic.offset_below(SHOP, 9, name) for name in ("", PartKind.SEQUENCE, PartKind.COLLABORATIVE)] == [
        3,
        4,
        None,
    ]
    assert topic.offset_below(SHOP, 4, PartKind.SEQUENCE) is None
    assert topic.record(4, ModelPart) == part()
    assert not topic.refused


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        (b"shop|part|sequence|4", part(checksum=b"another")),
        (b"shop|part|sequence|4", part(data=b"\0" * 7)),
        (b"shop|part|collaborative|4", part()),
        (b"bank|part|sequence|4", part()),
    ],
)
def test_a_damaged_or_badly_shaped_part_is_passed_over_and_counted(key: bytes, bad: ModelPart) -> None:
    topic = topic_without_kafka()
    read(topic, 4, b"shop|part|sequence|3", encode(part()))
    read(topic, 5, key, encode(bad))
    assert topic.offset_below(SHOP, 9, PartKind.SEQUENCE) == 4
    assert topic.refused.total() == 1


def test_weights_that_are_no_numbers_are_passed_over() -> None:
    topic = topic_without_kafka()
    read(topic, 5, b"shop|1", encode(ModelSnapshot(SHOP, 1, {"a/b": SlotPrior(bias=math.nan)})))
    assert (topic.offset_below(SHOP, 9), dict(topic.refused)) == (None, {Reason.NOT_FINITE: 1})
