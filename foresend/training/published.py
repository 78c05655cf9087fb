"""What a workspace has published so far, as a training needs it: parts in use, snapshots, and the newest release."""

import logging
from collections.abc import Sequence

from connectors.kafka.log_reader import log_ends
from connectors.kafka.model_records import POPULATION, ModelRecord, model_records
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.world_topics import library_topic
from flink_jobs.catalogues import Catalogues
from flink_jobs.worlds import Shelf, no_models
from foresend.training.policies import Background
from online_models.catalogue import NO_CATALOGUE, CatalogueView
from online_models.published import check_usable
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from schemas.library import Release
from schemas.models import ModelPart, ModelSnapshot, PartKind
from schemas.topics import CATALOGUE, LIBRARY
from templates.library import Library

_log = logging.getLogger(__name__)


class Published:
    """The topics `models` and `library`, read once.

    shelf  the newest release that can be used; None where there is none
    """

    def __init__(self, workspace: WorkspaceId, records: Sequence[ModelRecord], shelf: Shelf | None) -> None:
        self._workspace = workspace
        self._records = records
        self.shelf = shelf

    @classmethod
    def read(cls, kafka: KafkaSettings, workspace: WorkspaceId) -> "Published":
        """Read both topics to their ends of now.

        Raises:
            BrokerUnavailable: Kafka does not answer.
        """
        return cls(workspace, model_records(kafka, workspace, check_usable), _newest_shelf(kafka, workspace))

    def champion(self, kind: PartKind) -> ModelPart | None:
        """The part that is in use."""
        return self._parts().get(kind)

    def next_number(self, kind: PartKind) -> int:
        """Of the next part of a kind."""
        numbers = [one.value.number for one in self._records if one.kind == kind and one.value is not None]
        return max(numbers, default=0) + 1

    def background(self, since_ms: int) -> Background | None:
        """What scores are made of, learnt before a time; None where there is no release."""
        if self.shelf is None:
            return None
        before = [one.value for one in self._records if one.kind == POPULATION and one.at_ms < since_ms]
        snapshot = before[-1] if before else None
        known = snapshot if isinstance(snapshot, ModelSnapshot) else no_models(self._workspace)
        return Background(self.shelf, known, self._parts())

    def _parts(self) -> dict[PartKind, ModelPart]:
        used = [one.value for one in self._records if one.is_used]
        return {value.kind: value for value in used if isinstance(value, ModelPart)}


def _newest_shelf(kafka: KafkaSettings, workspace: WorkspaceId) -> Shelf | None:
    end = log_ends(kafka, LIBRARY.name).get(0, 0)
    topic = library_topic(kafka)
    try:
        offset = topic.offset_below(workspace, end)
        while offset is not None:
            try:
                library = Library(topic.record(offset, Release))
                return Shelf(library, _catalogue(kafka, library.release))
            except ConfigError as error:
                _log.warning("passed over the release at offset %d of topic library: %s", offset, error)
                offset = topic.offset_below(workspace, offset)
    finally:
        topic.close()
    return None


def _catalogue(kafka: KafkaSettings, release: Release) -> CatalogueView:
    """The items of a workspace as they are now; read only where it has any."""
    if not release.settings.catalogues:
        return NO_CATALOGUE
    catalogues = Catalogues.of(kafka)
    try:
        return catalogues.view(release.workspace, log_ends(kafka, CATALOGUE.name).get(0, 0))
    finally:
        catalogues.close()
