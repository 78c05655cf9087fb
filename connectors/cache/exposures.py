"""What a draw tells the job: its exposure, as a record on its way through the outbox.

A draw is answered before its exposure is made: it leaves what it knew, packed as it was read, and the outbox's thread
makes the record of that.
"""

import struct
from hashlib import sha256
from typing import Any, ClassVar

from connectors.cache.rows import OutboxRow, Served
from connectors.kafka.event_records import event_record
from schemas.codec import Versioned, decode
from schemas.decisions import ASSESSED, VECTOR_BYTES_MAX, Communication, Decision, Exposure
from schemas.errors import DataError, StateCorrupt
from schemas.events import Event, EventKind
from schemas.ids import EventId, RecordId, SendId, UserId, WorkspaceId
from schemas.keys import join_key
from schemas.topics import EVENTS
from schemas.worlds import WorldRef

_FLOAT = struct.Struct("<f")
_ID_DIGITS = 32
_DRAWN = bytes((64,))


class Drawn(Versioned, frozen=True):
    """A row of the outbox: the draw of a candidate, whose exposure is made when it goes to Kafka.

    world          at the draw
    candidate      index among the entry's
    probabilities  of all candidates as drawn from
    entry          the entry as it was stored: another may stand in its place by now
    """

    # No `OutboxRow` begins with this byte: the first one tells them apart.
    SCHEMA_VERSION: ClassVar[int] = 64

    workspace: WorkspaceId
    send_id: SendId
    at_ms: int
    world: WorldRef
    candidate: int
    probabilities: tuple[float, ...]
    entry: bytes

    def row(self) -> OutboxRow:
        """The record.

        Raises:
            StateCorrupt: nothing that a draw leaves.
        """
        decision = decode(Communication, self.entry).decision
        if decision is None or not 0 <= self.candidate < len(decision.candidates):
            raise StateCorrupt("expected an entry that was drawn from in a row of the outbox")
        served = Served.drawn(decision, self.candidate, self.probabilities, self.at_ms)
        try:
            return exposure_row(self.workspace, self.send_id, served, decision, self.world)
        except DataError as error:
            raise StateCorrupt(f"expected the exposure of a draw in a row of the outbox: {error}") from error


def opened_row(packed: bytes) -> OutboxRow:
    """A row of the outbox as the record that it is to be.

    Raises:
        StateCorrupt, StateVersionError: it is none.
    """
    if packed[:1] == _DRAWN:
        return decode(Drawn, packed).row()
    return decode(OutboxRow, packed)


def exposure_of(send_id: SendId, served: Served, decision: Decision | None) -> Exposure:
    """What is learnt from a send, once it is one."""
    shown = decision if served.candidate >= 0 else None
    return Exposure(
        send_id=send_id,
        template=served.template,
        decision=served.decision,
        candidate=served.candidate,
        propensity=served.propensity,
        probabilities=served.probabilities,
        slots=tuple(slot.slot for slot in shown.slots) if shown else (),
        variants=shown.variants_of(served.candidate) if shown else (),
        features=features_of(shown, served.candidate) if shown else (),
        policy=shown.policy if shown else "",
        fallback=served.reason,
        vector=shown.vector[:VECTOR_BYTES_MAX] if shown else b"",
        assessed=assessed_of(shown, served.candidate) if shown else b"",
    )


def exposure_row(
    workspace: WorkspaceId, send_id: SendId, served: Served, decision: Decision | None, world: WorldRef
) -> OutboxRow:
    """The exposure of a send that is made with this draw."""
    return shown_row(workspace, served.user, exposure_of(send_id, served, decision), served.at_ms, world)


def shown_row(workspace: WorkspaceId, user: UserId, exposure: Exposure, at_ms: int, world: WorldRef) -> OutboxRow:
    """The exposure of a send. Its ids come from the send id alone: however often it is produced, it is one."""
    number = f"exposure-{number_of(workspace, exposure.send_id)}"
    return event_row(own_event(workspace, user, number, EventKind.EXPOSURE, at_ms, world, exposure=exposure))


def features_of(decision: Decision, candidate: int) -> tuple[float, ...]:
    """The feature of the variant that a candidate shows in each slot, as it was at the decision."""
    choice = decision.candidates[candidate].choice
    return tuple(
        float(_FLOAT.unpack_from(slot.features, _FLOAT.size * index)[0])
        for slot, index in zip(decision.slots, choice, strict=True)
    )


def assessed_of(decision: Decision, candidate: int) -> bytes:
    """How the decision saw the variant that a candidate shows in each slot: rows of `ASSESSED`."""
    choice = decision.candidates[candidate].choice
    rows = [slot.assessed(index) for slot, index in zip(decision.slots, choice, strict=True)]
    return struct.pack(f"<{len(ASSESSED) * len(rows)}f", *[number for row in rows for number in row])


def number_of(*parts: str) -> str:
    """What names a record, and tells nothing of what it is made of."""
    return sha256(join_key(*parts)).hexdigest()[:_ID_DIGITS]


def own_event(
    workspace: WorkspaceId, user: UserId, number: str, kind: EventKind, at_ms: int, world: WorldRef, **told: Any
) -> Event:
    """An event that this node tells itself: received when it happened, and `number` is both its ids.

    told  other fields of the event
    """
    return Event(
        workspace=workspace,
        user=user,
        record_id=RecordId(number),
        id=EventId(number),
        kind=kind,
        at_ms=at_ms,
        received_ms=at_ms,
        world=world,
        **told,
    )


def event_row(event: Event) -> OutboxRow:
    """An event as a record of its topic.

    Raises:
        SchemaError: the job would refuse it.
    """
    record = event_record(event)
    return OutboxRow(EVENTS.name, record.partition, record.key, record.value)
