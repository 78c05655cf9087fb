"""What steps count. A step only says what happened, as data; a tally gathers it, and hands it to Flink's counters.

Flink's counters are reached through the JVM, some 1 µs for each; so a step's are added up in Python first.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from connectors.metrics.job import JOB, STEP_SECONDS, STEP_TIME

LABELS = {metric.name: metric.labels for metric in JOB}
BOUNDS = (*map(str, STEP_SECONDS), "+Inf")
"""Of the histogram's buckets, as Prometheus writes them."""


class Count(NamedTuple):
    """Something that happened.

    name    of a row of `connectors.metrics.job`
    values  of its labels, in the row's order
    amount  0 or more; 0 makes it known before anything was counted: a rate does not see a counter's first value
    """

    name: str
    values: tuple[str, ...]
    amount: float = 1


class Counter(Protocol):
    """A counter of Flink's: whole numbers only."""

    def inc(self, n: int = 1) -> None:
        """Add to it."""


OpenCounter = Callable[[str, tuple[tuple[str, str], ...]], Counter]
"""Opens a counter by its name and its labels."""


class Tally:
    """The counts of one operator instance.

    counter  opens Flink's counters, one for each name and labels, when first counted
    step     the operator's name, a label of its times
    every_s  seconds for which counts are gathered; 0: everything is handed on at once, where few records come
    """

    def __init__(self, counter: OpenCounter, step: str, every_s: float) -> None:
        self._open = counter
        self._step = step
        self._every_s = every_s
        self._next_s = 0.0
        self._gathered: dict[tuple[str, tuple[str, ...]], float] = {}
        self._counters: dict[tuple[str, tuple[str, ...]], Counter] = {}
        self._times = [0] * len(BOUNDS)
        self._spent_s = 0.0

    def add(self, counts: Iterable[Count]) -> None:
        """Count what a step said."""
        gathered = self._gathered
        for name, values, amount in counts:
            key = (name, values)
            gathered[key] = gathered.get(key, 0.0) + amount

    def took(self, began_s: float, ended_s: float) -> None:
        """Count the time of one call, and hand on what was gathered where it is time to."""
        spent_s = ended_s - began_s
        self._times[bisect_left(STEP_SECONDS, spent_s)] += 1
        self._spent_s += spent_s
        if ended_s >= self._next_s:
            self._next_s = ended_s + self._every_s
            self.hand_on()

    def hand_on(self) -> None:
        """Give all that was gathered to Flink, in whole ones; what is less waits for more of it."""
        # What is less than one is carried over, so that sums lose nothing (a test adds thirds).
        self._gathered = {key: left for key, amount in self._gathered.items() if (left := self._given(key, amount))}
        self._hand_on_times()

    def _hand_on_times(self) -> None:
        total = 0
        for bound, number in zip(BOUNDS, self._times, strict=True):
            # A bucket holds all that took no longer than its bound.
            total += number
            self._give(f"{STEP_TIME}_bucket", (self._step, bound), total)
        self._give(f"{STEP_TIME}_count", (self._step,), total)
        self._times = [0] * len(BOUNDS)
        self._spent_s = self._given((f"{STEP_TIME}_sum", (self._step,)), self._spent_s)

    def _given(self, key: tuple[str, tuple[str, ...]], amount: float) -> float:
        """Give the whole part; what is left."""
        whole = int(amount)
        self._give(*key, whole)
        return amount - whole

    def _give(self, name: str, values: tuple[str, ...], number: int) -> None:
        found = self._counters.get((name, values))
        if found is None:
            found = self._counters[name, values] = self._open(name, labels_of(name, values))
        if number:
            found.inc(number)


def labels_of(name: str, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The labels of a count, with their names."""
    own = LABELS.get(name)
    if own is None:
        own = (*LABELS[STEP_TIME], "le") if name.endswith("_bucket") else LABELS[STEP_TIME]
    # Of an enum's member Java would see the object: here it becomes a plain string.
    return tuple([(label, str(value)) for label, value in zip(own, values, strict=True)])
