"""The program of the population learner, as Flink's workers open it."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.world_topics import library_topic
from flink_jobs.cells import POPULATION_CELLS, CellName
from flink_jobs.population.step import PopulationStep
from schemas.errors import UnknownWorkspace
from schemas.ids import WorkspaceId
from schemas.library import Release, WorkspaceSettings
from schemas.topics import EXAMPLES
from schemas.worlds import WorldRef

INCARNATION_BYTES = 4
SETTINGS_KEPT_MAX = 64


@dataclass(frozen=True)
class LearnPopulation:
    """The program that learns from examples."""

    kafka: KafkaSettings

    @property
    def cells(self) -> tuple[CellName, ...]:
        """All cells of its table."""
        return tuple(row.name for row in POPULATION_CELLS)

    @property
    def source(self) -> str:
        """Where its records come from, for dead letters."""
        return EXAMPLES.name

    def open(self) -> PopulationStep:
        """The step, with settings read from Kafka."""
        return PopulationStep(ReleasedSettings(self.kafka), secrets.token_hex(INCARNATION_BYTES))


class ReleasedSettings:
    """The settings of a workspace's release at a world: nothing of the release is compiled for them."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._library = library_topic(kafka)
        self._kept: OrderedDict[tuple[WorkspaceId, int], WorkspaceSettings] = OrderedDict()

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> WorkspaceSettings:
        """Those settings.

        Raises:
            UnknownWorkspace: no release of this workspace stands below the world's offset.
        """
        found = self._kept.get((workspace, ref.library))
        if found is None:
            offset = self._library.offset_below(workspace, ref.library)
            if offset is None:
                raise UnknownWorkspace(f"expected a release of the workspace below offset {ref.library}, found none")
            found = self._kept[workspace, ref.library] = self._library.record(offset, Release).settings
            while len(self._kept) > SETTINGS_KEPT_MAX:
                self._kept.popitem(last=False)
        return found
