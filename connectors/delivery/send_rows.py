"""Rows of sends in `records`, `ledger` and `queue`, and what one turn of the ledger changes of them."""

from collections.abc import Sequence
from typing import NamedTuple

from connectors.cache.families import CAPS, LEDGER, PERSON_BYTES, RECORDS, RESTS
from connectors.cache.rocks import Batch
from connectors.cache.rows import NUMBER_BYTES, OutboxRow, pack_number, pack_record, unpack_number, unpack_record
from connectors.cache.store import CacheStore
from connectors.delivery import caps
from connectors.delivery.queue import Queue
from schemas.codec import decode, encode
from schemas.errors import DataError, Reason
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.keys import join_key
from schemas.sending import SendRecord

REST_MS = 3_600_000
"""So long a receiving domain rests."""


class SendIdTaken(DataError):
    """The send id names another send. Its sender takes a new one."""

    def __init__(self) -> None:
        super().__init__(Reason.KEY_MISMATCH, "expected a new send id, got one of another user or template")


class SendErased(DataError):
    """The send was one of somebody who was erased since. Nothing is sent, and nothing is left to tell."""

    def __init__(self) -> None:
        super().__init__(Reason.NOT_ALLOWED, "expected a new send id, got one of somebody who was erased")


class SendRow(NamedTuple):
    """One send. `send`, `person`: what it and whom it goes to are called in keys."""

    workspace: WorkspaceId
    send: bytes
    person: bytes
    record: SendRecord

    @property
    def pointer(self) -> bytes:
        """Its key in `records`, but for the hash of the send."""
        return self.person + pack_number(self.record.asked_ms)


def row_of(key: bytes, packed: bytes) -> SendRow:
    """A row of `records`."""
    workspace, record = unpack_record(packed)
    person, send = key[:PERSON_BYTES], key[PERSON_BYTES + NUMBER_BYTES :]
    return SendRow(WorkspaceId(workspace.decode()), send, person, decode(SendRecord, record))


class SendRows:
    """Finds sends."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store

    def find(self, workspace: WorkspaceId, send_id: SendId) -> SendRow | None:
        """A send by its id; None: it was never asked for.

        Raises:
            SendErased: nothing is left of it.
        """
        return self.named(self._store.names.send(workspace, send_id))

    def named(self, send: bytes) -> SendRow | None:
        """A send by what it is called in keys. Raises as `find`."""
        pointer = self._store.row(LEDGER, send)
        if pointer is None:
            return None
        packed = self._store.row(RECORDS, pointer + send)
        if packed is None:
            raise SendErased
        return row_of(pointer + send, packed)

    def pointed(self, places: Sequence[tuple[bytes, bytes]]) -> list[SendRow | None]:
        """Sends by `(pointer, send)`; None where nothing is left of one."""
        keys = [pointer + send for pointer, send in places]
        rows = self._store.rows(RECORDS, keys)
        return [None if row is None else row_of(key, row) for key, row in zip(keys, rows, strict=True)]

    def of_person(self, workspace: WorkspaceId, user: UserId, limit: int) -> list[SendRecord]:
        """A person's sends, those asked for last first."""
        person = self._store.names.person(workspace, user)
        rows = self._store.rows_of_person(RECORDS, person)
        return [row_of(key, row).record for key, row in rows[: -limit - 1 : -1]]


class Turn:
    """What one turn of the ledger writes, at once.

    rows     records for the job
    granted  sends that a worker is given
    rested   whose messages a receiving domain refused by policy, once for each rest
    ended    sends that came to their end, or are in doubt
    mails    what is told of mails: of which workspace, and what (`connectors.metrics.mail`)
    """

    def __init__(self, store: CacheStore, queue: Queue, batch: Batch | None = None) -> None:
        self._store = store
        self._queue = queue
        self._caps: dict[bytes, tuple[caps.Counted, ...]] = {}
        self._rests: dict[bytes, int] = {}
        self.batch = store.batch() if batch is None else batch
        self.rows: list[OutboxRow] = []
        self.granted: list[SendRow] = []
        self.ended: list[SendRow] = []
        self.rested: list[WorkspaceId] = []
        self.mails: list[tuple[WorkspaceId, str]] = []
        self.is_empty = True

    def add(self, row: SendRow) -> None:
        """Write a send that is new."""
        self.batch.put(LEDGER, row.send, row.pointer)
        self._write(row)

    def change(self, row: SendRow, record: SendRecord) -> SendRow:
        """Write what a send is now, and move it in the queue."""
        old = row.record
        if old.lane and (old.lane, old.due_ms) != (record.lane, record.due_ms):
            self._queue.delete(self.batch, row.workspace, old.lane, old.due_ms, row.send)
        changed = row._replace(record=record)
        self._write(changed)
        if not record.lane or record.ended_ms:
            self.ended.append(changed)
        return changed

    def remove(self, row: SendRow, now_ms: int) -> None:
        """Leave nothing of a send but that there was one of its id, of somebody who was erased."""
        record = row.record
        self.is_empty = False
        self._queue.delete(self.batch, row.workspace, record.lane, record.due_ms, row.send)
        self.batch.delete(RECORDS, row.pointer + row.send)
        self._store.ask_purge(self.batch, row.person, now_ms)

    def drop(self, workspace: WorkspaceId, lane: str, due_ms: int, send: bytes) -> None:
        """Take out of the queue what nothing is left of."""
        self.is_empty = False
        self._queue.delete(self.batch, workspace, lane, due_ms, send)

    def counted(self, person: bytes) -> tuple[caps.Counted, ...]:
        """A person's messages that count for caps, after this turn."""
        if person not in self._caps:
            self._caps[person] = caps.unpacked(self._store.row(CAPS, person))
        return self._caps[person]

    def count(self, person: bytes, counted: tuple[caps.Counted, ...]) -> None:
        """Have these count for caps."""
        self._caps[person] = counted
        self.is_empty = False
        if counted:
            self.batch.put(CAPS, person, caps.packed(counted))
        else:
            self.batch.delete(CAPS, person)

    def rests_until(self, workspace: WorkspaceId, domain: str) -> int:
        """Until when nothing is sent to a receiving domain; 0: it does not rest."""
        key = join_key(workspace, domain)
        if key not in self._rests:
            row = self._store.row(RESTS, key)
            self._rests[key] = 0 if row is None else unpack_number(row)
        return self._rests[key]

    def rest(self, workspace: WorkspaceId, domain: str, until_ms: int) -> None:
        """Have a receiving domain rest."""
        key = join_key(workspace, domain)
        if self.rests_until(workspace, domain) <= until_ms - REST_MS // 2:
            self.rested.append(workspace)
        self._rests[key] = until_ms
        self.is_empty = False
        self.batch.put(RESTS, key, pack_number(until_ms))

    def commit(self) -> None:
        """Write everything, in one batch."""
        if not self.is_empty or self.rows:
            self._store.commit(self.batch, self.rows)

    def _write(self, row: SendRow) -> None:
        record = row.record
        self.is_empty = False
        if record.lane:
            self._queue.put(self.batch, row.workspace, record.lane, record.due_ms, row.send, row.pointer)
        self.batch.put(RECORDS, row.pointer + row.send, pack_record(row.workspace.encode(), encode(record)))
