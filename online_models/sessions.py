"""Visits: what one person does without a pause of more than half an hour."""

import struct

import msgspec

GAP_MS = 30 * 60_000
"""A longer pause ends a visit."""
LATENESS_MS = 24 * 3_600_000
"""An event up to this much older than the person's newest one counts as if it had come in order."""
VISITS_KEPT_MAX = LATENESS_MS // GAP_MS + 2
"""Visits that begin more than a gap apart, and are not older than the lateness bound, are no more than this."""

_VISIT = struct.Struct("<qq")
Visit = tuple[int, int]


class Sessions(msgspec.Struct, array_like=True):
    """The number of visits, exact for events inside the lateness bound, in whatever order they come.

    ended   visits of which only the number is kept
    newest  beginning and end of the newest visit; -1 before the first
    kept    earlier visits that a late event may still join or bring together, packed, the oldest first
    """

    ended: int = 0
    begin_ms: int = -1
    end_ms: int = -1
    kept: bytes = b""

    def add(self, at_ms: int) -> None:
        """Count what was done at a time. What is later than the bound makes no visit."""
        if self.begin_ms <= at_ms <= self.end_ms + GAP_MS and self.begin_ms >= 0:
            self.end_ms = max(self.end_ms, at_ms)
        elif self.begin_ms < 0:
            self.begin_ms = self.end_ms = at_ms
        elif at_ms >= self.end_ms - LATENESS_MS:
            self._keep([*self.visits(), (at_ms, at_ms)])

    def count(self) -> int:
        """How many visits there were."""
        return self.ended + len(self.kept) // _VISIT.size + (self.begin_ms >= 0)

    def merge(self, other: "Sessions") -> None:
        """Add another profile's visits; those that only their number is kept of cannot have been the same."""
        self.ended += other.ended
        if other.begin_ms >= 0:
            self._keep(self.visits() + other.visits() if self.begin_ms >= 0 else other.visits())

    def visits(self) -> list[Visit]:
        """Visits that are kept, the newest last."""
        return [*_VISIT.iter_unpack(self.kept), (self.begin_ms, self.end_ms)]

    def _keep(self, visits: list[Visit]) -> None:
        """Join visits without a gap between them, and let those go that nothing in time can join any more."""
        joined: list[Visit] = []
        for begin_ms, end_ms in sorted(visits):
            if joined and begin_ms <= joined[-1][1] + GAP_MS:
                joined[-1] = joined[-1][0], max(joined[-1][1], end_ms)
            else:
                joined.append((begin_ms, end_ms))
        self.begin_ms, self.end_ms = joined.pop()
        kept = [visit for visit in joined if visit[1] >= self.end_ms - LATENESS_MS - GAP_MS]
        self.ended += len(joined) - len(kept)
        self.kept = b"".join(_VISIT.pack(*visit) for visit in kept)
