"""Caps: how many marketing messages a person is sent in so many of the person's own calendar days.

A row holds when each was granted and by which send, so that days are counted in whatever zone the person is in now, and
one that was never handed over is given back once, however often that is told.
"""

import struct
from collections.abc import Sequence
from datetime import tzinfo
from typing import NamedTuple

from connectors.cache.families import SEND_BYTES
from connectors.delivery.quiet import DAY_MS, day_of

CAP_DAYS_MAX = 31
"""Days that a cap may span; the schema of `foresend.yaml` says the same."""
_ONE = struct.Struct(f">Q{SEND_BYTES}s")


class Counted(NamedTuple):
    """One message that counts. `send`: the hash of its send."""

    at_ms: int
    send: bytes


def packed(counted: Sequence[Counted]) -> bytes:
    """A row of `caps`."""
    return b"".join(_ONE.pack(*one) for one in counted)


def unpacked(row: bytes | None) -> tuple[Counted, ...]:
    """Undo `packed`."""
    return tuple(Counted(*one) for one in _ONE.iter_unpack(row or b""))


def reserved(counted: Sequence[Counted], new: Counted) -> tuple[Counted, ...]:
    """With one more, counted once, and without what no cap looks back to any more."""
    oldest_ms = new.at_ms - (CAP_DAYS_MAX + 2) * DAY_MS
    return (*(one for one in counted if one.send != new.send and one.at_ms > oldest_ms), new)


def given_back(counted: Sequence[Counted], send: bytes) -> tuple[Counted, ...]:
    """Without the one of a send that was never handed over."""
    return tuple(one for one in counted if one.send != send)


def reached(
    counted: Sequence[Counted], caps: Sequence[tuple[int, int]], now_ms: int, zone: tzinfo, send: bytes
) -> tuple[int, int] | None:
    """The first cap `(days, messages)` that leaves no room for one more today; None: there is room.

    A cap of n days looks at today and the n - 1 days before it. What the send itself reserved does not count.
    """
    today = day_of(now_ms, zone)
    ages = [today - day_of(one.at_ms, zone) for one in counted if one.send != send]
    return next(((days, most) for days, most in caps if sum(age < days for age in ages) >= most), None)
