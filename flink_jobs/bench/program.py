"""The program of the hot path's bench: the personalize step as it is, with a tally around the records that count.

Three kinds of records are the bench's own, told by the record id in their key: `state` gives a user a ready profile,
so that many users are known before anything is measured; `report` makes the step say what it saw.
"""

import time
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec

from connectors.kafka.settings import KafkaSettings
from flink_jobs.cells import CELLS, PROFILE, CellName
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.records import CellAccess, InputRecord, Outcome, OutputRecord
from flink_jobs.worlds import WorldReader
from schemas.keys import join_key
from schemas.topics import COMMUNICATIONS

STATE = "bench-state"
REPORT = "bench-report"
REPORT_KEY = join_key("-", "bench", "report")
"""Key of the report among the job's outputs. No workspace is called `-`."""
_DIGEST_BYTES = 8
_STATE_END, _REPORT_END = f"|{STATE}".encode(), f"|{REPORT}".encode()


class ModelState(msgspec.Struct, frozen=True, array_like=True):
    """What a `state` record stands for: a packed profile, and when something becomes due for it."""

    profile: bytes
    wake_at_ms: int


class Report(msgspec.Struct, kw_only=True):
    """What the step saw of the records that count.

    began_ms, ended_ms   wall clock before the first and after the last of them
    seconds              between the two, of a clock that only grows
    rendered             records after which at least one message was rendered again
    writes               messages written for them
    deadlines            how often a timer fired. Whether it does or the next event does its work makes no difference
                         to the state after that event, so what timers write is not compared
    digest               of every state that records left, in whatever order: the sum of one hash for each
    profile_bytes        sizes of the profiles that were written, in rising order, thinned out to 1 001
    """

    began_ms: int = 0
    ended_ms: int = 0
    seconds: float = 0.0
    events: int = 0
    rendered: int = 0
    writes: int = 0
    deadlines: int = 0
    digest: int = 0
    profile_bytes: list[int] = []

    @property
    def outcome(self) -> tuple[int, ...]:
        """What must be equal wherever the same records were applied."""
        return self.events, self.rendered, self.writes, self.digest


@dataclass(frozen=True)
class Hotpath:
    """The bench's program.

    models  file of packed `ModelState`s, in MessagePack; a `state` record names one by its number
    first   offset of the first record that counts
    end     offset after the last one
    """

    kafka: KafkaSettings
    source: str
    models: str
    first: int
    end: int

    @property
    def cells(self) -> tuple[CellName, ...]:
        """All cells of the table."""
        return tuple(row.name for row in CELLS)

    def open(self) -> "HotpathStep":
        """The step, with worlds read from Kafka."""
        models = msgspec.msgpack.decode(Path(self.models).read_bytes(), type=list[ModelState])
        return HotpathStep(PersonalizeStep(WorldReader.of(self.kafka)), models, range(self.first, self.end))


class HotpathStep:
    """The personalize step, watched while the records pass that count."""

    def __init__(self, step: PersonalizeStep, models: list[ModelState], counted: range) -> None:
        self._step = step
        self._models = models
        self._counted = counted
        self._last = counted.stop - 1
        self._cells = _Watched()
        self._started_s = 0.0
        self.report = Report()

    def on_record(self, cells: CellAccess, record: InputRecord) -> Outcome:
        """Apply one record; one that counts is counted too."""
        offset = record.position.offset
        if offset in self._counted:
            return self._count(cells, record, offset)
        if record.key.endswith(_STATE_END):
            model = self._models[int(record.value)]
            cells.write(PROFILE.name, model.profile)
            return Outcome(wake_at_ms=model.wake_at_ms)
        if record.key.endswith(_REPORT_END):
            return Outcome([OutputRecord(REPORT_KEY, msgspec.json.encode(self.told()))])
        return self._step.on_record(cells, record)

    def on_deadline(self, cells: CellAccess, key: str, at_ms: int) -> Outcome:
        """Apply what is due for a user."""
        self.report.deadlines += 1
        return self._step.on_deadline(cells, key, at_ms)

    def close(self) -> None:
        """Leave the topics of the world."""
        self._step.close()

    def told(self) -> Report:
        """What was seen until now."""
        self.report.digest = self._cells.digest
        sizes = sorted(self._cells.profile_bytes)
        self.report.profile_bytes = [sizes[part * (len(sizes) - 1) // 1000] for part in range(1001)] if sizes else []
        return self.report

    def _count(self, cells: CellAccess, record: InputRecord, offset: int) -> Outcome:
        report = self.report
        if offset == self._counted.start:
            report.began_ms, self._started_s = time.time_ns() // 1_000_000, time.perf_counter()
        watched = self._cells.of(cells, record)
        outcome = self._step.on_record(watched, record)
        report.events += 1
        written = sum(output.topic == COMMUNICATIONS.name for output in outcome.outputs)
        report.rendered += written > 0
        report.writes += written
        if offset == self._last:
            report.ended_ms, report.seconds = time.time_ns() // 1_000_000, time.perf_counter() - self._started_s
        return outcome


class _Watched:
    """Cells that add up what is written to them: 4 µs of an event, the same in Flink and without it."""

    def __init__(self) -> None:
        self._cells: CellAccess | None = None
        self._user = b""
        self.digest = 0
        self.profile_bytes: list[int] = []

    def of(self, cells: CellAccess, record: InputRecord) -> "_Watched":
        """Watch these cells, of the record's user, from now on."""
        self._cells = cells
        self._user = record.key.rpartition(b"|")[0]
        return self

    def read(self, cell: CellName) -> bytes | None:
        """See `CellAccess`."""
        return None if self._cells is None else self._cells.read(cell)

    def write(self, cell: CellName, value: bytes) -> None:
        """See `CellAccess`."""
        if self._cells is None:
            return
        self._cells.write(cell, value)
        found = blake2b(b"%b|%b|%b" % (self._user, cell.encode(), value), digest_size=_DIGEST_BYTES).digest()
        self.digest = (self.digest + int.from_bytes(found)) % (1 << 64)
        if cell == PROFILE.name:
            self.profile_bytes.append(len(value))
