"""A person's taste: the items that the person met last, and how they were liked. Packed, a part of keyed state.

Nothing of a trained part is kept here: factors are worked out from the items when they are needed, so that a newer
part needs no migration.
"""

import struct
from math import isnan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import StateCorrupt

ITEMS_MAX = 50
"""Items kept; past it the one that was met longest ago leaves."""
MET_MAX = 1000.0
_HEAD = struct.Struct("<I")
_ENTRY = struct.Struct("<IIeee")
TASTE_BYTES_MAX = _HEAD.size + ITEMS_MAX * _ENTRY.size
_COLUMNS = np.dtype([("item", "<u4"), ("at_s", "<u4"), ("met", "<f2"), ("liked", "<f2"), ("surprise", "<f2")])
_NO_COLUMNS = np.zeros(0, _COLUMNS)
_UNSIGNED_MAX = 2**32 - 1


class Met(NamedTuple):
    """One item that a person met.

    item   hash of its id
    at_s   seconds since 1970 when it was met last
    met    how often
    liked  how often it was liked, from 0 to `met`
    surprise  by how much more than had been expected, from -`met` to `met`
    """

    item: int
    at_s: int
    met: float
    liked: float
    surprise: float


class Taste(NamedTuple):
    """The items that a person met, the newest first; each once.

    total  how many items were met in all, those that left and repetitions too
    """

    total: int = 0
    items: tuple[Met, ...] = ()


NO_TASTE = Taste()


def taste_of(packed: bytes) -> Taste:
    """Read what `take` packed; no bytes are no taste.

    Raises:
        StateCorrupt: these are no such bytes.
    """
    if not packed:
        return NO_TASTE
    if not is_sound(len(packed)):
        raise _corrupt(len(packed))
    items = tuple(map(Met._make, _ENTRY.iter_unpack(packed[_HEAD.size :])))
    return Taste(_HEAD.unpack_from(packed)[0], items)


def take(packed: bytes, item: int, at_ms: int, liked: float, expected: float = 0.0) -> bytes:
    """Return the taste after one more item was met; one that was met before moves to the front.

    item      hash of its id (`online_models.terms.hash_of_name`)
    liked     from 0, passed over, to 1
    expected  the probability of that, as prior and content of the decision had it; 0 for what nobody offered

    >>> one = take(b"", 7, at_ms=1_000, liked=1.0)
    >>> taste_of(take(one, 7, at_ms=2_000, liked=0.0, expected=0.5))
    Taste(total=2, items=(Met(item=7, at_s=2, met=2.0, liked=1.0, surprise=0.5),))

    Raises:
        StateCorrupt: the bytes are no taste.
    """
    length = len(packed)
    if length and not is_sound(length):
        raise _corrupt(length)
    total = _HEAD.unpack_from(packed)[0] if length else 0
    name, place = _HEAD.pack(item), -1
    if length:
        place = packed.find(name, _HEAD.size)
        while place >= 0 and (place - _HEAD.size) % _ENTRY.size:
            place = packed.find(name, place + 1)
    met, fond, surprise = _ENTRY.unpack_from(packed, place)[2:] if place >= 0 else (0.0, 0.0, 0.0)
    met, fond, surprise = met + 1.0, fond + _share(liked), surprise + _share(liked) - _share(expected)
    if met > MET_MAX:
        met, fond, surprise = met / 2, fond / 2, surprise / 2
    first = _ENTRY.pack(item, min(max(at_ms // 1000, 0), _UNSIGNED_MAX), met, fond, surprise)
    others = packed[_HEAD.size :] if place < 0 else packed[_HEAD.size : place] + packed[place + _ENTRY.size :]
    return _HEAD.pack(min(total + 1, _UNSIGNED_MAX)) + first + others[: TASTE_BYTES_MAX - _HEAD.size - _ENTRY.size]


def _share(number: float) -> float:
    return 0.0 if isnan(number) else min(max(number, 0.0), 1.0)


def is_sound(length: int) -> bool:
    """Whether a taste of some items has so many bytes."""
    return _HEAD.size < length <= TASTE_BYTES_MAX and not (length - _HEAD.size) % _ENTRY.size


def columns_of(packed: bytes) -> NDArray[np.void]:
    """The items of a taste as fields by the names of `Met`, the newest first: fast, for scoring.

    Raises:
        StateCorrupt: the bytes are no taste.
    """
    if packed and not is_sound(len(packed)):
        raise _corrupt(len(packed))
    return np.frombuffer(packed, _COLUMNS, offset=_HEAD.size) if packed else _NO_COLUMNS


def _corrupt(length: int) -> StateCorrupt:
    return StateCorrupt(f"expected a taste of 1 to {ITEMS_MAX} items, got {length} bytes")
