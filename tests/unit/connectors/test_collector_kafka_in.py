"""Kafka in: the bounds on which it rests; what it does is tested in tests/stack."""

from connectors.collector.kafka_in import COMMIT_RECORDS_MAX
from online_models.cells import SEEN_EVENTS_MAX


def test_what_a_crash_repeats_is_still_remembered_by_the_step() -> None:
    assert COMMIT_RECORDS_MAX < SEEN_EVENTS_MAX
