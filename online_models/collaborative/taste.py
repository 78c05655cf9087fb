"""A person's taste: the items that the person met last, and how they were liked. Packed, a part of keyed state.

Nothing of a trained part is kept here: factors are worked out from the items when they are needed, so that a newer
part needs no migration.
"""

import struct
from math import isnan
from typing import NamedTuple

from schemas.errors import StateCorrupt

ITEMS_MAX = 50
"""Items kept; past it the one that was met longest ago leaves."""
MET_MAX = 1000.0
_HEAD = struct.Struct("<I")
_ENTRY = struct.Struct("<IIee")
TASTE_BYTES_MAX = _HEAD.size + ITEMS_MAX * _ENTRY.size
_UNSIGNED_MAX = 2**32 - 1


class Met(NamedTuple):
    """One item that a person met.

    item   hash of its id
    at_s   seconds since 1970 when it was met last
    met    how often
    liked  how often it was liked, from 0 to `met`
    """

    item: int
    at_s: int
    met: float
    liked: float


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
    entries, rest = divmod(len(packed) - _HEAD.size, _ENTRY.size)
    if rest or not 0 < entries <= ITEMS_MAX:
        raise StateCorrupt(f"expected a taste of 1 to {ITEMS_MAX} items, got {len(packed)} bytes")
    items = tuple(map(Met._make, _ENTRY.iter_unpack(packed[_HEAD.size :])))
    return Taste(_HEAD.unpack_from(packed)[0], items)


def take(packed: bytes, item: int, at_ms: int, liked: float) -> bytes:
    """Return the taste after one more item was met; one that was met before moves to the front.

    item   hash of its id (`online_models.terms.hash_of_name`)
    liked  from 0, passed over, to 1

    >>> one = take(b"", 7, at_ms=1_000, liked=1.0)
    >>> taste_of(take(one, 7, at_ms=2_000, liked=0.0))
    Taste(total=2, items=(Met(item=7, at_s=2, met=2.0, liked=1.0),))

    Raises:
        StateCorrupt: the bytes are no taste.
    """
    total, items = taste_of(packed)
    before = next((one for one in items if one.item == item), None)
    met, fond = (before.met, before.liked) if before else (0.0, 0.0)
    fond += 0.0 if isnan(liked) else min(max(liked, 0.0), 1.0)
    met += 1.0
    if met > MET_MAX:
        met, fond = met / 2, fond / 2
    first = Met(item, min(max(at_ms // 1000, 0), _UNSIGNED_MAX), met, fond)
    kept = (first, *[one for one in items if one is not before][: ITEMS_MAX - 1])
    return _HEAD.pack(min(total + 1, _UNSIGNED_MAX)) + b"".join([_ENTRY.pack(*one) for one in kept])
