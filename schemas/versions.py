"""Versions: what decides between two writings for the same user."""

import struct
from typing import NamedTuple, NewType

TOMBSTONE_AFTER_MS = 3_600_000
"""From a versioned grave to its tombstone. Longer than any restart repeats: until then the grave's version keeps older
writings out of the cache."""
Version = NewType("Version", bytes)
"""24 bytes that sort like (log time, partition, offset, sequence). Lower is ignored, equal overwrites."""

_LAYOUT = struct.Struct(">QIQI")
VERSION_BYTES = _LAYOUT.size


class Position(NamedTuple):
    """Where a record stands in the log, ordered first by time. `log_ms` is the record's Kafka timestamp."""

    log_ms: int
    partition: int
    offset: int


def version_of(newest: Position, sequence: int) -> Version:
    """The version of the `sequence`-th thing written since `newest` was applied.

    >>> version_of(Position(5, 0, 9), 0) < version_of(Position(5, 0, 10), 0)
    True
    """
    return Version(_LAYOUT.pack(newest.log_ms, newest.partition, newest.offset, sequence))


def parts_of(version: Version) -> tuple[Position, int]:
    """The position and sequence that `version_of` packed."""
    log_ms, partition, offset, sequence = _LAYOUT.unpack(version)
    return Position(log_ms, partition, offset), sequence
