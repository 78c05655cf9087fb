"""What one example does to what a workspace's users have taught. Pure: same state and example, same effects."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from connectors.metrics.job import SNAPSHOTS
from flink_jobs.cells import PENDING, POPULATION
from flink_jobs.counting import Count
from flink_jobs.population.judged import judged_counts, reset_counts
from flink_jobs.records import CellAccess, InputRecord, Outcome, OutputRecord
from online_models.population import Pending, Population, PopulationCell
from schemas.codec import decode, encode
from schemas.errors import Reason, SchemaError, StateError
from schemas.examples import Example
from schemas.ids import WorkspaceId
from schemas.keys import join_key
from schemas.library import WorkspaceSettings
from schemas.topics import MODELS
from schemas.worlds import WorldRef

SettingsOf = Callable[[WorkspaceId, WorldRef], WorkspaceSettings]
FOLD_EVERY = 32
"""Examples after which the whole statistics are stored: until then only the examples are, which is cheaper."""
FOLD_WITHIN_MS = 60_000
"""Log time for which an example waits for others at most: where nothing comes any more, nothing of a person stays."""
LIVING_MAX = 64
"""Workspaces whose statistics are kept unpacked."""


@dataclass(slots=True)
class _Living:
    """Statistics as of now, and what the stored ones lack of it."""

    population: Population
    pending: list[bytes]
    fold_at_ms: int

    def fold(self, cells: CellAccess) -> None:
        """Store the whole; nothing of a person is left beside it."""
        cells.write(POPULATION.name, encode(self.population.packed()))
        cells.write(PENDING.name, b"")
        self.pending.clear()
        self.fold_at_ms = 0


class PopulationStep:
    """The pure step over cells of bytes; keyed by workspace.

    settings_of  finds a workspace's settings at a world
    incarnation  goes into the keys of snapshots: no two operators ever write the same key, or compaction would remove
                 the older record and worlds that name it
    """

    def __init__(self, settings_of: SettingsOf, incarnation: str) -> None:
        self._settings_of = settings_of
        self._incarnation = incarnation
        self._living: OrderedDict[WorkspaceId, _Living] = OrderedDict()

    def on_record(self, cells: CellAccess, record: InputRecord) -> Outcome:
        """Learn from one example; every so many of them make a snapshot.

        Raises:
            SchemaError: it is no example.
        """
        example = _example(record.value)
        settings = self._settings_of(example.workspace, example.world)
        living = self._of(cells, example.workspace)
        woken_at_ms = living.fold_at_ms
        resets = living.population.resets
        judgements = living.population.learn(example, settings)
        living.pending.append(record.value)
        if len(living.pending) >= FOLD_EVERY:
            living.fold(cells)
        else:
            living.fold_at_ms = woken_at_ms or example.ended_ms + FOLD_WITHIN_MS
            cells.write(PENDING.name, encode(Pending(living.pending, living.fold_at_ms)))
        outcome = Outcome(wake_at_ms=living.fold_at_ms, woken_at_ms=woken_at_ms)
        outcome.counts += judged_counts(example, judgements)
        outcome.counts += reset_counts(example.workspace, resets, living.population.resets)
        if not living.population.number % settings.learning.snapshot_every:
            snapshot = living.population.snapshot(example.workspace)
            key = join_key(example.workspace, f"{snapshot.number}-{self._incarnation}")
            outcome.outputs.append(OutputRecord(key, encode(snapshot), MODELS.name))
            outcome.counts.append(Count(SNAPSHOTS, (example.workspace,)))
        return outcome

    def on_deadline(self, cells: CellAccess, key: str, at_ms: int) -> Outcome:
        """Fold what has waited long enough. What is learnt stays the same, to the bit; nothing is published."""
        living = self._of(cells, WorkspaceId(key))
        woken_at_ms = living.fold_at_ms
        if living.pending and woken_at_ms <= at_ms:
            living.fold(cells)
        return Outcome(wake_at_ms=living.fold_at_ms, woken_at_ms=woken_at_ms)

    def close(self) -> None:
        """Nothing is held."""

    def _of(self, cells: CellAccess, workspace: WorkspaceId) -> _Living:
        """The statistics, unpacked; the first time with the examples that are not folded in yet."""
        living = self._living.pop(workspace, None)
        if living is None:
            stored, left = cells.read(POPULATION.name), cells.read(PENDING.name)
            population = Population.of(decode(PopulationCell, stored) if stored else PopulationCell())
            pending = decode(Pending, left) if left else Pending()
            for packed in pending.examples:
                example = _example(packed)
                # Judged and counted when it came; here it only comes back.
                population.learn(example, self._settings_of(example.workspace, example.world))
            living = _Living(population, pending.examples, pending.fold_at_ms)
        self._living[workspace] = living
        while len(self._living) > LIVING_MAX:
            self._living.popitem(last=False)
        return living


def _example(packed: bytes) -> Example:
    try:
        return decode(Example, packed)
    except StateError as error:
        raise SchemaError(Reason.WRONG_TYPE, f"expected an example: {error}") from error
