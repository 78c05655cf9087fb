"""How many messages somebody was sent since he last reacted to one."""

import struct
from bisect import bisect_right, insort

import msgspec

SENDS_MAX = 32
"""Sends that are told apart: from here on it is "so many or more"."""


class Sends(msgspec.Struct, array_like=True):
    """Times of the newest sends without a reaction, exact up to `SENDS_MAX` in whatever order they are told.

    times       packed, the oldest first; none of them before the newest reaction
    reacted_ms  when a person last clicked or ordered; -1 for never
    """

    times: bytes = b""
    reacted_ms: int = -1

    def sent(self, at_ms: int) -> None:
        """Count a message."""
        if at_ms > self.reacted_ms:
            times = self.told()
            insort(times, at_ms)
            self._keep(times)

    def reacted(self, at_ms: int) -> None:
        """Forget what was sent before a reaction."""
        if at_ms > self.reacted_ms:
            self.reacted_ms = at_ms
            if self.times:
                self._keep(self.told())

    def count(self) -> int:
        """Messages sent since the newest reaction; at most `SENDS_MAX`."""
        return len(self.times) // 8

    def newest_ms(self) -> int:
        """When the newest of them was sent, or the reaction was; 0 for neither."""
        return max(self.told()[-1] if self.times else 0, self.reacted_ms, 0)

    def merge(self, other: "Sends") -> None:
        """Add another profile's."""
        self.reacted_ms = max(self.reacted_ms, other.reacted_ms)
        self._keep(sorted(self.told() + other.told()))

    def told(self) -> list[int]:
        """The sends' times, the oldest first."""
        return list(struct.unpack(f"<{len(self.times) // 8}q", self.times))

    def _keep(self, times: list[int]) -> None:
        newest = times[bisect_right(times, self.reacted_ms) :][-SENDS_MAX:]
        self.times = struct.pack(f"<{len(newest)}q", *newest)
