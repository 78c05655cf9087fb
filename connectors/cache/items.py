"""What a node knows of catalogues: which items may not be shown any more, and which changed since entries were made."""

from collections import OrderedDict, deque
from collections.abc import Iterable

from schemas.catalogue import Item, ItemId, item_key, read_item
from schemas.errors import SchemaError, StateError
from schemas.ids import WorkspaceId

RECENT_MAX = 100_000
"""Items of which is known when they changed, those that changed last."""
LATE_MAX = 100_000


class Items:
    """Items of all catalogues. The thread that follows the topic takes them in, reads ask.

    Of items that may be shown for ever nothing is kept: one that is not known is newer than what was read here.

    end       end offset up to which the topic was read
    is_ready  all was read that the topic held when this node began
    changed   keys of items that changed, each with the offset of its newest version, the oldest change first
    late      names of entries that came after an item that they show had changed, each with that offset
    """

    def __init__(self) -> None:
        self.end = 0
        self.is_ready = False
        self.changed: OrderedDict[bytes, int] = OrderedDict()
        self.late: deque[tuple[bytes, int]] = deque(maxlen=LATE_MAX)
        self._recent: OrderedDict[bytes, int] = OrderedDict()
        self._ends_ms: dict[bytes, int] = {}

    def take(self, offset: int, key: bytes, packed: bytes) -> None:
        """Take in a record; one that is no item is passed over, as every reader does."""
        self.end = max(self.end, offset + 1)
        try:
            item = read_item(key, packed)
        except (StateError, SchemaError):
            return
        self._remember(key, item)
        for known in (self.changed, self._recent):
            known[key] = offset
            known.move_to_end(key)
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)

    def arrived(self, name: bytes, shown: Iterable[bytes], end: int) -> None:
        """Note an entry, once it is stored, if an item that it shows changed since: that may be passed already.

        Called by the follower's thread.

        shown  keys of the items in it
        end    up to which of the topic it was made with
        """
        if end < self.end:
            newest = max((self._recent.get(key, -1) for key in shown), default=-1)
            if newest >= end:
                self.late.append((name, newest))

    @property
    def has_ends(self) -> bool:
        """Whether there is any item that was removed, or ends."""
        return bool(self._ends_ms)

    def is_gone(self, workspace: WorkspaceId, catalogue: str, item: ItemId, now_ms: int) -> bool:
        """Whether an item was removed, or has ended."""
        if not self._ends_ms:
            return False
        ends_ms = self._ends_ms.get(item_key(workspace, catalogue, item))
        return ends_ms is not None and now_ms >= ends_ms

    def settled_below(self) -> int:
        """The offset below which no change waits."""
        return next(iter(self.changed.values()), self.end)

    def _remember(self, key: bytes, item: Item) -> None:
        if item.is_gone or item.valid_until_ms:
            self._ends_ms[key] = 0 if item.is_gone else item.valid_until_ms
        else:
            self._ends_ms.pop(key, None)
