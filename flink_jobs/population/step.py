"""What one example does to what a workspace's users have taught. Pure: same state and example, same effects."""

from collections import OrderedDict
from collections.abc import Callable

from flink_jobs.population.cells import PENDING, POPULATION
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
LIVING_MAX = 64
"""Workspaces whose statistics are kept unpacked."""


class PopulationStep:
    """The pure step over cells of bytes; keyed by workspace.

    settings_of  finds a workspace's settings at a world
    incarnation  goes into the keys of snapshots: no two operators ever write the same key, or compaction would remove
                 the older record and worlds that name it
    """

    def __init__(self, settings_of: SettingsOf, incarnation: str) -> None:
        self._settings_of = settings_of
        self._incarnation = incarnation
        self._living: OrderedDict[WorkspaceId, tuple[Population, list[bytes]]] = OrderedDict()

    def on_record(self, cells: CellAccess, record: InputRecord) -> Outcome:
        """Learn from one example; every so many of them make a snapshot.

        Raises:
            SchemaError: it is no example.
        """
        example = _example(record.value)
        settings = self._settings_of(example.workspace, example.world)
        population, pending = self._population(cells, example.workspace)
        population.learn(example, settings)
        pending.append(record.value)
        if len(pending) >= FOLD_EVERY:
            cells.write(POPULATION.name, encode(population.packed()))
            pending.clear()
            cells.write(PENDING.name, b"")
        else:
            cells.write(PENDING.name, encode(Pending(pending)))
        if population.number % settings.learning.snapshot_every:
            return Outcome()
        snapshot = population.snapshot(example.workspace)
        key = join_key(example.workspace, f"{snapshot.number}-{self._incarnation}")
        return Outcome([OutputRecord(key, encode(snapshot), MODELS.name)])

    def on_deadline(self, cells: CellAccess, key: str, at_ms: int) -> Outcome:  # noqa: ARG002 - the interface's
        """Nothing here is ever due."""
        return Outcome()

    def close(self) -> None:
        """Nothing is held."""

    def _population(self, cells: CellAccess, workspace: WorkspaceId) -> tuple[Population, list[bytes]]:
        """The statistics, unpacked; the first time with the examples that are not folded in yet."""
        living = self._living.pop(workspace, None)
        if living is None:
            stored, left = cells.read(POPULATION.name), cells.read(PENDING.name)
            population = Population.of(decode(PopulationCell, stored) if stored else PopulationCell())
            pending = decode(Pending, left).examples if left else []
            for packed in pending:
                example = _example(packed)
                population.learn(example, self._settings_of(example.workspace, example.world))
            living = population, pending
        self._living[workspace] = living
        while len(self._living) > LIVING_MAX:
            self._living.popitem(last=False)
        return living


def _example(packed: bytes) -> Example:
    try:
        return decode(Example, packed)
    except StateError as error:
        raise SchemaError(Reason.WRONG_TYPE, f"expected an example: {error}") from error
