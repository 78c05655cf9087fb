"""Hold the cache against the truth: a plain fold of the log."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic, TypeVar

from connectors.cache.reader import CacheReader
from connectors.kafka.log_reader import read_log
from connectors.kafka.settings import KafkaSettings
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.records import InputRecord
from flink_jobs.worlds import WorldReader
from schemas.codec import decode
from schemas.decisions import Communication
from schemas.errors import StateError
from schemas.keys import split_key
from schemas.profiles import ToldProfile

Rows = dict[bytes, bytes | None]
"""Of each key the newest value; None where it was deleted."""
_T = TypeVar("_T", Communication, ToldProfile)


@dataclass(frozen=True)
class VerifyFigures:
    """What `foresend verify` prints.

    missing    expected in the cache, not there
    stale      there with a lower version than expected
    different  there with the expected or a higher version, but other bytes
    foreign    there and not expected, or holding somebody else's message
    evicted    expected, and known to have made room or ended: no fault

    What is told of each person (`profiles`) is compared like the messages, and its faults count alike.
    """

    users: int
    communications: int
    profiles: int
    missing: int
    stale: int
    different: int
    foreign: int
    evicted: int = 0

    @property
    def is_equal(self) -> bool:
        """Whether the cache holds what it should, and nothing else."""
        return not (self.missing or self.stale or self.different or self.foreign)

    def as_json(self) -> dict[str, int]:
        """The keys of figures.md."""
        return asdict(self)


def fold_log(kafka: KafkaSettings, source: str) -> Oracle:
    """Fold a topic from its beginning to its present end, deadlines included."""
    step = PersonalizeStep(WorldReader.of(kafka))
    oracle = Oracle(step, source)
    newest_ms: dict[int, int] = {}
    for record in read_log(kafka, source):
        oracle.apply([InputRecord(*record)])
        newest_ms[record.position.partition] = max(record.position.log_ms, newest_ms.get(record.position.partition, 0))
    if newest_ms:
        oracle.advance(min(newest_ms.values()))
    step.close()
    return oracle


@contextmanager
def reading(cache: Path) -> Iterator[CacheReader]:
    """A reading view of a cache, also while serve writes it."""
    with TemporaryDirectory(prefix="foresend-reader-") as scratch:
        reader = CacheReader(cache, Path(scratch))
        try:
            yield reader
        finally:
            reader.close()


def compare(
    expected: Rows,
    cached: Iterable[tuple[bytes, bytes]],
    expected_profiles: Rows | None = None,
    cached_profiles: Iterable[tuple[bytes, bytes]] = (),
    is_evicted: Callable[[bytes], bool] = lambda _: False,
) -> VerifyFigures:
    """Compare entry by entry, byte by byte. A grave counts as nothing there."""
    entries = _Comparison(Communication, expected)
    profiles = _Comparison(ToldProfile, expected_profiles or {})
    entries.take(cached)
    profiles.take(cached_profiles)
    faults = entries.faults + profiles.faults
    absent = entries.living.keys() - entries.found
    evicted = sum(map(is_evicted, absent))
    return VerifyFigures(
        users=len({(parts[0], parts[2]) for parts in (split_key(key, 3) for key in entries.living)}),
        communications=len(entries.living),
        profiles=len(profiles.living),
        missing=len(absent) - evicted + len(profiles.living.keys() - profiles.found),
        stale=faults["stale"],
        different=faults["different"],
        foreign=faults["foreign"],
        evicted=evicted,
    )


class _Comparison(Generic[_T]):
    """Rows of one kind: those that should be there, which of them were found, and what is wrong with others."""

    def __init__(self, kind: type[_T], expected: Rows) -> None:
        self._kind: type[_T] = kind
        self.living = {key: value for key, value in expected.items() if value is not None and not self._is_grave(value)}
        self.found: set[bytes] = set()
        self.faults: Counter[str] = Counter()

    def take(self, cached: Iterable[tuple[bytes, bytes]]) -> None:
        """Look at what the cache holds."""
        for key, value in cached:
            wanted = self.living.get(key)
            if wanted is None:
                self.faults["foreign"] += not self._is_grave(value)
                continue
            self.found.add(key)
            if value != wanted:
                self.faults[self._fault(key, value, wanted)] += 1

    def _fault(self, key: bytes, value: bytes, wanted: bytes) -> str:
        try:
            row = decode(self._kind, value)
        except StateError:
            return "different"
        decision = row.decision if isinstance(row, Communication) else None
        if decision and (decision.workspace, decision.template, decision.user) != split_key(key, 3):
            return "foreign"
        return "stale" if row.version < decode(self._kind, wanted).version else "different"

    def _is_grave(self, value: bytes) -> bool:
        try:
            return bool(decode(self._kind, value).grave)
        except StateError:
            return False
