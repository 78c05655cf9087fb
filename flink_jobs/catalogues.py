"""The catalogues that worlds name: views of the items at an offset, over a log that is read as far as it takes."""

from typing import Protocol, Self

from connectors.kafka.catalogue_topic import CatalogueTopic
from connectors.kafka.settings import KafkaSettings
from online_models.catalogue import CatalogueLog, CatalogueView
from schemas.ids import WorkspaceId


class ItemSource(Protocol):
    """Fills a log; see `connectors.kafka.catalogue_topic.CatalogueTopic`."""

    def read_until(self, end: int) -> None:
        """Read on until the log holds what is below an offset."""

    def close(self) -> None:
        """Leave the source."""


class Catalogues:
    """Views of one log of items."""

    def __init__(self, log: CatalogueLog, source: ItemSource) -> None:
        self._log = log
        self._source = source

    @classmethod
    def of(cls, settings: KafkaSettings) -> Self:
        """Read the topic of a broker."""
        log = CatalogueLog()
        return cls(log, CatalogueTopic(settings, log))

    def view(self, workspace: WorkspaceId, end: int) -> CatalogueView:
        """A workspace's catalogues below an offset; reads on until there if need be.

        Raises:
            UnknownWorld: the topic does not reach that far.
            WorldUnavailable: it does, but could not be read in time.
        """
        if end > self._log.end:
            self._source.read_until(end)
        return CatalogueView(self._log, workspace, end)

    def close(self) -> None:
        """Leave the topic."""
        self._source.close()
