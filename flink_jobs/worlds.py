"""The world a step runs with: a library release, the models and the catalogues, read-only and shared by all users."""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from copy import copy
from typing import NamedTuple, Protocol, Self

from msgspec.structs import replace

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.world_topics import WorldTopic, library_topic, models_topic
from flink_jobs.catalogues import Catalogues
from online_models.catalogue import NO_CATALOGUE, CatalogueView
from online_models.menus import Menu, Menus, Offers
from online_models.policies.choosing import policy_of
from online_models.published import check_usable
from online_models.scoring import Scorers, SlotScorer
from online_models.slates import Shelves
from online_models.trained import NOTHING_TRAINED, Trained
from schemas.catalogue import DEFAULT_SLATE, items_of_slate
from schemas.condition_values import Root
from schemas.decisions import Decision
from schemas.errors import ConfigError, UnknownWorkspace
from schemas.ids import FieldName, SlotName, Tag, TemplateName, VariantId, WorkspaceId
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
    """A release, compiled, and what its templates can show: the part of a world that outlives its models.

    catalogue  what items are trained on; a step has its world's
    """

    def __init__(self, library: Library, catalogue: CatalogueView = NO_CATALOGUE) -> None:
        self.library = library
        self.catalogue = catalogue
        release = library.release
        self.offers = {template.name: Offers(template, release.settings) for template in release.templates}


class Conditions:
    """What the conditions and bounds of a release's variants ask of people.

    asks     kinds of names that conditions hold; None: there are neither conditions nor bounds
    traits   those that conditions ask for
    counted  variants whose showing is counted
    """

    def __init__(self, offers: Mapping[TemplateName, Offers]) -> None:
        gates = [one.gates for one in offers.values() if one.gates is not None]
        self.asks: frozenset[Root] | None = frozenset(root for one in gates for root in one.asks) if gates else None
        self.traits = frozenset(name for one in gates for name in one.traits)
        self.counted = frozenset(key for one in gates for key in one.counted)


class Thing(NamedTuple):
    """A variant or an item of a catalogue, as models know it."""

    id: VariantId
    tags: tuple[Tag, ...]


class World:
    """A release and the models of one workspace, with what is derived from them once; and its catalogues.

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
        self.catalogue = NO_CATALOGUE
        self.settings = self.library.release.settings
        self.templates: tuple[Template, ...] = self.library.release.templates
        self.template_names = frozenset(template.name for template in self.templates)
        self.policy = policy_of(self.settings.policy)
        self.shown_traits = frozenset(FieldName(f.name) for template in self.templates for f in template.fields)
        self.conditions = Conditions(shelf.offers)
        scorers = Scorers(models, trained, self.settings.learning, without)
        self.shelves = Shelves(scorers, trained)
        self._catalogues = {
            (template.name, slot.name): slot.catalogue
            for template in self.templates
            for slot in template.slots
            if slot.catalogue
        }
        self._menus = {name: Menus(offers, scorers) for name, offers in shelf.offers.items()}

    def with_catalogue(self, catalogue: CatalogueView) -> "World":
        """The same release and models beside other items: all that is derived of them is shared."""
        world = copy(self)
        world.catalogue = catalogue
        return world

    def shown(self, template: TemplateName, slot: SlotName, variant: VariantId) -> tuple[Thing, ...]:
        """What people see in a slot: the variant itself, or each item of a slate; nothing where it is gone."""
        catalogue = self._catalogues.get((template, slot))
        if catalogue is None or variant == DEFAULT_SLATE:
            found = self.library.variant(template, slot, variant)
            return () if found is None else (Thing(found.id, found.tags),)
        items = [self.catalogue.last_shown(catalogue, item) for item in items_of_slate(variant)]
        return tuple([Thing(VariantId(item.id), item.tags) for item in items if item is not None])

    def scorers_of(self, decision: Decision) -> list[SlotScorer]:
        """What scored each slot of a decision that was made in this world: its variants, or the items of its slates."""
        scorers: list[SlotScorer] = list(self.menu(decision.template, decision.at_ms).scorers)
        for place, slot in enumerate(decision.slots):
            if slot.catalogue:
                names = dict.fromkeys(item for slate in slot.variants for item in items_of_slate(slate))
                items = [self.catalogue.item(slot.catalogue, name) for name in names]
                known = [item for item in items if item is not None]
                scorers[place] = self.shelves.scorer(decision.template, slot.slot, known)
        return scorers

    def menu(self, template: TemplateName, at_ms: int) -> Menu:
        """What a template can show at a time."""
        return self._menus[template].at(at_ms)


class Worlds(Protocol):
    """Finds the world that an event names; the same answer for ever."""

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:
        """The world of a workspace at these offsets.

        Raises:
            UnknownWorkspace: no release of this workspace stands below those offsets.
            UnknownWorld: the topics do not reach that far.
            WorldUnavailable: they could not be read in time.
        """


class WorldReader:
    """`Worlds` from Kafka: compiles each pair of records once and keeps the newest ones.

    catalogue  is read only for workspaces that have one; None: there are no items
    """

    def __init__(self, library: WorldTopic, models: WorldTopic, catalogue: Catalogues | None = None) -> None:
        self._library = library
        self._models = models
        self._catalogue = catalogue
        self._shelves: OrderedDict[int, Shelf] = OrderedDict()
        self._worlds: OrderedDict[_Place, World] = OrderedDict()
        self._trained: OrderedDict[tuple[int | None, ...], Trained] = OrderedDict()
        self._by_ref: dict[tuple[WorkspaceId, WorldRef], World] = {}

    @classmethod
    def of(cls, settings: KafkaSettings) -> Self:
        """Read the topics of a broker."""
        return cls(library_topic(settings), models_topic(settings, check_usable), Catalogues.of(settings))

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:
        """See `Worlds`."""
        found = self._by_ref.get((workspace, ref))
        if found is None:
            found = self._seen(workspace, ref)
            if len(self._by_ref) >= WORLDS_KEPT_MAX:
                self._by_ref.clear()
            self._by_ref[workspace, ref] = found
        return found

    def close(self) -> None:
        """Leave the topics."""
        self._library.close()
        self._models.close()
        if self._catalogue is not None:
            self._catalogue.close()

    def _seen(self, workspace: WorkspaceId, ref: WorldRef) -> World:
        """Of refs that differ by the catalogue alone the same world, beside other items."""
        if not ref.catalogue:
            return self._find(workspace, ref)
        world = self(workspace, replace(ref, catalogue=0))
        if self._catalogue is None or not world.settings.catalogues:
            return world
        return world.with_catalogue(self._catalogue.view(workspace, ref.catalogue))

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
