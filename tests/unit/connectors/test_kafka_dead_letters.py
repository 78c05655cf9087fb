"""Dead letters as records: whole where Kafka can hold them, cut where it cannot."""

import pytest

from connectors.kafka.dead_letters import KEY_BYTES_MAX, dead_letter_record
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.errors import Reason
from schemas.topics import RECORD_BYTES_MAX


def letter_of(key: bytes, payload: bytes) -> DeadLetter:
    return DeadLetter(
        source="events",
        partition=1,
        offset=2,
        received_ms=3,
        reason=Reason.TOO_LARGE,
        message="expected less",
        key=key,
        payload=payload,
        code_version="1",
    )


def test_the_largest_record_a_topic_holds_is_kept_whole() -> None:
    letter = letter_of(b"k" * 1000, b"x" * (RECORD_BYTES_MAX - 1000))
    assert decode(DeadLetter, dead_letter_record(letter)[1]) == letter


@pytest.mark.parametrize(("key", "payload"), [(10, 30_000_000), (30_000_000, 10), (9_000_000, 9_000_000)])
def test_what_a_compressed_record_unpacked_to_is_cut_so_that_the_letter_can_be_written(key: int, payload: int) -> None:
    packed = dead_letter_record(letter_of(b"k" * key, b"x" * payload))[1]
    cut = decode(DeadLetter, packed)
    # Flink's producer takes requests of 64 KiB more than the largest record (`flink_jobs.kafka_tables`).
    assert len(packed) < RECORD_BYTES_MAX + 64 * 1024 - 1024
    assert len(cut.key) == min(key, KEY_BYTES_MAX)
    assert cut.message == f"expected less (key and payload cut from {key + payload} bytes)"
