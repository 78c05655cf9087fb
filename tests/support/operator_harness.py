"""The real adapter under Flink's rules, without a JVM.

The operator is pickled before it runs, state is bytes, clocks move by hand; a context kept past its
element, a side output that nobody declared, and a launch of the JVM fail the test.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any
from unittest.mock import patch

import cloudpickle
from pyflink.common import Row, RowKind
from pyflink.datastream import OutputTag

from flink_jobs.adapter import DEAD_LETTERS, HANDED_ON, SIDES, KeyedStepAdapter
from flink_jobs.cells import CellName
from flink_jobs.records import InputRecord, KeyedProgram, OutputRecord, state_key_of
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.events import Event, encode_event
from schemas.keys import event_key
from schemas.versions import Position

Snapshot = tuple[dict[str, dict[str, bytes]], list[tuple[int, str]]]


class OperatorHarness:
    """One operator instance.

    `outputs` (communications), `told` (each other topic), `handed_on` (to the population learner) and `dead_letters`
    grow as records are sent. `counts` are Flink's counters, by name and labels.
    """

    def __init__(self, program: KeyedProgram, restored: Snapshot | None = None) -> None:
        self._state: dict[str, dict[str, bytes]] = {}
        self._timers: list[tuple[int, str]] = []
        if restored:
            self._state = {key: dict(cells) for key, cells in restored[0].items()}
            self._timers = list(restored[1])
        self._offset = -1
        self._key = ""
        self.outputs: list[OutputRecord] = []
        self.told: dict[str, list[OutputRecord]] = {topic: [] for topic in SIDES}
        self.dead_letters: list[DeadLetter] = []
        self.handed_on: list[InputRecord] = []
        self.counts: dict[tuple[str, ...], int] = {}
        operator = KeyedStepAdapter(program, "personalize", counts_every_s=0)
        self._operator: KeyedStepAdapter = cloudpickle.loads(cloudpickle.dumps(operator))
        with _no_jvm():
            self._operator.open(_RuntimeContext(self))

    def send(self, event: Event, log_ms: int | None = None) -> None:
        """Apply an event as the log's next record; its log time is when it was received."""
        key = event_key(event.workspace, event.user, event.record_id)
        self.send_bytes(key, encode_event(event), event.received_ms if log_ms is None else log_ms)

    def send_bytes(self, key: bytes, value: bytes, log_ms: int) -> None:
        """Apply raw bytes as the log's next record."""
        self._offset += 1
        self.send_record(InputRecord(key, value, Position(log_ms, 0, self._offset)))

    def send_record(self, record: InputRecord) -> None:
        """Apply a record that has its own place in the log."""
        self._key = state_key_of(record.key)
        row = Row(record.key, record.value, record.position.partition, record.position.offset, None)
        context = _Context(self, record.position.log_ms)
        with _no_jvm():
            self._collect(self._operator.process_element(row, context))
        context.is_over = True

    def advance_event_time(self, to_ms: int) -> None:
        """Move the watermark: every timer up to it fires, in order of time."""
        while self._timers and self._timers[0][0] <= to_ms:
            at_ms, self._key = heappop(self._timers)
            context = _Context(self, at_ms)
            with _no_jvm():
                self._collect(self._operator.on_timer(at_ms, context))
            context.is_over = True

    def cell(self, name: CellName, key: str) -> bytes | None:
        """A cell's stored bytes."""
        return self._state.get(key, {}).get(name)

    def snapshot(self) -> Snapshot:
        """State and timers, as a checkpoint would hold them."""
        return {key: dict(cells) for key, cells in self._state.items() if cells}, sorted(self._timers)

    def _collect(self, results: Iterator[Row | tuple[OutputTag, Row]]) -> None:
        for result in results:
            tag, row = result if isinstance(result, tuple) else (None, result)
            if tag == DEAD_LETTERS:
                self.dead_letters.append(decode(DeadLetter, row[1]))
                continue
            if tag == HANDED_ON:
                workspace, (key, value, partition, offset) = row
                assert key.startswith(workspace.encode()), "the learner is keyed by the workspace"
                self.handed_on.append(InputRecord(key, value, Position(0, partition, offset)))
                continue
            is_delete = row.get_row_kind() is RowKind.DELETE
            assert is_delete == (row[1] is None), "a tombstone is a row of kind DELETE, and nothing else is"
            if tag is None:
                self.outputs.append(OutputRecord(row[0].encode(), row[1]))
            else:
                assert SIDES.get(tag.tag_id) == tag, f"undeclared side output {tag.tag_id}"
                self.told[tag.tag_id].append(OutputRecord(row[0].encode(), row[1], tag.tag_id))


