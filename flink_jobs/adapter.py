"""The one adapter between Flink's keyed operators and pure steps. It carries; it decides nothing."""

from collections.abc import Iterator
from time import perf_counter

from pyflink.common import Row, RowKind, Types
from pyflink.datastream import KeyedProcessFunction, OutputTag, RuntimeContext
from pyflink.datastream.state import ValueState, ValueStateDescriptor

from connectors.kafka.dead_letters import code_version, dead_letter_record
from connectors.metrics.job import DEAD_LETTERS as DEAD_LETTERS_COUNTED
from flink_jobs.cells import CellName
from flink_jobs.counting import Count, Tally
from flink_jobs.flink_counters import FlinkCounters
from flink_jobs.records import InputRecord, KeyedProgram, KeyedStep, Outcome, dead_letter
from schemas.errors import DataError, Reason
from schemas.topics import EXAMPLES, PROFILES, RELAYS, SUPPRESSIONS
from schemas.versions import Position

OUTPUT_TYPE = Types.ROW_NAMED(["key", "value"], [Types.STRING(), Types.PRIMITIVE_ARRAY(Types.BYTE())])
DEAD_LETTERS = OutputTag("dead-letters", OUTPUT_TYPE)
SIDES = {topic.name: OutputTag(topic.name, OUTPUT_TYPE) for topic in (PROFILES, EXAMPLES, RELAYS, SUPPRESSIONS)}
"""Topics beside the main output. Each is declared in the job's drawing, with its sink."""
RECORD_TYPE = Types.ROW(
    [Types.PRIMITIVE_ARRAY(Types.BYTE()), Types.PRIMITIVE_ARRAY(Types.BYTE()), Types.INT(), Types.LONG()]
)
"""Key, value, partition and offset of a record; its log time is the row's own timestamp."""
HANDED_ON = OutputTag("handed-on", Types.ROW([Types.STRING(), RECORD_TYPE]))
"""Examples once more, by their workspace: what the population learner reads, behind an exchange."""

KEY, VALUE, PARTITION, OFFSET = range(4)
"""Columns of the rows that `kafka_tables.keyed_log` gives; log time is the row's own timestamp."""


class KeyedStepAdapter(KeyedProcessFunction):  # type: ignore[misc]
    """Loads cells, calls the step, stores cells, sets the timer, yields outputs; bad input becomes a dead letter.

    Each key has one timer, at its next deadline.

    name            the operator's, by which its times and dead letters are counted
    counts_every_s  how often counts are handed on to Flink: see `flink_jobs.counting.Tally`
    """

    def __init__(self, program: KeyedProgram, name: str, counts_every_s: float = 1.0) -> None:
        self._program = program
        self._name = name
        self._counts_every_s = counts_every_s

    def open(self, runtime_context: RuntimeContext) -> None:
        """Build the step, and declare its cells."""
        self._step: KeyedStep = self._program.open()
        self._cells = _Cells(
            # Bytes go through as they are: the other byte types fail on empty state or turn them into tuples.
            {
                name: runtime_context.get_state(ValueStateDescriptor(name, Types.PICKLED_BYTE_ARRAY()))
                for name in self._program.cells
            }
        )
        self._code_version = code_version()
        counters = FlinkCounters(runtime_context.get_metrics_group())
        self._tally = Tally(counters.open, self._name, self._counts_every_s)
        self._tally.add([Count(DEAD_LETTERS_COUNTED, (self._name, reason), 0) for reason in Reason])
        # Told before anything came: a rate does not see a counter's first value (a test looks for the 0).
        self._tally.hand_on()

    def close(self) -> None:
        """Let go of what the step holds."""
        if hasattr(self, "_step"):
            self._step.close()

    def process_element(self, row: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row | tuple[OutputTag, Row]]:
        """Apply one record of the log."""
        # What another operator hands on has no time of its own.
        position = Position(ctx.timestamp() or 0, row[PARTITION], row[OFFSET])
        record = InputRecord(bytes(row[KEY] or b""), bytes(row[VALUE] or b""), position)
        began_s = perf_counter()
        try:
            outcome = self._step.on_record(self._cells, record)
        except DataError as error:
            self._count([Count(DEAD_LETTERS_COUNTED, (self._name, error.reason))], began_s)
            key, value = dead_letter_record(dead_letter(self._program.source, record, error, self._code_version))
            yield DEAD_LETTERS, Row(key.decode(), value)
            return
        self._count(outcome.counts, began_s)
        yield from self._perform(outcome, position, ctx)

    def on_timer(
        self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext
    ) -> Iterator[Row | tuple[OutputTag, Row]]:
        """Apply what has become due."""
        began_s = perf_counter()
        outcome = self._step.on_deadline(self._cells, ctx.get_current_key(), timestamp)
        self._count(outcome.counts, began_s)
        yield from self._perform(outcome, Position(timestamp, 0, 0), ctx)

    def _count(self, counts: list[Count], began_s: float) -> None:
        self._tally.add(counts)
        self._tally.took(began_s, perf_counter())

    def _perform(
        self, outcome: Outcome, position: Position, ctx: KeyedProcessFunction.Context
    ) -> Iterator[Row | tuple[OutputTag, Row]]:
        if outcome.wake_at_ms != outcome.woken_at_ms:
            timers = ctx.timer_service()
            if outcome.woken_at_ms:
                timers.delete_event_time_timer(outcome.woken_at_ms)
            if outcome.wake_at_ms:
                timers.register_event_time_timer(outcome.wake_at_ms)
        for output in outcome.outputs:
            row = Row(output.key.decode(), output.value)
            row.set_row_kind(RowKind.DELETE if output.value is None else RowKind.UPDATE_AFTER)
            side = SIDES.get(output.topic)
            yield row if side is None else (side, row)
            if output.topic == EXAMPLES.name and output.value is not None:
                workspace = output.key.partition(b"|")[0].decode()
                record = Row(output.key, output.value, position.partition, position.offset)
                yield HANDED_ON, Row(workspace, record)


class _Cells:
    """The cells of the current key: Flink's state handles always mean the key at hand."""

    def __init__(self, handles: dict[CellName, ValueState]) -> None:
        self._handles = handles

    def read(self, cell: CellName) -> bytes | None:
        stored: bytes | None = self._handles[cell].value()
        return stored

    def write(self, cell: CellName, value: bytes) -> None:
        if value:
            self._handles[cell].update(value)
        else:
            self._handles[cell].clear()
