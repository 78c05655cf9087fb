"""Counts that forget: exponential decay, the same in whatever order events arrive."""

import math

import msgspec

_EXPONENT_MAX = 64
"""Half-lives after which values are scaled back, long before a float could overflow."""


class DecayedCounts(msgspec.Struct, array_like=True):
    """A bounded map from keys to sums that halve every half-life (forward decay).

    Values are kept as seen from a landmark: an event at `t` adds weight · 2^((t − landmark) / half-life),
    so adding is one multiplication, and the order of events does not matter but for rounding.
    The landmark moves by whole half-lives only, which scales by powers of two: exactly.
    Source: Cormode, Shkapenyuk, Srivastava, Xu, "Forward Decay", ICDE 2009.
    """

    half_life_ms: int = 0
    landmark: int = 0
    """In half-lives since 1970."""
    values: dict[int | str, float] = {}

    def add(self, key: int | str, weight: float, at_ms: int, half_life_ms: int, keys_max: int) -> None:
        """Count `weight` for `key` at `at_ms`; over `keys_max` keys the smallest leaves."""
        if half_life_ms != self.half_life_ms:
            self._change_half_life(half_life_ms, at_ms)
        exponent = at_ms / half_life_ms - self.landmark
        if exponent > _EXPONENT_MAX:
            exponent -= self._move_landmark(at_ms)
        self.values[key] = self.values.get(key, 0.0) + weight * math.exp2(exponent)
        if len(self.values) > keys_max:
            del self.values[min(self.values, key=lambda k: (self.values[k], k))]

    def value(self, key: int | str, at_ms: int) -> float:
        """The decayed sum of one key at a time; 0 for an unknown key."""
        found = self.values.get(key)
        return found * self._scale(at_ms) if found else 0.0

    def total(self, at_ms: int) -> float:
        """The decayed sum over all keys at a time."""
        return sum(self.values.values()) * self._scale(at_ms) if self.values else 0.0

    def shares(self) -> dict[int | str, float]:
        """Each key's part of the whole, which no passing of time changes; empty where nothing was counted."""
        whole = sum(self.values.values())
        return {key: value / whole for key, value in self.values.items()} if whole > 0 else {}

    def _scale(self, at_ms: int) -> float:
        return math.exp2(max(-1000.0, min(1000.0, self.landmark - at_ms / self.half_life_ms)))

    def _move_landmark(self, at_ms: int) -> int:
        by = math.floor(at_ms / self.half_life_ms) - self.landmark
        self.landmark += by
        self.values = {key: math.ldexp(value, -by) for key, value in self.values.items()}
        return by

    def _change_half_life(self, half_life_ms: int, at_ms: int) -> None:
        """Go on with another half-life: what has been forgotten until `at_ms` stays forgotten."""
        if self.values:
            scale = self._scale(at_ms)
            self.values = {key: value * scale for key, value in self.values.items()}
        self.half_life_ms = half_life_ms
        self.landmark = math.floor(at_ms / half_life_ms)
        if self.values:
            rest = math.exp2(at_ms / half_life_ms - self.landmark)
            self.values = {key: value * rest for key, value in self.values.items()}
