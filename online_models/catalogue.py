"""What stood in a catalogue at any offset of its topic: versions of items, and views that cost nothing to make."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from schemas.catalogue import Item, ItemId, read_item
from schemas.codec import decode
from schemas.errors import SchemaError, StateError
from schemas.ids import Tag, WorkspaceId

ITEMS_DECODED_MAX = 16_384
SCANNED_MAX = 1_024
"""Versions looked at for some newest items: many in a row of items that are gone, or were told again, give fewer."""

_Owner = tuple[WorkspaceId, str]
"""A workspace and the name of one of its catalogues."""


class _Versions(NamedTuple):
    """Versions of one item: the offset of each, ascending, and its bytes."""

    offsets: list[int]
    packed: list[bytes]


class _Places(NamedTuple):
    """Items in the order in which they were told, as often as they were: the offset of each time, and the item's id."""

    offsets: list[int]
    items: list[ItemId]

    def before(self, end: int) -> Iterator[tuple[int, ItemId]]:
        """Items below an offset, those told last first."""
        last = bisect_left(self.offsets, end)
        return ((self.offsets[place], self.items[place]) for place in range(last - 1, -1, -1))


class CatalogueLog:
    """The records of the topic `catalogue` below `end`, in their order. Grows only; views of it never change.

    refused  how many records were passed over, as every reader does
    """

    def __init__(self) -> None:
        self.end = 0
        self.refused = 0
        self._items: dict[tuple[_Owner, ItemId], _Versions] = {}
        self._all: defaultdict[_Owner, _Places] = defaultdict(lambda: _Places([], []))
        self._tagged: defaultdict[tuple[_Owner, Tag], _Places] = defaultdict(lambda: _Places([], []))

    def take(self, offset: int, key: bytes, packed: bytes) -> Item | None:
        """Take a record in and return its item; None for one that is passed over.

        Offsets must ascend; what was taken before is passed over too.
        """
        if offset < self.end:
            return None
        self.end = offset + 1
        try:
            item = read_item(key, packed)
        except (StateError, SchemaError):
            self.refused += 1
            return None
        owner = (item.workspace, item.catalogue)
        versions = self._items.setdefault((owner, item.id), _Versions([], []))
        # By each time it was told, not the first: compaction removes that one, and the order must stay.
        _put(self._all[owner], offset, item.id)
        for tag in dict.fromkeys(item.tags):
            _put(self._tagged[owner, tag], offset, item.id)
        versions.offsets.append(offset)
        versions.packed.append(packed)
        return item

    def advance(self, end: int) -> None:
        """Nothing stands between the last record and `end` any more: compaction removed it."""
        self.end = max(self.end, end)

    def version(self, owner: _Owner, item: ItemId, end: int) -> Item | None:
        """The newest version of an item below an offset; None where there was none."""
        versions = self._items.get((owner, item))
        at = bisect_left(versions.offsets, end) if versions else 0
        return _decoded(versions.packed[at - 1]) if versions and at else None

    def last_shown(self, owner: _Owner, item: ItemId, end: int) -> Item | None:
        """The newest version below an offset in which the item was there; None where it never was."""
        versions = self._items.get((owner, item))
        for at in range(bisect_left(versions.offsets, end) - 1, -1, -1) if versions else ():
            found = _decoded(versions.packed[at]) if versions else None
            if found is not None and not found.is_gone:
                return found
        return None

    def newest(self, owner: _Owner, tag: Tag | None, end: int, most: int) -> Iterator[Item]:
        """Items below an offset, those told last first; with a tag: those that have it. Some may be gone.

        most  versions that are looked at
        """
        places = self._all.get(owner) if tag is None else self._tagged.get((owner, tag))
        for offset, name in islice(places.before(end), most) if places is not None else ():
            versions = self._items[owner, name]
            at = bisect_left(versions.offsets, end) - 1
            if versions.offsets[at] == offset:
                yield _decoded(versions.packed[at])


class CatalogueView:
    """A workspace's catalogues as they stood below an offset. Making one costs nothing: it holds only that number."""

    __slots__ = ("_log", "_workspace", "end")

    def __init__(self, log: CatalogueLog, workspace: WorkspaceId, end: int) -> None:
        self._log, self._workspace, self.end = log, workspace, end

    def item(self, catalogue: str, item: ItemId) -> Item | None:
        """An item as it stood; None where it was not known yet. It may be gone."""
        return self._log.version((self._workspace, catalogue), item, self.end)

    def last_shown(self, catalogue: str, item: ItemId) -> Item | None:
        """An item as it stood when it was there last."""
        return self._log.last_shown((self._workspace, catalogue), item, self.end)

    def newest(self, catalogue: str, count: int, at_ms: int, tag: Tag | None = None) -> list[Item]:
        """At most so many items that may be shown at a time, the newest first; with a tag: of those that have it."""
        told = self._log.newest((self._workspace, catalogue), tag, self.end, SCANNED_MAX)
        return list(islice((item for item in told if item.is_shown_at(at_ms)), count))

    def items(self, catalogue: str) -> list[Item]:
        """All items that are there, those told last first. Walks through the catalogue."""
        told = self._log.newest((self._workspace, catalogue), None, self.end, self.end)
        return [item for item in told if not item.is_gone]

    def below(self, end: int) -> "CatalogueView":
        """The same catalogues at an earlier offset."""
        return CatalogueView(self._log, self._workspace, min(end, self.end))


NO_CATALOGUE = CatalogueView(CatalogueLog(), WorkspaceId("-"), 0)


def generation_of(end: int) -> int:
    """The offset up to which tables over a whole catalogue are made: they are made anew as the log grows by a part.

    >>> [generation_of(end) for end in (5, 9, 100, 100_000)]
    [5, 9, 96, 98304]
    """
    step = 1 << max(0, end.bit_length() - 4)
    return end // step * step


@lru_cache(maxsize=ITEMS_DECODED_MAX)
def _decoded(packed: bytes) -> Item:
    return decode(Item, packed)


def _put(places: _Places, offset: int, item: ItemId) -> None:
    places.offsets.append(offset)
    places.items.append(item)
