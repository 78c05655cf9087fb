"""Counts that forget: exponential decay, the same in whatever order events arrive."""

import math

import msgspec

EXPONENT_MAX = 1000.0
"""Powers of two beyond it are near the end of what a float can hold."""


class DecayedCounts(msgspec.Struct, array_like=True):
    """A bounded map from keys to sums that halve every half-life (forward decay).

    Values are kept as seen from a landmark: an event at `t` adds weight · 2^((t − landmark) / half-life),
    so adding is one multiplication, and the order of events does not matter but for rounding.
    The landmark is the newest event's time in whole half-lives; moving it scales by powers of two: exactly.
    Source: Cormode, Shkapenyuk, Srivastava, Xu, "Forward Decay", ICDE 2009.
    """

    half_life_ms: int = 0
    landmark: int = 0
    """In half-lives since 1970."""
    values: dict[int | str, float] = {}

    def add(self, key: int | str, weight: float, at_ms: int, half_life_ms: int, keys_max: int) -> float:
        """Count `weight` for `key` at `at_ms`; over `keys_max` keys the smallest leaves.

        Returns what it added to `values`: 0 where the key itself left.
        """
        if half_life_ms != self.half_life_ms:
            self._change_half_life(half_life_ms, at_ms)
        newest = at_ms // half_life_ms
        if newest > self.landmark:
            self.move_to(newest)
        added = weight * math.exp2(self._half_lives_to(at_ms))
        self.values[key] = self.values.get(key, 0.0) + added
        if len(self.values) > keys_max:
            smallest = min(self.values, key=lambda k: (self.values[k], k))
            del self.values[smallest]
            return 0.0 if smallest == key else added
        return added

    def merge(self, other: "DecayedCounts", keys_max: int) -> float:
        """Add the counts of another map; over `keys_max` keys the smallest leave.

        Returns the part of the new whole that came with it: by no more than that have shares moved, in total variation.
        """
        if not other.values:
            return 0.0
        added = DecayedCounts(other.half_life_ms, other.landmark, dict(other.values))
        if not self.values:
            self.half_life_ms, self.landmark = added.half_life_ms, added.landmark
        elif added.half_life_ms != self.half_life_ms:
            added._change_half_life(self.half_life_ms, added.landmark * added.half_life_ms)
        newest = max(self.landmark, added.landmark)
        for one in (self, added):
            if one.landmark < newest:
                one.move_to(newest)
        for key, value in added.values.items():
            self.values[key] = self.values.get(key, 0.0) + value
        whole = sum(self.values.values())
        moved = sum(added.values.values())
        while len(self.values) > keys_max:
            smallest = min(self.values, key=lambda k: (self.values[k], str(k)))
            moved += self.values.pop(smallest)
        return min(1.0, moved / whole) if whole > 0.0 else 1.0

    def value(self, key: int | str, at_ms: int) -> float:
        """The decayed sum of one key at a time; 0 for an unknown key."""
        found = self.values.get(key)
        return found * math.exp2(min(-self._half_lives_to(at_ms), EXPONENT_MAX)) if found else 0.0

    def shares(self) -> dict[int | str, float]:
        """Each key's part of the whole, which no passing of time changes; empty where nothing was counted."""
        whole = sum(self.values.values())
        return {key: value / whole for key, value in self.values.items()} if whole > 0 else {}

    def move_to(self, to: int) -> None:
        """See values from another landmark: by powers of two, exactly."""
        by = to - self.landmark
        self.landmark = to
        self.values = {key: math.ldexp(value, -by) for key, value in self.values.items()}

    def _half_lives_to(self, at_ms: int) -> float:
        """From the landmark; subtracted as whole numbers, so that no digits are lost."""
        return (at_ms - self.landmark * self.half_life_ms) / self.half_life_ms

    def _change_half_life(self, half_life_ms: int, at_ms: int) -> None:
        """Go on with another half-life: what has been forgotten until now stays forgotten.

        Now is the time of the event, or the landmark where the event is late: it must wake nothing up.
        """
        now_ms = max(at_ms, self.landmark * self.half_life_ms)
        forgotten = self._half_lives_to(now_ms) if self.values else 0.0
        self.half_life_ms = half_life_ms
        self.landmark = now_ms // half_life_ms
        scale = math.exp2(self._half_lives_to(now_ms) - forgotten)
        self.values = {key: value * scale for key, value in self.values.items()}
