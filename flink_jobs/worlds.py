"""The world a step runs with: a library release and the models, read-only and shared by all users."""

import logging
from collections import OrderedDict
from typing import NamedTuple, Protocol, Self

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.world_topics import WorldTopic, library_topic, models_topic
from online_models.menus import Menu, Menus, Offers
from online_models.policies.choosing import policy_of
from online_models.published import check_usable
from online_models.scoring import Scorers
from online_models.trained import NOTHING_TRAINED, Trained
from schemas.errors import ConfigError, UnknownWorkspace
from schemas.ids import FieldName, TemplateName, WorkspaceId
from schemas.library import Release, Template
from schemas.models import ModelPart, ModelSnapshot, PartKind
from schemas.worlds import WorldRef
from templates.library import Library

WORLDS_KEPT_MAX = 16
"""Compiled worlds kept: the newest of each workspace, and those that late events still name."""
TRAINED_KEPT_MAX = 4
"""Sets of trained parts kept: they may take some megabytes each."""
_log = logging.getLogger(__name__)


class Shelf:
    """A release, compiled, and what its templates can show: the part of a world that outlives its models."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.offers = {template.name: Offers(template) for template in library.release.templates}


class World:
    """A release and the models of one workspace, with what is derived from them once.

    without  terms that are left out of every score (`online_models.scoring.Scorers`)
    """

    def __init__(
        self,
        shelf: Shelf,
        models: ModelSnapshot,
        trained: Trained = NOTHING_TRAINED,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.library = shelf.library
        self.models = models
        self.trained = trained
        self.settings = self.library.release.settings
        self.templates: tuple[Template, ...] = self.library.release.templates
        self.template_names = frozenset(template.name for template in self.templates)
        self.policy = policy_of(self.settings.policy)
        self.shown_traits = frozenset(FieldName(f.name) for template in self.templates for f in template.fields)
        scorers = Scorers(models, trained, self.settings.learning, without)
        self._menus = {name: Menus(offers, scorers) for name, offers in shelf.offers.items()}

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

    def __init__(self, library: WorldTopic, models: WorldTopic) -> None:
        self._library = library
        self._models = models
        self._shelves: OrderedDict[int, Shelf] = OrderedDict()
        self._worlds: OrderedDict[_Place, World] = OrderedDict()
        self._trained: OrderedDict[tuple[int | None, ...], Trained] = OrderedDict()
        self._by_ref: dict[tuple[WorkspaceId, WorldRef], World] = {}

    @classmethod
    def of(cls, settings: KafkaSettings) -> Self:
        """Read the topics of a broker."""
        return cls(library_topic(settings), models_topic(settings, check_usable))

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
        parts_at = tuple([self._models.offset_below(workspace, ref.models, kind) for kind in PartKind])
        release_at = self._library.offset_below(workspace, ref.library)
        while release_at is not None:
            try:
                return self._compiled(workspace, _Place(release_at, snapshot_at, parts_at))
            except ConfigError as error:
                _log.warning("passed over the release at offset %d of topic library: %s", release_at, error)
                release_at = self._library.offset_below(workspace, release_at)
        raise UnknownWorkspace(
            f"expected a release of the workspace below offset {ref.library} of topic library, found none: "
            "run `foresend release` for it, then send the event again"
        )

    def _compiled(self, workspace: WorkspaceId, place: "_Place") -> World:
        world = self._worlds.pop(place, None)
        if world is None:
            at = place.snapshot
            snapshot = no_models(workspace) if at is None else self._models.record(at, ModelSnapshot)
            world = World(self._shelf(place.release), snapshot, self._trained_of(place.parts))
        self._worlds[place] = world
        while len(self._worlds) > WORLDS_KEPT_MAX:
            self._worlds.popitem(last=False)
        return world

    def _shelf(self, release_at: int) -> Shelf:
        shelf = self._shelves.pop(release_at, None) or Shelf(Library(self._library.record(release_at, Release)))
        self._shelves[release_at] = shelf
        while len(self._shelves) > WORLDS_KEPT_MAX:
            self._shelves.popitem(last=False)
        return shelf

    def _trained_of(self, parts_at: tuple[int | None, ...]) -> Trained:
        """The trained parts at these offsets: laid out once, and kept over the snapshots that come meanwhile."""
        trained = self._trained.pop(parts_at, None)
        if trained is None:
            numbered = zip(PartKind, parts_at, strict=True)
            trained = Trained({kind: self._models.record(at, ModelPart) for kind, at in numbered if at is not None})
            for kind, why in trained.refused.items():
                _log.warning("passed over the trained part %s: %s", kind, why)
        self._trained[parts_at] = trained
        while len(self._trained) > TRAINED_KEPT_MAX:
            self._trained.popitem(last=False)
        return trained


class _Place(NamedTuple):
    """Offsets of a release, a snapshot, and a part of each kind."""

    release: int
    snapshot: int | None
    parts: tuple[int | None, ...]


def make_world(release: Release, snapshot: ModelSnapshot | None, trained: Trained = NOTHING_TRAINED) -> World:
    """The world of a release and models; without a snapshot, of the default priors.

    Raises:
        ConfigError: the release cannot be rendered or its policy is unknown.
    """
    return World(Shelf(Library(release)), snapshot or no_models(release.workspace), trained)


def no_models(workspace: WorkspaceId) -> ModelSnapshot:
    """Before anything was learnt: every slot has the default prior."""
    return ModelSnapshot(workspace=workspace, number=0, slots={})
