"""An item of a catalogue: the value of one record of the topic `catalogue`; and slates, which show some items."""

from typing import NewType

from schemas.codec import Versioned, decode
from schemas.errors import Reason, SchemaError
from schemas.ids import Tag, VariantId, WorkspaceId
from schemas.keys import join_key, split_key

ItemId = NewType("ItemId", str)
"""The sender's own id of an item, unique in its catalogue."""

ITEM_ID_LENGTH_MAX = 100
ITEMS_SHOWN_MAX = 8
"""Items that one catalog slot shows; the schema of `variants.yaml` says the same."""
SLATE_LENGTH_MAX = ITEMS_SHOWN_MAX * (3 * ITEM_ID_LENGTH_MAX + 1)
"""Characters of a slate's name: of an id each may be escaped."""
SLATES = 4
"""Slates that a decision chooses among, at most."""
PARTS_MAX = 12
"""Parts of an item; the schema of `foresend.yaml` says the same."""
WORDS_LENGTH_MAX = 200
"""Characters of an item's part that is words."""
DEFAULT_SLATE = VariantId("default")
"""The only variant that a release has of a catalog slot: items written by hand."""


class Item(Versioned, frozen=True):
    """One version of an item. Words are clean and addresses lead to the workspace's own hosts: they are shown so.

    parts           words or addresses, by the part's name (`schemas.library.CatalogueSettings.parts`)
    valid_until_ms  milliseconds since 1970; 0 is no end
    is_gone         it was removed: a record like any other, so that every reader learns of it
    """

    workspace: WorkspaceId
    catalogue: str
    id: ItemId
    parts: dict[str, str] = {}
    tags: tuple[Tag, ...] = ()
    valid_until_ms: int = 0
    is_gone: bool = False

    def is_shown_at(self, at_ms: int) -> bool:
        """Whether a message may show it at a time."""
        return not self.is_gone and (not self.valid_until_ms or at_ms < self.valid_until_ms)


def item_key(workspace: WorkspaceId, catalogue: str, item: ItemId) -> bytes:
    """The key of an item's records in the topic `catalogue`."""
    return join_key(workspace, catalogue, item)


def read_item(key: bytes, packed: bytes) -> Item:
    """An item's record.

    Raises:
        StateError: it cannot be decoded.
        SchemaError: it is another item's than its key tells.
    """
    workspace, catalogue, name = split_key(key, 3)
    item = decode(Item, packed)
    if (item.workspace, item.catalogue, item.id) != (workspace, catalogue, name):
        raise SchemaError(Reason.KEY_MISMATCH, "expected the item of the key, got another one")
    return item


def slate_of_items(items: tuple[ItemId, ...]) -> VariantId:
    """The name of a slate: the items that it shows, in order. It stands where an ordinary slot has a variant's id.

    >>> slate_of_items((ItemId("a"), ItemId("b|c")))
    'a|b%7Cc'
    """
    return VariantId(join_key(*items).decode())


def items_of_slate(slate: VariantId) -> tuple[ItemId, ...]:
    """The items of a slate; none of the one that the release has.

    >>> items_of_slate(VariantId("a|b%7Cc")), items_of_slate(DEFAULT_SLATE)
    (('a', 'b|c'), ())
    """
    if slate == DEFAULT_SLATE:
        return ()
    return tuple(map(ItemId, split_key(slate.encode(), slate.count("|") + 1)))
