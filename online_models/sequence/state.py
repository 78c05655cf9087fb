"""The recurrent state of one person: opened, stepped by one event, packed. Pure numpy."""

import struct
from collections.abc import Iterable
from math import log1p
from typing import NamedTuple

import numpy as np

from online_models.sequence.weights import HOURS_OF_WEEK, Floats, SequenceWeights

HOUR_MS = 3_600_000
THURSDAY = 72
"""Hours of the week at the first moment of 1970, counted from Monday."""
GAP_MAX_MS = 90 * 86_400_000
RESETS_MAX = 0xFFFF
VALUE_MAX = 1.0001
"""A step gives means of numbers from -1 to 1, but for rounding."""
_HEAD = struct.Struct("<IHq")


class SequenceInput(NamedTuple):
    """What one step is told: hashes of names (`online_models.terms.hash_of_name`), 0 for none, and when.

    kind   of the event's name, or of the reward
    item   of the content or variant
    tags   of the item
    at_ms  log time
    """

    kind: int
    item: int
    tags: tuple[int, ...]
    at_ms: int


class SequenceState(NamedTuple):
    """What is stored of one person.

    values   shape (hidden,), each from -1 to 1
    last_ms  log time of the step before; 0 where there was none
    resets   how often the values were no numbers, and began anew
    """

    values: Floats
    last_ms: int
    resets: int


def opened(hidden: bytes, weights: SequenceWeights) -> SequenceState:
    """Read a packed state.

    One of another lineage, or of another length, begins anew: its numbers mean something else. One that holds a NaN
    or a number that no step gives begins anew too, and is counted.
    """
    nothing = np.zeros(weights.hidden, np.float32)
    if len(hidden) != _HEAD.size + 4 * weights.hidden:
        return SequenceState(nothing, 0, 0)
    lineage, resets, last_ms = _HEAD.unpack_from(hidden)
    if lineage != weights.lineage:
        return SequenceState(nothing, 0, 0)
    values = np.frombuffer(hidden, "<f4", offset=_HEAD.size)
    # NaN is not less than anything; `abs` and `max` warn of nothing, whatever the bytes are.
    if not float(abs(values).max()) <= VALUE_MAX:
        return SequenceState(nothing, last_ms, min(resets + 1, RESETS_MAX))
    return SequenceState(values, last_ms, resets)


def packed(state: SequenceState, weights: SequenceWeights) -> bytes:
    """Lineage (uint32), resets (uint16), time (int64), then float32 for each number, little-endian."""
    return _HEAD.pack(weights.lineage, state.resets, state.last_ms) + state.values.tobytes()


def step(hidden: bytes, weights: SequenceWeights, one: SequenceInput) -> bytes:
    """The state after one event, packed; what is unknown of the event adds nothing."""
    return steps(hidden, weights, (one,))


def steps(hidden: bytes, weights: SequenceWeights, told: Iterable[SequenceInput]) -> bytes:
    """The state after several events, packed: what one step after the other gives, opened and packed once."""
    values, last_ms, resets = opened(hidden, weights)
    for one in told:
        values = stepped(values, weights, one, gap_of(last_ms, one.at_ms))
        last_ms = max(one.at_ms, last_ms)
    return packed(SequenceState(values, last_ms, resets), weights)


def stepped(values: Floats, weights: SequenceWeights, one: SequenceInput, gap: float) -> Floats:
    """One step of Keras's `GRU(reset_after=True)`; its gates are update, reset, candidate in this order."""
    size = weights.hidden
    told = weights.projected(one.kind, one.item, one.tags) + weights.hours[hour_of_week(one.at_ms)]
    if gap:
        told += weights.gap * np.float32(gap)
    kept = values @ weights.recurrent
    kept += weights.recurrent_bias
    # σ(x) = (1 + tanh(x / 2)) / 2 overflows nowhere.
    gates = np.tanh((told[: 2 * size] + kept[: 2 * size]) * np.float32(0.5))
    gates += np.float32(1.0)
    gates *= np.float32(0.5)
    candidate = np.tanh(told[2 * size :] + gates[size:] * kept[2 * size :])
    new: Floats = candidate + gates[:size] * (values - candidate)
    return new


def gap_of(last_ms: int, at_ms: int) -> float:
    """How long since the step before, on a scale of logarithms from 0 (none, or at once) to about 1.6 (90 days)."""
    if not last_ms or at_ms <= last_ms:
        return 0.0
    return log1p(min(at_ms - last_ms, GAP_MAX_MS) / 1000.0) / 10.0


def hour_of_week(at_ms: int) -> int:
    """From 0, Monday at midnight UTC, to 167."""
    return (at_ms // HOUR_MS + THURSDAY) % HOURS_OF_WEEK