class _RuntimeContext:
    def __init__(self, harness: OperatorHarness) -> None:
        self._harness = harness

    def get_state(self, descriptor: Any) -> "_ValueState":
        return _ValueState(self._harness, descriptor.get_name())

    def get_metrics_group(self) -> "_MetricGroup":
        return _MetricGroup(self._harness.counts, ())


class _MetricGroup:
    def __init__(self, counts: dict[tuple[str, ...], int], scope: tuple[str, ...]) -> None:
        self._counts = counts
        self._scope = scope

    def add_group(self, name: str, extra: str | None = None) -> "_MetricGroup":
        return _MetricGroup(self._counts, (*self._scope, name if extra is None else f"{name}={extra}"))

    def counter(self, name: str) -> "_Counter":
        assert self._scope[-1] == "foresend", "all of our names begin with this group"
        key = (f"foresend_{name}", *self._scope[:-1])
        assert key not in self._counts, f"a counter opened twice counts in the first: {key}"
        self._counts[key] = 0
        return _Counter(self._counts, key)


class _Counter:
    def __init__(self, counts: dict[tuple[str, ...], int], key: tuple[str, ...]) -> None:
        self._counts = counts
        self._key = key

    def inc(self, n: int = 1) -> None:
        assert type(n) is int, f"Flink counts whole numbers, got {n}"
        self._counts[self._key] += n


class _ValueState:
    def __init__(self, harness: OperatorHarness, name: str) -> None:
        self._harness = harness
        self._name = name

    def value(self) -> bytes | None:
        return self._harness._state.get(self._harness._key, {}).get(self._name)

    def update(self, value: bytes) -> None:
        assert type(value) is bytes, f"state must be bytes, got {type(value)}"
        self._harness._state.setdefault(self._harness._key, {})[self._name] = value

    def clear(self) -> None:
        self._harness._state.get(self._harness._key, {}).pop(self._name, None)


class _Context:
    """Good for one element only."""

    def __init__(self, harness: OperatorHarness, timestamp: int) -> None:
        self._harness = harness
        self._timestamp = timestamp
        self.is_over = False

    def _check(self) -> None:
        assert not self.is_over, "a context was kept past its element"

    def timestamp(self) -> int:
        self._check()
        return self._timestamp

    def get_current_key(self) -> str:
        self._check()
        return self._harness._key

    def timer_service(self) -> "_Context":
        self._check()
        return self

    def register_event_time_timer(self, at_ms: int) -> None:
        self._check()
        timer = (at_ms, self._harness._key)
        if timer not in self._harness._timers:
            heappush(self._harness._timers, timer)

    def delete_event_time_timer(self, at_ms: int) -> None:
        self._check()
        timer = (at_ms, self._harness._key)
        if timer in self._harness._timers:
            self._harness._timers.remove(timer)
            self._harness._timers.sort()


@contextmanager
def _no_jvm() -> Iterator[None]:
    def refuse() -> None:
        raise AssertionError("a worker may not launch a JVM")

    with patch("pyflink.java_gateway.launch_gateway", refuse), patch("pyflink.java_gateway.get_gateway", refuse):
        yield
