"""The table of topics: every row says what it is for, how long it keeps it, and how a person is removed."""

import re
from dataclasses import FrozenInstanceError

import pytest

from schemas.topics import (
    COMMUNICATIONS,
    DAY_MS,
    DEAD_LETTERS,
    EVENTS,
    LIBRARY,
    MODELS,
    PARTITIONS,
    RECORD_BYTES_MAX,
    TOPICS,
    Topic,
    replay_topic,
)

HISTORY = replay_topic("replay")
ALL = [*TOPICS, HISTORY]


@pytest.fixture(params=ALL, ids=lambda topic: topic.name)
def topic(request: pytest.FixtureRequest) -> Topic:
    found: Topic = request.param
    return found


def test_every_row_says_all(topic: Topic) -> None:
    for text in (topic.purpose, topic.retention, topic.erasure, topic.key):
        assert text.strip()
    assert re.fullmatch(r"[a-z_]+", topic.name)


def test_names_are_their_own() -> None:
    assert len({topic.name for topic in ALL}) == len(ALL)


def test_every_row_says_how_it_is_cleaned_up_and_whose_time_counts(topic: Topic) -> None:
    assert topic.config["cleanup.policy"] in ("compact", "delete", "compact,delete")
    assert topic.config["message.timestamp.type"] in ("LogAppendTime", "CreateTime")
    assert int(topic.config["max.message.bytes"]) >= RECORD_BYTES_MAX
    assert all(re.fullmatch(r"[a-z.]+", name) for name in topic.config)


def test_what_is_keyed_by_user_has_the_same_partitions_and_a_world_has_one() -> None:
    assert {topic.partitions for topic in ALL if "user" in topic.key} == {PARTITIONS}
    assert LIBRARY.partitions == MODELS.partitions == 1
    assert 720 % PARTITIONS == 0  # The job's key groups.


def test_only_what_nobody_is_in_is_kept_for_ever(topic: Topic) -> None:
    is_kept_for_ever = topic.retention.startswith("for ever")
    assert is_kept_for_ever is not topic.personal
    if is_kept_for_ever:
        assert topic.config["cleanup.policy"] == "compact"
        assert "retention.ms" not in topic.config


@pytest.mark.parametrize(("topic_", "days"), [(EVENTS, 90), (DEAD_LETTERS, 7)])
def test_a_retention_told_in_days_is_kafkas_too_and_holds_for_the_newest_segment(topic_: Topic, days: int) -> None:
    assert topic_.retention == f"{days} days"
    assert int(topic_.config["retention.ms"]) == days * DAY_MS
    assert "delete" in topic_.config["cleanup.policy"]
    # Kafka deletes whole segments: one that is never closed is never old enough.
    assert int(topic_.config["segment.ms"]) <= DAY_MS


@pytest.mark.parametrize("topic_", [EVENTS, COMMUNICATIONS])
def test_a_tombstone_removes_a_person_within_a_time_that_is_told(topic_: Topic) -> None:
    assert "compact" in topic_.config["cleanup.policy"]
    assert "tombstone" in topic_.erasure
    assert int(topic_.config["max.compaction.lag.ms"]) <= 7 * DAY_MS


def test_a_cache_node_may_be_away_for_a_month_and_still_reads_every_tombstone() -> None:
    assert int(COMMUNICATIONS.config["delete.retention.ms"]) >= 30 * DAY_MS


def test_history_has_its_own_times_and_is_neither_deleted_nor_cut_by_them() -> None:
    assert HISTORY.name == "replay"
    assert HISTORY.key == EVENTS.key
    assert HISTORY.config["message.timestamp.type"] == "CreateTime"
    assert HISTORY.config["cleanup.policy"] == "compact"
    assert not {"retention.ms", "max.compaction.lag.ms"} & set(HISTORY.config)
    assert int(HISTORY.config["segment.ms"]) > 1000 * 365 * DAY_MS


def test_live_topics_have_the_brokers_time() -> None:
    assert {topic.config["message.timestamp.type"] for topic in TOPICS} == {"LogAppendTime"}


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        EVENTS.partitions = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        EVENTS.config["retention.ms"] = "1"  # type: ignore[index]
