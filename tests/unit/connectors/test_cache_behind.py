"""How far a node is behind: in records, and in time."""

from kafka import TopicPartition

from connectors.cache.behind import SILENT_MS, Behind

ONE, TWO = TopicPartition("communications", 0), TopicPartition("profiles", 0)
ENDS = {ONE: 10, TWO: 5}
START_MS = 1_000_000


class Rig:
    def __init__(self) -> None:
        self.now_ms = START_MS
        self.behind = Behind(lambda: self.now_ms)

    def look(self, one: int = 10, two: int = 5, applied_ms: int = 0) -> None:
        """`applied_ms`: when the last record of the first that was applied just now was written; 0: none was."""
        self.behind.look(ENDS, {ONE: one, TWO: two}, {ONE: applied_ms} if applied_ms else {})


def test_at_the_end_nothing_waits() -> None:
    rig = Rig()
    rig.look()
    assert rig.behind.lag_records == {"communications": 0, "profiles": 0}
    assert rig.behind.seconds == 0


def test_records_are_counted_for_each_topic() -> None:
    rig = Rig()
    rig.look(one=4, two=4)
    assert rig.behind.lag_records == {"communications": 6, "profiles": 1}


def test_what_waits_came_after_the_last_time_that_nothing_did() -> None:
    """Mutant: count from the last record; then one that comes after a quiet hour seems an hour old."""
    rig = Rig()
    rig.look()
    rig.now_ms += 200
    rig.look(one=9)
    rig.now_ms += 1_000
    assert rig.behind.seconds == 1.2


def test_what_waits_came_after_what_was_applied() -> None:
    """Mutant: count from the last time that nothing waited; then a node that keeps up under load seems ever older."""
    rig = Rig()
    for _ in range(100):
        rig.now_ms += 100
        rig.look(one=9, applied_ms=rig.now_ms - 50)
    assert rig.behind.seconds == 0.05


def test_a_partition_that_stands_still_is_as_old_as_it_is() -> None:
    rig = Rig()
    rig.look()
    for _ in range(10):
        rig.now_ms += 1_000
        rig.look(one=9)
    assert rig.behind.seconds == 10


def test_where_kafka_is_silent_nobody_knows_what_waits() -> None:
    """Mutant: look at partitions alone; then a node without Kafka is as fresh as it was."""
    rig = Rig()
    rig.look()
    rig.now_ms += SILENT_MS
    assert rig.behind.seconds == 0
    rig.now_ms += 60_000
    assert rig.behind.seconds == (SILENT_MS + 60_000) / 1000
