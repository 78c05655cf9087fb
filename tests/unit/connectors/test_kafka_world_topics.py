"""What stands in the topics of the world and is no part of it."""

import math
from collections import Counter, OrderedDict
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.kafka.world_topics import WorldTopic
from online_models.published import check_usable
from schemas.codec import encode
from schemas.errors import Reason
from schemas.ids import WorkspaceId
from schemas.models import Array, ModelPart, ModelSnapshot, PartKind, SlotPrior, Standing, checksum_of
from schemas.topics import MODELS
from tests.support.sequences import arrays_of, part_of

SHOP = WorkspaceId("shop")


def topic_without_kafka() -> WorldTopic:
    topic = WorldTopic.__new__(WorldTopic)
    topic._part, topic._kind, topic._next = SimpleNamespace(topic=MODELS.name), ModelSnapshot, 100
    topic._check = check_usable
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


def part(standing: Standing = Standing.CHAMPION, **changes: Any) -> ModelPart:
    return replace(part_of(arrays_of()), workspace=SHOP, standing=standing, **changes)


def toy(data: bytes = b"\0" * 8, **settings: float) -> ModelPart:
    """Nothing is wrong with it, but that no score can be made of it."""
    arrays = (Array("a", "<f4", (2,), data),)
    return part(arrays=arrays, settings=settings, checksum=checksum_of(arrays, settings))


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
        (b"shop|part|sequence|4", toy()),
        (b"shop|part|sequence|4", toy(b"\0" * 7)),
        (b"shop|part|sequence|4", replace(toy(), kind=PartKind.COLLABORATIVE)),
        (b"shop|part|collaborative|4", replace(toy(), kind=PartKind.COLLABORATIVE)),
        (b"shop|part|sequence|4", part_of(arrays_of(), lineage=-1.0)),
        (b"shop|part|sequence|4", part_of(arrays_of(), deviation=math.nan)),
        (b"shop|part|collaborative|4", part()),
        (b"bank|part|sequence|4", part()),
    ],
)
def test_a_damaged_or_badly_shaped_part_is_passed_over_and_counted(key: bytes, bad: ModelPart) -> None:
    topic = topic_without_kafka()
    read(topic, 4, b"shop|part|sequence|3", encode(part()))
    read(topic, 5, key, encode(bad))
    assert topic.offset_below(SHOP, 9, PartKind.SEQUENCE) == 4
    assert topic.offset_below(SHOP, 9, PartKind.COLLABORATIVE) is None
    assert topic.refused.total() == 1


@pytest.mark.parametrize(
    ("prior", "reason"),
    [
        (SlotPrior(bias=math.nan), Reason.NOT_FINITE),
        (SlotPrior(learnt=b"\x01no weights"), Reason.WRONG_TYPE),
        (SlotPrior(learnt=b"\x09"), Reason.WRONG_TYPE),
    ],
)
def test_weights_that_cannot_be_scored_with_are_passed_over(prior: SlotPrior, reason: Reason) -> None:
    topic = topic_without_kafka()
    read(topic, 5, b"shop|1", encode(ModelSnapshot(SHOP, 1, {"a/b": prior})))
    assert (topic.offset_below(SHOP, 9), dict(topic.refused)) == (None, {reason: 1})
