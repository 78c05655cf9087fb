"""The queue: what is to be looked at again, and when; in lanes, so that nobody looks past what is not for him.

A lane is a row of sends in the order of their times: of a class and channel, of a campaign that is paused, of what was
granted, of what nobody knows. A send at its end is in none.
"""

from collections.abc import Iterator
from typing import NamedTuple

from connectors.cache.families import QUEUE, SEND_BYTES
from connectors.cache.rocks import Batch
from connectors.cache.rows import NUMBER_BYTES, pack_number, unpack_number
from connectors.cache.store import CacheStore
from schemas.ids import WorkspaceId
from schemas.keys import join_key, split_key
from schemas.library import MessageClass

GRANTED = "granted"
AMBIGUOUS = "ambiguous"
_PAUSED = "paused"
_RANKS = {MessageClass.CRITICAL: 0, MessageClass.TRANSACTIONAL: 1, MessageClass.MARKETING: 2}
_NOTHING = b"\xff" * 16
"""Sorts after all keys: where a lane has no row."""


def lane_of(message_class: MessageClass, channel: str) -> str:
    """Where sends of a class and channel wait. A receipt does not wait behind a campaign."""
    return f"{_RANKS[message_class]}{channel}"


def lanes_of(channel: str) -> tuple[str, ...]:
    """All lanes of a channel, the most urgent first."""
    return tuple(f"{rank}{channel}" for rank in sorted(_RANKS.values()))


def paused_lane(campaign: str) -> str:
    """Where the sends of a campaign wait that is paused."""
    return f"{_PAUSED}|{campaign}"


class Waiting(NamedTuple):
    """One row of the queue. `pointer`: its key in `records`, but for the hash of the send."""

    due_ms: int
    send: bytes
    pointer: bytes


class Queue:
    """The family `queue`. Called under the store's lock `drawing` only.

    It remembers where each lane begins: RocksDB would walk over the markers of all rows that were removed before.
    """

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._heads: dict[bytes, bytes] = {}

    def put(self, batch: Batch, workspace: WorkspaceId, lane: str, due_ms: int, send: bytes, pointer: bytes) -> None:
        """Have a send wait until then."""
        prefix = _prefix(workspace, lane)
        key = prefix + pack_number(due_ms) + send
        if key < self._heads.get(prefix, prefix):
            self._heads[prefix] = key
        batch.put(QUEUE, key, pointer)

    def delete(self, batch: Batch, workspace: WorkspaceId, lane: str, due_ms: int, send: bytes) -> None:
        """Take a send out of a lane."""
        batch.delete(QUEUE, _prefix(workspace, lane) + pack_number(due_ms) + send)

    def first(self, workspace: WorkspaceId, lane: str, limit: int, after: Waiting | None = None) -> list[Waiting]:
        """The first rows of a lane, in the order of their times; or the first after one."""
        prefix = _prefix(workspace, lane)
        head = self._heads.get(prefix, prefix + b"\0")
        if after is None and head == prefix + _NOTHING:
            # All that is written is written here, so it is still empty: most lanes are, and each is asked for.
            return []
        # Up to the key before: a scan begins after what it is given.
        start = head[:-1]
        if after is not None:
            start = prefix + pack_number(after.due_ms) + after.send
        rows = [row for row in self._store.scan_rows(QUEUE, start, limit) if row[0].startswith(prefix)]
        if after is None:
            self._heads[prefix] = rows[0][0] if rows else prefix + _NOTHING
        return [_waiting(key[len(prefix) :], pointer) for key, pointer in rows]

    def lanes(self) -> Iterator[tuple[WorkspaceId, str]]:
        """Every lane in which something waits."""
        start = b""
        while rows := self._store.scan_rows(QUEUE, start, 1):
            prefix = rows[0][0][: -NUMBER_BYTES - SEND_BYTES]
            workspace, lane = split_key(prefix[:-1], 2)
            yield WorkspaceId(workspace), lane
            start = prefix + _NOTHING


def _waiting(key: bytes, pointer: bytes) -> Waiting:
    return Waiting(unpack_number(key), key[NUMBER_BYTES : NUMBER_BYTES + SEND_BYTES], pointer)


def _prefix(workspace: WorkspaceId, lane: str) -> bytes:
    return join_key(workspace, lane) + b"\0"
