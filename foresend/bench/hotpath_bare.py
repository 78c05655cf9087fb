"""The process of the bare loop: the program that ran in Flink, over the same records, with dicts for cells."""

import gc
import sys
from pathlib import Path

import msgspec

from connectors.kafka.log_reader import read_log
from flink_jobs.bench.program import Hotpath, HotpathStep
from flink_jobs.cells import CellName
from flink_jobs.records import InputRecord, PlainCells, state_key_of


def fold(step: HotpathStep, records: list[InputRecord], states: dict[str, dict[CellName, bytes]]) -> None:
    """Apply records in order. Their keys are made beforehand: in Flink too that is not Python's work."""
    cells = PlainCells()
    for key, record in [(state_key_of(record.key), record) for record in records]:
        stored = states.get(key)
        if stored is None:
            stored = states[key] = {}
        cells.stored = stored
        step.on_record(cells, record)


def main(settings_file: str, result_file: str) -> None:
    """Fold the log and leave the step's report in a file."""
    program = msgspec.json.decode(Path(settings_file).read_bytes(), type=Hotpath)
    records = [InputRecord(*record) for record in read_log(program.kafka, program.source)]
    # Without it the collector would look through all these records again and again; in Flink there are none.
    gc.collect()
    gc.freeze()
    step = program.open()
    states: dict[str, dict[CellName, bytes]] = {}
    at = next((i for i, record in enumerate(records) if record.position.offset == program.first), 0)
    fold(step, records[:at], states)
    gc.collect()
    gc.freeze()
    fold(step, records[at:], states)
    step.close()
    Path(result_file).write_bytes(msgspec.json.encode(step.told()))


if __name__ == "__main__":
    main(*sys.argv[1:])
