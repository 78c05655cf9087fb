"""What the gateway tells the job: exposures and refreshes, as records on their way through the outbox."""

import struct
from hashlib import sha256

from connectors.cache.rows import OutboxRow, Served
from connectors.gateway.refreshes import REFRESH_EVERY_MS
from connectors.kafka.event_records import event_record
from schemas.decisions import ASSESSED, VECTOR_BYTES_MAX, Decision, Exposure
from schemas.events import Event, EventKind
from schemas.ids import DecisionId, EventId, RecordId, SendId, UserId, WorkspaceId
from schemas.keys import communication_key, join_key
from schemas.profiles import FEATURES_ASKED
from schemas.topics import EVENTS
from schemas.worlds import WorldRef

_FLOAT = struct.Struct("<f")
_ID_DIGITS = 32


def exposure_row(
    workspace: WorkspaceId, send_id: SendId, served: Served, decision: Decision | None, world: WorldRef
) -> OutboxRow:
    """The exposure of a send. Its ids come from the send id alone: however often it is produced, it is one."""
    shown = decision if served.candidate >= 0 else None
    exposure = Exposure(
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
    number = sha256(join_key(workspace, send_id)).hexdigest()[:_ID_DIGITS]
    return _row(workspace, served, f"exposure-{number}", world, exposure)


def refresh_row(workspace: WorkspaceId, served: Served, world: WorldRef) -> OutboxRow:
    """Asks for a new render of what was not there. One id a minute, so that a restart does not ask twice."""
    key = communication_key(workspace, served.template, served.user)
    minute = served.at_ms // REFRESH_EVERY_MS
    number = sha256(join_key(key.decode(), str(minute))).hexdigest()[:_ID_DIGITS]
    return _row(workspace, served, f"refresh-{number}", world)


def features_refresh_row(workspace: WorkspaceId, user: UserId, at_ms: int, world: WorldRef) -> OutboxRow:
    """Asks for a person's features to be told as they stand. One id a minute, as of every refresh."""
    minute = at_ms // REFRESH_EVERY_MS
    number = f"features-{sha256(join_key(workspace, user, str(minute))).hexdigest()[:_ID_DIGITS]}"
    event = Event(
        workspace=workspace,
        user=user,
        record_id=RecordId(number),
        id=EventId(number),
        kind=EventKind.REFRESH,
        at_ms=at_ms,
        received_ms=at_ms,
        world=world,
        properties={"reason": FEATURES_ASKED},
    )
    record = event_record(event)
    return OutboxRow(EVENTS.name, record.partition, record.key, record.value)


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


NO_DECISION = DecisionId("")
"""Stands in an exposure of the fallback where there was no entry at all."""


def _row(
    workspace: WorkspaceId,
    served: Served,
    number: str,
    world: WorldRef,
    exposure: Exposure | None = None,
) -> OutboxRow:
    event = Event(
        workspace=workspace,
        user=served.user,
        record_id=RecordId(number),
        id=EventId(number),
        kind=EventKind.EXPOSURE if exposure else EventKind.REFRESH,
        at_ms=served.at_ms,
        received_ms=served.at_ms,
        world=world,
        properties={"template": served.template, "reason": served.reason} if exposure is None else {},
        exposure=exposure,
    )
    record = event_record(event)
    return OutboxRow(EVENTS.name, record.partition, record.key, record.value)
