"""The world a step runs with: a library release and a model snapshot, read-only and shared by all users."""

import logging
from collections import OrderedDict
from typing import Protocol

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.world_topics import library_topic, models_topic
from online_models.menus import Menu, Menus
from online_models.policies.choosing import policy_of
from schemas.errors import ConfigError, UnknownWorkspace
from schemas.ids import FieldName, TemplateName, WorkspaceId
from schemas.library import Release, Template
from schemas.models import ModelSnapshot
from schemas.worlds import WorldRef
from templates.library import Library

WORLDS_KEPT_MAX = 16
"""Compiled worlds kept: the newest of each workspace, and those that late events still name."""
_log = logging.getLogger(__name__)


class World:
    """One release and one snapshot of one workspace, with what is derived from them once."""

    def __init__(self, library: Library, models: ModelSnapshot) -> None:
        self.library = library
        self.models = models
        self.settings = library.release.settings
        self.templates: tuple[Template, ...] = library.release.templates
        self.template_names = frozenset(template.name for template in self.templates)
        self.policy = policy_of(self.settings.policy)
        self.shown_traits = frozenset(FieldName(f.name) for template in self.templates for f in template.fields)
        self._menus = {template.name: Menus(template, models) for template in self.templates}

    def menu(self, template: TemplateName, at_ms: int) -> Menu:
        """What a template can show at a time."""
        return self._menus[template].at(at_ms)


class Worlds(Protocol):
    """Finds the world that an event names; the same answer for ever."""

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:
        """The world of a workspace at a pair of offsets.

        Raises:
            UnknownWorkspace: no release of this workspace stands below those offsets.
            UnknownWorld: the topics do not reach that far.
            WorldUnavailable: they could not be read in time.
        """


class WorldReader:
    """`Worlds` from Kafka: compiles each pair of records once and keeps the newest ones."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._library = library_topic(settings)
        self._models = models_topic(settings)
        self._worlds: OrderedDict[tuple[WorkspaceId, int, int], World] = OrderedDict()
        self._by_ref: dict[tuple[WorkspaceId, WorldRef], World] = {}

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:
        """See `Worlds`."""
        found = self._by_ref.get((workspace, ref))
        if found is None:
            found = self._find(workspace, ref)
            if len(self._by_ref) >= WORLDS_KEPT_MAX:
                self._by_ref.clear()
            self._by_ref[workspace, ref] = found
        return found

    def close(self) -> None:
        """Leave the topics."""
        self._library.close()
        self._models.close()

    def _find(self, workspace: WorkspaceId, ref: WorldRef) -> World:
        """The newest release below the world's offset that can be used: a bad one stops nobody."""
        snapshot_at = self._models.offset_below(workspace, ref.models)
        release_at = self._library.offset_below(workspace, ref.library)
        while release_at is not None:
            try:
                return self._compiled(workspace, release_at, snapshot_at)
            except ConfigError as error:
                _log.warning("passed over the release at offset %d of topic library: %s", release_at, error)
                release_at = self._library.offset_below(workspace, release_at)
        raise UnknownWorkspace(
            f"expected a release of the workspace below offset {ref.library} of topic library, found none: "
            "run `foresend release` for it, then send the event again"
        )

    def _compiled(self, workspace: WorkspaceId, release_at: int, snapshot_at: int | None) -> World:
        key = (workspace, release_at, -1 if snapshot_at is None else snapshot_at)
        world = self._worlds.pop(key, None)
        if world is None:
            release = self._library.record(release_at)
            world = make_world(release, None if snapshot_at is None else self._models.record(snapshot_at))
        self._worlds[key] = world
        while len(self._worlds) > WORLDS_KEPT_MAX:
            self._worlds.popitem(last=False)
        return world


def make_world(release: Release, snapshot: ModelSnapshot | None) -> World:
    """The world of a release and a snapshot; without one, of the default priors.

    Raises:
        ConfigError: the release cannot be rendered or its policy is unknown.
    """
    return World(Library(release), snapshot or ModelSnapshot(workspace=release.workspace, number=0, slots={}))
