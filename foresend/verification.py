"""Hold the cache against the truth: a plain fold of the log."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.cache.store import CacheReader
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


@dataclass(frozen=True)
class VerifyFigures:
    """What `foresend verify` prints.

    missing    expected in the cache, not there
    stale      there with a lower version than expected
    different  there with the expected or a higher version, but other bytes
    foreign    there and not expected, or holding somebody else's message
    """

    users: int
    communications: int
    missing: int
    stale: int
    different: int
    foreign: int

    @property
    def is_equal(self) -> bool:
        """Whether the cache holds what it should, and nothing else."""
        return not (self.missing or self.stale or self.different or self.foreign)

    def as_json(self) -> dict[str, int]:
        """The keys of figures.md."""
        return asdict(self)


def fold_log(kafka: KafkaSettings, source: str) -> Oracle:
    """Fold a topic from its beginning to its present end, deadlines included."""
    step = PersonalizeStep(WorldReader(kafka))
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


def compare(expected: dict[bytes, bytes | None], cached: Iterable[tuple[bytes, bytes]]) -> VerifyFigures:
    """Compare entry by entry, byte by byte. A grave counts as nothing there."""
    living = {key: value for key, value in expected.items() if value is not None and not _is_grave(value)}
    found: set[bytes] = set()
    stale = different = foreign = 0
    for key, value in cached:
        wanted = living.get(key)
        if wanted is None:
            foreign += not _is_grave(value)
            continue
        found.add(key)
        if value != wanted:
            fault = _fault(key, value, wanted)
            stale += fault == "stale"
            different += fault == "different"
            foreign += fault == "foreign"
    return VerifyFigures(
        users=len({(parts[0], parts[2]) for parts in (split_key(key, 3) for key in living)}),
        communications=len(living),
        missing=len(living.keys() - found),
        stale=stale,
        different=different,
        foreign=foreign,
    )


def _fault(key: bytes, value: bytes, wanted: bytes) -> str:
    try:
        entry = decode(Communication, value)
    except StateError:
        return "different"
    decision = entry.decision
    if decision and (decision.workspace, decision.template, decision.user) != split_key(key, 3):
        return "foreign"
    return "stale" if entry.version < decode(Communication, wanted).version else "different"


def _is_grave(value: bytes) -> bool:
    try:
        return decode(Communication, value).grave
    except StateError:
        return False
