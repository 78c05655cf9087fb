"""What goes into and comes out of a keyed step: data that the adapter carries to and from Flink."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from flink_jobs.cells import CellName
from flink_jobs.counting import Count
from schemas.dead_letters import DeadLetter
from schemas.errors import DataError
from schemas.topics import COMMUNICATIONS
from schemas.versions import Position

STATE_KEY = "^([^|]*[|][^|]*)[|][^|]*$"
"""Regular expression, the same in Java and Python: workspace and user, as a record's key begins with them."""
MALFORMED = "malformed"
"""State key of records whose own key names nobody: they all become dead letters, and keep no state."""


def state_key_of(key: bytes | None) -> str:
    """What Flink's state is keyed by, made in Flink by `kafka_tables.keyed_log`."""
    found = re.search(STATE_KEY, (key or b"").decode(errors="replace"))
    return found[1] if found else MALFORMED


class InputRecord(NamedTuple):
    """One record of the log, as it stood there."""

    key: bytes
    value: bytes
    position: Position


class OutputRecord(NamedTuple):
    """One record for an upserted topic; no value is a tombstone."""

    key: bytes
    value: bytes | None
    topic: str = COMMUNICATIONS.name


@dataclass(slots=True)
class Outcome:
    """What a step wants done.

    wake_at_ms, woken_at_ms  event time of the key's next deadline, now and before; 0 where nothing is due
    counts                   what is to be counted
    """

    outputs: list[OutputRecord] = field(default_factory=list)
    wake_at_ms: int = 0
    woken_at_ms: int = 0
    counts: list[Count] = field(default_factory=list)


class CellAccess(Protocol):
    """The cells of the key that is being worked on."""

    def read(self, cell: CellName) -> bytes | None:
        """The stored bytes; None where nothing is."""

    def write(self, cell: CellName, value: bytes) -> None:
        """Store bytes; no bytes clear the cell."""


class PlainCells:
    """The cells of one key in a plain map: `CellAccess` without Flink. `stored` may be exchanged for another key's."""

    __slots__ = ("stored",)

    def __init__(self, stored: dict[CellName, bytes] | None = None) -> None:
        self.stored: dict[CellName, bytes] = {} if stored is None else stored

    def read(self, cell: CellName) -> bytes | None:
        """See `CellAccess`."""
        return self.stored.get(cell)

    def write(self, cell: CellName, value: bytes) -> None:
        """See `CellAccess`."""
        if value:
            self.stored[cell] = value
        else:
            self.stored.pop(cell, None)


class KeyedStep(Protocol):
    """What one kind of keyed operator does; opened once in each operator instance."""

    def on_record(self, cells: CellAccess, record: InputRecord) -> Outcome:
        """Apply one record.

        Raises:
            DataError: the record cannot be used; nothing was stored.
        """

    def on_deadline(self, cells: CellAccess, key: str, at_ms: int) -> Outcome:
        """Apply what is due for a key by `at_ms`."""

    def close(self) -> None:
        """Let go of what `open` took."""


class KeyedProgram(Protocol):
    """Opens a step. Small and frozen: Flink carries it to the workers."""

    @property
    def cells(self) -> tuple[CellName, ...]:
        """The cells that the step uses."""

    @property
    def source(self) -> str:
        """The topic that is read, for dead letters."""

    def open(self) -> KeyedStep:
        """Build the step where it will run."""


def dead_letter(source: str, record: InputRecord, error: DataError, code_version: str) -> DeadLetter:
    """The record, whole, with why it was refused."""
    return DeadLetter(
        source=source,
        partition=record.position.partition,
        offset=record.position.offset,
        received_ms=record.position.log_ms,
        reason=error.reason,
        message=str(error),
        key=record.key,
        payload=record.value,
        code_version=code_version,
    )
