"""Features that a workspace declares: counted as events come, the same in whatever order they do."""

import math
import struct
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any

import msgspec

from online_models.decayed import EXPONENT_MAX
from schemas.events import Event
from schemas.library import KEYS_MAX, DeclaredFeature
from schemas.paths import values_at
from schemas.tagging import VALUES_OF_EVENT_MAX

KEYS_DEFAULT = 8
TEXT_LENGTH_MAX = 32
VALUE_MAX = 1e15
"""Larger numbers are a mistake, and count as none."""
WINDOW_BUCKETS = 24
"""A window goes on by a twenty-fourth of its length: nothing older than it ever counts."""

_COLUMNS = struct.Struct(f"<{2 * WINDOW_BUCKETS}d")
_FILLED = struct.Struct("<Bdd")
Value = float | dict[str, float]


class DeclaredState(msgspec.Struct, array_like=True):
    """What is kept of one feature of one person.

    kind, half_life_ms, window_ms  as declared when it began: declared otherwise, it begins anew
    at_ms    when it moved last
    place    half-lives since 1970 that totals are seen from; of a window, number of its newest bucket
    total    sum of the values (of `last`: the value), decayed
    weight   how many values, decayed; of `last`: a hash of the event, which decides between two at the same time
    keys     of a share: the same for each key
    text     of `last`: a value that is a text
    buckets  of a window: for each bucket that is not empty its place, the sum of the values, and how many; where that
             would be longer, for each bucket the sum, then for each how many
    """

    kind: str
    half_life_ms: int = 0
    window_ms: int = 0
    at_ms: int = -1
    place: int = 0
    total: float = 0.0
    weight: float = 0.0
    keys: dict[str, float] = {}
    text: str = ""
    buckets: bytes = b""

    def fits(self, feature: DeclaredFeature) -> bool:
        """Whether it was counted as the feature is declared."""
        return (
            self.kind == feature.kind
            and self.half_life_ms == feature.half_life_ms
            and self.window_ms == feature.window_ms
        )

    def add(self, feature: DeclaredFeature, values: Sequence[Any], event: Event) -> None:
        """Count the values of one event."""
        at_ms = event.at_ms
        if self.kind == "last":
            self._replace(values[-1], at_ms, event.id)
        elif self.kind == "share":
            self._add_keys(values, at_ms, int(feature.bound) or KEYS_DEFAULT)
        elif self.window_ms:
            self._add_to_bucket(at_ms // self._bucket_ms(), sum(values), float(len(values)))
        else:
            scale = self._scale_of(at_ms)
            self.total += scale * sum(values)
            self.weight += scale * len(values)
        self.at_ms = max(self.at_ms, at_ms)

    def value(self, feature: DeclaredFeature, at_ms: int) -> Value:
        """The feature at a time, within its bound; its default where nothing is known."""
        if self.kind == "share":
            whole = sum(self.keys.values())
            return {key: value / whole for key, value in self.keys.items()} if whole > 0.0 else feature.default
        if self.kind == "last":
            if self.window_ms and self.at_ms <= at_ms - self.window_ms:
                return feature.default
            if self.text:
                return {self.text: 1.0}
            return _bounded(self.total, feature.bound)
        total, weight = self._in_window(at_ms) if self.window_ms else (self.total, self.weight)
        if self.kind == "mean":
            return _bounded(total / weight, feature.bound) if weight > 0.0 else feature.default
        if self.window_ms and not weight:
            return feature.default
        faded = math.exp2(min(-self._half_lives_to(at_ms), EXPONENT_MAX)) if self.half_life_ms else 1.0
        return _bounded((weight if self.kind == "count" else total) * faded, feature.bound)

    def merge(self, other: "DeclaredState") -> None:
        """Add another profile's, counted as this one was."""
        if self.kind == "last":
            if (other.at_ms, other.weight) > (self.at_ms, self.weight):
                self.total, self.weight, self.text = other.total, other.weight, other.text
        elif self.window_ms:
            if other.buckets:
                self._add_buckets(other)
        else:
            newest = max(self.place, other.place)
            for one in (self, other):
                if newest > one.place:
                    one.move_to(newest)
            self.total += other.total
            self.weight += other.weight
            for key, value in other.keys.items():
                self.keys[key] = self.keys.get(key, 0.0) + value
            self._drop_smallest(KEYS_MAX)
        self.at_ms = max(self.at_ms, other.at_ms)

    def move_to(self, half_lives: int) -> None:
        """See totals from another whole number of half-lives: by powers of two, exactly."""
        by = half_lives - self.place
        self.place = half_lives
        self.total, self.weight = math.ldexp(self.total, -by), math.ldexp(self.weight, -by)
        if self.keys:
            self.keys = {key: math.ldexp(value, -by) for key, value in self.keys.items()}

    def _scale_of(self, at_ms: int) -> float:
        """What a value of a time counts, as totals are kept (forward decay, `online_models.decayed`)."""
        if not self.half_life_ms:
            return 1.0
        half_lives = at_ms // self.half_life_ms
        if half_lives > self.place:
            self.move_to(half_lives)
        return math.exp2(self._half_lives_to(at_ms))

    def _half_lives_to(self, at_ms: int) -> float:
        return (at_ms - self.place * self.half_life_ms) / self.half_life_ms

    def _add_keys(self, values: Sequence[str], at_ms: int, keys_max: int) -> None:
        scale = self._scale_of(at_ms)
        for key in values:
            self.keys[key] = self.keys.get(key, 0.0) + scale
        self._drop_smallest(keys_max)

    def _drop_smallest(self, keys_max: int) -> None:
        while len(self.keys) > keys_max:
            del self.keys[min(self.keys, key=lambda key: (self.keys[key], key))]

    def _replace(self, value: float | str, at_ms: int, event_id: str) -> None:
        """Keep the value of the newest event; of two at the same time, of that with the greater hash."""
        hashed = float(int.from_bytes(blake2b(event_id.encode(), digest_size=6).digest()))
        if (at_ms, hashed) > (self.at_ms, self.weight):
            self.weight = hashed
            self.total, self.text = (0.0, value) if isinstance(value, str) else (value, "")

    def _bucket_ms(self) -> int:
        return max(1, self.window_ms // WINDOW_BUCKETS)

    def _add_to_bucket(self, bucket: int, total: float, weight: float) -> None:
        columns = self._columns_up_to(bucket)
        if bucket > self.place - WINDOW_BUCKETS:
            at = bucket % WINDOW_BUCKETS
            columns[at] += total
            columns[at + WINDOW_BUCKETS] += weight
        self.buckets = _packed(columns)

    def _columns_up_to(self, bucket: int) -> list[float]:
        """The ring with room for a bucket: those that it takes the place of are emptied."""
        columns = list(_columns_of(self.buckets))
        if bucket > self.place:
            for passed in range(max(self.place + 1, bucket - WINDOW_BUCKETS + 1), bucket + 1):
                at = passed % WINDOW_BUCKETS
                columns[at] = columns[at + WINDOW_BUCKETS] = 0.0
            self.place = bucket
        return columns

    def _add_buckets(self, other: "DeclaredState") -> None:
        added = _columns_of(other.buckets)
        columns = self._columns_up_to(other.place)
        for bucket in range(other.place - WINDOW_BUCKETS + 1, other.place + 1):
            if bucket > self.place - WINDOW_BUCKETS:
                at = bucket % WINDOW_BUCKETS
                columns[at] += added[at]
                columns[at + WINDOW_BUCKETS] += added[at + WINDOW_BUCKETS]
        self.buckets = _packed(columns)

    def _in_window(self, at_ms: int) -> tuple[float, float]:
        """Sum and number of the values in the window that ends at a time."""
        newest = max(at_ms // self._bucket_ms(), self.place)
        first = newest - WINDOW_BUCKETS + 1
        if not self.buckets or first > self.place:
            return 0.0, 0.0
        columns = _columns_of(self.buckets)
        if newest == self.place:
            return math.fsum(columns[:WINDOW_BUCKETS]), math.fsum(columns[WINDOW_BUCKETS:])
        kept = [bucket % WINDOW_BUCKETS for bucket in range(first, self.place + 1)]
        return math.fsum(columns[at] for at in kept), math.fsum(columns[at + WINDOW_BUCKETS] for at in kept)


def _columns_of(buckets: bytes) -> list[float]:
    """For each bucket of a window the sum, then for each how many; by its length one sees how it is packed."""
    if len(buckets) == _COLUMNS.size:
        return list(_COLUMNS.unpack(buckets))
    columns = [0.0] * (2 * WINDOW_BUCKETS)
    for place, total, count in _FILLED.iter_unpack(buckets):
        columns[place], columns[place + WINDOW_BUCKETS] = total, count
    return columns


def _packed(columns: Sequence[float]) -> bytes:
    filled = [place for place in range(WINDOW_BUCKETS) if columns[place] or columns[place + WINDOW_BUCKETS]]
    if len(filled) * _FILLED.size > _COLUMNS.size:
        return _COLUMNS.pack(*columns)
    return b"".join([_FILLED.pack(place, columns[place], columns[place + WINDOW_BUCKETS]) for place in filled])


def observe_declared(states: dict[str, DeclaredState], event: Event, declared: Sequence[DeclaredFeature]) -> None:
    """Move the features that an event is among the events of."""
    for feature in declared:
        if feature.events and event.name not in feature.events:
            continue
        values = _values_of(feature, event)
        if not values:
            continue
        state = states.get(feature.name)
        if state is None or not state.fits(feature):
            state = DeclaredState(feature.kind, feature.half_life_ms, feature.window_ms)
            states[feature.name] = state
        state.add(feature, values, event)
    if len(states) > len(declared):
        names = {feature.name for feature in declared}
        for name in [name for name in states if name not in names]:
            del states[name]


def declared_value(states: dict[str, DeclaredState], feature: DeclaredFeature, at_ms: int) -> Value:
    """A feature's value at a time; its default where nothing was counted."""
    state = states.get(feature.name)
    return feature.default if state is None or not state.fits(feature) else state.value(feature, at_ms)


def merge_declared(into: dict[str, DeclaredState], other: dict[str, DeclaredState]) -> None:
    """Add another profile's features; where both were not counted alike, the other's are left out."""
    for name, state in other.items():
        known = into.get(name)
        if known is None:
            into[name] = msgspec.structs.replace(state, keys=dict(state.keys))
        elif (known.kind, known.half_life_ms, known.window_ms) == (state.kind, state.half_life_ms, state.window_ms):
            known.merge(msgspec.structs.replace(state, keys=dict(state.keys)))


def _values_of(feature: DeclaredFeature, event: Event) -> Sequence[Any]:
    """What one event adds; without a property each event is 1, or for a share its own name."""
    if not feature.property:
        return ((event.name or str(event.kind))[:TEXT_LENGTH_MAX],) if feature.kind == "share" else (1.0,)
    found = islice(values_at(event.properties, feature.property), VALUES_OF_EVENT_MAX)
    if feature.kind == "count":
        return [1.0 for value in found if value is not None]
    if feature.kind == "share":
        return [text for text in map(_text, found) if text]
    if feature.kind == "last":
        return [value for value in map(_number_or_text, found) if value is not None]
    return [float(value) for value in found if _is_number(value)]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= VALUE_MAX


def _number_or_text(value: Any) -> float | str | None:
    return float(value) if _is_number(value) else _text(value) or None


def _text(value: Any) -> str:
    return value.strip().lower()[:TEXT_LENGTH_MAX] if isinstance(value, str) else ""


def _bounded(value: float, bound: float) -> float:
    return min(max(value, -bound), bound) if bound else value


def numbers(values: Iterable[Value]) -> list[float]:
    """Values as one number each: of many keys, the largest share."""
    return [max(value.values(), default=0.0) if isinstance(value, dict) else value for value in values]
