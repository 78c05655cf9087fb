"""Worlds without Kafka: releases and snapshots in lists, an end offset being a number of them."""

from dataclasses import dataclass

from flink_jobs.cells import CELLS, CellName
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.worlds import World, make_world
from schemas.codec import decode
from schemas.errors import UnknownWorkspace, UnknownWorld
from schemas.ids import WorkspaceId
from schemas.library import Release
from schemas.models import ModelSnapshot
from schemas.worlds import WorldRef


class FixedWorlds:
    """`Worlds` over encoded records, compiled once each."""

    def __init__(self, releases: tuple[bytes, ...], snapshots: tuple[bytes, ...] = ()) -> None:
        self._releases = [decode(Release, data) for data in releases]
        self._snapshots = [decode(ModelSnapshot, data) for data in snapshots]
        self._worlds: dict[tuple[WorkspaceId, WorldRef], World] = {}

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:
        if (workspace, ref) not in self._worlds:
            releases = [release for release in self._releases[: ref.library] if release.workspace == workspace]
            snapshots = [one for one in self._snapshots[: ref.models] if one.workspace == workspace]
            if ref.library > len(self._releases) or ref.models > len(self._snapshots):
                raise UnknownWorld("expected a world of the fixed ones, got one beyond")
            if not releases:
                raise UnknownWorkspace("expected a release in the fixed worlds, found none")
            self._worlds[workspace, ref] = make_world(releases[-1], snapshots[-1] if snapshots else None)
        return self._worlds[workspace, ref]


@dataclass(frozen=True)
class FixedProgram:
    """The job's program with worlds that travel with it."""

    releases: tuple[bytes, ...]
    snapshots: tuple[bytes, ...] = ()
    source: str = "events"

    @property
    def cells(self) -> tuple[CellName, ...]:
        return tuple(row.name for row in CELLS)

    def open(self) -> PersonalizeStep:
        return PersonalizeStep(FixedWorlds(self.releases, self.snapshots))
