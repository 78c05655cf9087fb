"""A window's buckets: packed few by few, all of them read back, and as an older version packed them."""

import struct
from random import Random

import pytest

from online_models.declared import WINDOW_BUCKETS, DeclaredState, _columns_of, _packed

DENSE_BYTES = 8 * 2 * WINDOW_BUCKETS


@pytest.mark.parametrize("filled", [0, 1, 5, 22, 23, 24])
def test_whatever_is_filled_reads_back_and_takes_no_more_than_all_of_them(filled: int) -> None:
    columns = [0.0] * (2 * WINDOW_BUCKETS)
    for place in Random(filled).sample(range(WINDOW_BUCKETS), filled):
        columns[place], columns[place + WINDOW_BUCKETS] = 0.1 * place, float(place + 1)
    packed = _packed(columns)
    assert _columns_of(packed) == columns
    assert len(packed) == min(17 * filled, DENSE_BYTES)


def test_a_sum_of_nothing_is_kept_with_how_many_there_were() -> None:
    columns = [0.0] * (2 * WINDOW_BUCKETS)
    columns[WINDOW_BUCKETS] = 2.0
    assert _columns_of(_packed(columns)) == columns


def test_what_an_older_version_packed_is_read() -> None:
    columns = [float(number) for number in range(2 * WINDOW_BUCKETS)]
    assert _columns_of(struct.pack(f"<{2 * WINDOW_BUCKETS}d", *columns)) == columns
    assert _columns_of(DeclaredState("count").buckets) == [0.0] * (2 * WINDOW_BUCKETS)
