"""Which provider or format a payload is of, and the events that it stands for."""

from dataclasses import dataclass
from typing import Any

from connectors.kafka.event_records import event_record
from connectors.webhooks.cutting import Piece, cut, is_known
from connectors.webhooks.mapping import ProviderMapping, providers
from connectors.webhooks.normalising import Receipt, normalised
from foresend.normalising import segment
from foresend.normalising.foreign import cloud_event_data, gorse_calls, metarank_call, snowplow_calls
from foresend.normalising.outcomes import Lost, Refusal, Refused, Understood
from foresend.normalising.requests import body_of, is_request
from schemas.errors import Reason, SchemaError
from schemas.ids import UserId
from schemas.worlds import WorldRef

FORMATS = ("segment", "snowplow", "metarank", "gorse")
NESTED_MAX = 3
"""A recorded request may hold a CloudEvent, which may hold a call."""


@dataclass(frozen=True)
class Looking:
    """How payloads are looked at.

    provider  the only one they may be of; empty: any
    now_ms    when things happened that tell no time
    secret    by which addresses become user ids
    """

    provider: str
    now_ms: int
    secret: bytes


def understand(value: Any, looking: Looking, depth: int = 0) -> Understood:
    """The events of a payload.

    Raises:
        Refused: it is of no known kind, or nothing in it is an event.
    """
    found = _understood(value, looking, depth)
    if looking.provider not in ("", found.provider):
        raise Refused(Refusal.OTHER_PROVIDER, f"expected a payload of {looking.provider}, got one of {found.provider}")
    _check(found)
    if found.lost and not found.events:
        first = found.lost[0]
        raise Refused(Reason(first.reason), first.detail)
    return found


def _understood(value: Any, looking: Looking, depth: int) -> Understood:
    if is_request(value) and depth < NESTED_MAX:
        return understand(body_of(value), looking, depth + 1)
    data = cloud_event_data(value)
    if data is not None and depth < NESTED_MAX:
        return _wrapped(data, looking, depth)
    calls = _as_calls(value)
    if calls is not None:
        provider, turned = calls
        found = segment.understood(turned, looking.now_ms)
        found.provider = provider
        return found
    mapping = _mapping_of(value, looking.provider)
    if mapping is not None:
        return _heard(value, mapping, looking)
    if segment.is_like_a_call(value):
        return segment.understood(value, looking.now_ms)
    known = ", ".join([*providers(), *FORMATS])
    raise Refused(Refusal.UNKNOWN_PROVIDER, f"expected a payload of {known}; got something else")


def _wrapped(data: Any, looking: Looking, depth: int) -> Understood:
    try:
        return understand(data, looking, depth + 1)
    except Refused as refused:
        if refused.reason is Refusal.UNKNOWN_PROVIDER:
            raise Refused(Refusal.NO_CALL, "expected a call of Segment's spec inside, got something else") from None
        raise


def _as_calls(value: Any) -> tuple[str, Any] | None:
    """The calls of a payload that certainly is of them, and the format they came in."""
    if segment.is_call(value) or segment.is_batch(value):
        return "segment", value
    snowplow = snowplow_calls(value)
    if snowplow is not None:
        return "snowplow", snowplow
    gorse = gorse_calls(value)
    if gorse is not None:
        return "gorse", gorse
    rows = value if isinstance(value, list) else [value]
    metarank = [metarank_call(row) for row in rows]
    return ("metarank", metarank) if metarank and all(metarank) else None


def _mapping_of(value: Any, provider: str) -> ProviderMapping | None:
    if provider in providers():
        return providers()[provider]
    return next(
        (mapping for mapping in providers().values() if any(is_known(piece, mapping) for piece in cut(value, mapping))),
        None,
    )


def _heard(value: Any, mapping: ProviderMapping, looking: Looking) -> Understood:
    found = Understood(mapping.provider)
    pieces = cut(value, mapping)
    if not pieces:
        raise Refused(Refusal.OTHER_PROVIDER, f"expected a payload of {mapping.provider}, got something else")
    for index, piece in enumerate(pieces):
        try:
            _hear(piece, mapping, looking, found)
        except SchemaError as error:
            found.lost.append(Lost(index, error.reason.value, str(error)))
    return found


def _hear(piece: Piece, mapping: ProviderMapping, looking: Looking, found: Understood) -> None:
    unknown = UserId(segment.UNKNOWN)
    receipt = Receipt(segment.WORKSPACE, looking.now_ms, WorldRef(), looking.secret, is_past=True, unknown=unknown)
    event = normalised(piece, mapping, receipt)
    if event is None:
        return
    if event.user == unknown and "user" not in found.filled:
        found.filled.append("user")
    found.events.append(event)


def _check(found: Understood) -> None:
    """Every event must be one that the log would take."""
    for event in list(found.events):
        try:
            event_record(event)
        except SchemaError as error:
            found.lost.append(Lost(found.events.index(event), error.reason.value, str(error)))
            found.events.remove(event)
