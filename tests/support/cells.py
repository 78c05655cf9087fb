"""The cells of one key in a plain map."""

from flink_jobs.cells import CellName


class Cells:
    """`CellAccess` without Flink."""

    def __init__(self) -> None:
        self.stored: dict[CellName, bytes] = {}

    def read(self, cell: CellName) -> bytes | None:
        return self.stored.get(cell)

    def write(self, cell: CellName, value: bytes) -> None:
        if value:
            self.stored[cell] = value
        else:
            self.stored.pop(cell, None)
