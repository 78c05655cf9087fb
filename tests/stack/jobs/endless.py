"""A job for tests of the clusters: counts an endless row of numbers per key, in thread mode, and forgets them."""

import sys
from collections.abc import Iterator
from typing import Any

from pyflink.common import Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext, StreamExecutionEnvironment
from pyflink.datastream.state import ValueStateDescriptor
from pyflink.table import StreamTableEnvironment

NUMBERS = (
    "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '20', 'fields.n.max' = '9')"
)


class Count(KeyedProcessFunction):  # type: ignore[misc]
    """Counts in keyed state."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Get the state."""
        self._count = runtime_context.get_state(ValueStateDescriptor("count", Types.LONG()))

    def process_element(self, _value: Any, _ctx: Any) -> Iterator[int]:
        """One more."""
        self._count.update((self._count.value() or 0) + 1)
        yield self._count.value()


def main() -> None:
    """Build the graph and run it."""
    if "fail" in sys.argv[1:]:
        raise KeyError("this job was asked to fail")
    env = StreamExecutionEnvironment.get_execution_environment()
    tables = StreamTableEnvironment.create(env)
    tables.execute_sql(NUMBERS)
    numbers = tables.to_data_stream(tables.from_path("numbers")).map(lambda row: row[0], Types.LONG())
    counts = numbers.key_by(lambda number: number, Types.LONG()).process(Count(), Types.LONG()).uid("count")
    counts.filter(lambda count: count < 0).print()
    env.execute("endless")


if __name__ == "__main__":
    main()
