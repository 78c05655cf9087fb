"""Worlds without Kafka: releases and what was learnt in lists, an end offset being a number of them."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

from connectors.kafka.world_topics import WorldTopic
from flink_jobs.catalogues import Catalogues
from flink_jobs.cells import CELLS, CellName
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.worlds import WorldReader
from online_models.catalogue import CatalogueLog
from online_models.published import check_usable
from schemas.catalogue import Item, item_key
from schemas.codec import decode, encode
from schemas.errors import UnknownWorld
from schemas.keys import join_key
from schemas.library import Release
from schemas.models import ModelPart, ModelSnapshot
from schemas.topics import LIBRARY, MODELS


class Published(NamedTuple):
    """A record of one of the two topics, with its key."""

    key: bytes
    value: bytes

    @classmethod
    def part(cls, part: ModelPart, number: str = "1") -> "Published":
        """A trained part as it is published."""
        return cls(join_key(part.workspace, "part", part.kind, number), encode(part))


class FixedTopic(WorldTopic):
    """The reader of a topic whose records stand in a list. One without a key has that of its workspace."""

    def __init__(self, name: str, kind: type[Release] | type[ModelSnapshot], records: Sequence[Any]) -> None:
        self._part, self._kind, self._next = SimpleNamespace(topic=name), kind, 0
        self._check, self._offsets, self._kept, self.refused = check_usable, {}, OrderedDict(), Counter()
        self._records = [
            one if isinstance(one, Published) else Published(join_key(decode(kind, one).workspace, str(offset)), one)
            for offset, one in enumerate(records)
        ]

    def _read_until(self, end: int) -> None:
        if end > len(self._records):
            raise UnknownWorld("expected a world of the fixed ones, got one beyond")
        for offset in range(self._next, end):
            self._index(SimpleNamespace(offset=offset, **self._records[offset]._asdict()))
        self._next = end

    def _read_again(self, offset: int, kind: Any) -> Any:
        found = decode(kind, self._records[offset].value)
        self._keep(offset, found)
        return found

    def close(self) -> None:
        """Nothing is held."""


class FixedItems:
    """Items' versions that stand in a list, as a source of a log."""

    def __init__(self, items: Sequence[Item], log: CatalogueLog) -> None:
        self._items, self._log = items, log

    def read_until(self, end: int) -> None:
        """Fill the log."""
        if end > len(self._items):
            raise UnknownWorld("expected a world of the fixed items, got one beyond")
        for offset in range(self._log.end, end):
            item = self._items[offset]
            self._log.take(offset, item_key(item.workspace, item.catalogue, item.id), encode(item))

    def close(self) -> None:
        """Nothing is held."""


class FixedWorlds(WorldReader):
    """The job's own reader of worlds over encoded records. `models` holds snapshots, and whatever has a key."""

    def __init__(
        self, releases: Sequence[bytes], models: Sequence[bytes | Published] = (), items: Sequence[Item] = ()
    ) -> None:
        log = CatalogueLog()
        super().__init__(
            FixedTopic(LIBRARY.name, Release, releases),
            FixedTopic(MODELS.name, ModelSnapshot, models),
            Catalogues(log, FixedItems(items, log)),
        )


@dataclass(frozen=True)
class FixedProgram:
    """The job's program with worlds that travel with it."""

    releases: tuple[bytes, ...]
    models: tuple[bytes | Published, ...] = ()
    source: str = "events"
    items: tuple[Item, ...] = ()
    secret: bytes = b""

    @property
    def cells(self) -> tuple[CellName, ...]:
        return tuple(row.name for row in CELLS)

    def open(self) -> PersonalizeStep:
        return PersonalizeStep(FixedWorlds(self.releases, self.models, self.items), secret=self.secret)
