"""Versions: bytes that sort as the log does."""

from schemas.versions import VERSION_BYTES, Position, parts_of, version_of


def test_time_comes_before_partition_offset_and_sequence() -> None:
    ascending = [
        version_of(Position(0, 0, 0), 0),
        version_of(Position(0, 0, 0), 1),
        version_of(Position(0, 0, 256), 0),
        version_of(Position(0, 1, 0), 0),
        version_of(Position(1, 0, 0), 0),
        version_of(Position((1 << 46) - 1, (1 << 32) - 1, (1 << 63) - 1), (1 << 32) - 1),
    ]
    assert ascending == sorted(ascending)
    assert {len(version) for version in ascending} == {VERSION_BYTES} == {24}


def test_parts_come_back() -> None:
    assert parts_of(version_of(Position(7, 3, 9), 2)) == (Position(7, 3, 9), 2)
