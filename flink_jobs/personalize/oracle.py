"""The truth to compare with: a plain-Python fold of the log, with neither Flink nor a cache in between."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from flink_jobs.cells import CellName
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.records import InputRecord, Outcome, OutputRecord, PlainCells, dead_letter, state_key_of
from schemas.dead_letters import DeadLetter
from schemas.errors import DataError
from schemas.topics import COMMUNICATIONS, RELAYS


class Oracle:
    """Folds records, in any order of partitions but in the order of each, into what the cache must hold.

    told         for each topic and key the newest value; None where it was deleted
    relays       what is to go round into the log again, in order
    cells        for each state key, its cells' bytes
    writes       how many records were written, by topic

    follow       is given every record as it is written
    """

    def __init__(
        self,
        step: PersonalizeStep,
        source: str = "",
        code_version: str = "",
        follow: Callable[[OutputRecord], None] = lambda _: None,
    ) -> None:
        self._step = step
        self._follow = follow
        self._source = source
        self._code_version = code_version
        self._wake_at_ms: dict[str, int] = {}
        self.told: dict[str, dict[bytes, bytes | None]] = defaultdict(dict)
        self.cells: dict[str, dict[CellName, bytes]] = defaultdict(dict)
        self.dead_letters: list[DeadLetter] = []
        self.relays: list[bytes] = []
        self.writes: Counter[str] = Counter()

    @property
    def communications(self) -> dict[bytes, bytes | None]:
        """For each key the newest communication; None where it was deleted."""
        return self.told[COMMUNICATIONS.name]

    def apply(self, records: Iterable[InputRecord]) -> None:
        """Apply records one by one."""
        for record in records:
            key = state_key_of(record.key)
            try:
                self._perform(key, self._step.on_record(PlainCells(self.cells[key]), record))
            except DataError as error:
                self.dead_letters.append(dead_letter(self._source, record, error, self._code_version))

    def advance(self, watermark_ms: int) -> None:
        """Apply every deadline that is due by a watermark."""
        for key, at_ms in list(self._wake_at_ms.items()):
            while 0 < at_ms <= watermark_ms:
                self._perform(key, self._step.on_deadline(PlainCells(self.cells[key]), key, at_ms))
                at_ms = self._wake_at_ms.get(key, 0)  # noqa: PLW2901

    def _perform(self, key: str, outcome: Outcome) -> None:
        for output in outcome.outputs:
            if output.topic == RELAYS.name and output.value is not None:
                self.relays.append(output.value)
            self.told[output.topic][output.key] = output.value
            self.writes[output.topic] += 1
            self._follow(output)
        if outcome.wake_at_ms:
            self._wake_at_ms[key] = outcome.wake_at_ms
        elif outcome.woken_at_ms:
            self._wake_at_ms.pop(key, None)
