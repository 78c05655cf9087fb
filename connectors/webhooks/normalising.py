"""One event of a provider as an event of ours: a track call, named as Segment's spec names what happens to mail."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parseaddr
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from connectors.collector.identifying_text import cleaned_url
from connectors.collector.record_ids import event_id_of, new_record_id
from connectors.collector.reduction import ONLY_BASICS, Rules, network_of
from connectors.collector.times import parse_ms
from connectors.contacts.addresses import address_user, normalised_email
from connectors.webhooks.bounces import bounce_of
from connectors.webhooks.cutting import Piece
from connectors.webhooks.mapping import RECEIVED, ProviderMapping
from connectors.webhooks.paths import found_at, text_at
from schemas.errors import Reason, SchemaError
from schemas.events import MILLIS_END, Event, EventKind, check_time
from schemas.ids import ID_LENGTH_MAX, EventId, UserId, WorkspaceId
from schemas.worlds import WorldRef

SEND_ID, USER, TEMPLATE = "foresend_send_id", "foresend_user", "foresend_template"
"""Our custom arguments, by which what a provider tells is joined to what was sent."""
TEXT_MAX = 2_000

_BOUNCED = "Email Bounced"
_WITH_CODE = frozenset({_BOUNCED, "Email Deferred", "Email Suppressed", "Email Failed"})
_OF_LISTS = frozenset({"Unsubscribed", "Email Resubscribed"})
_WORD_START = re.compile(r"(?:^|_)([a-z])")


@dataclass(frozen=True)
class Receipt:
    """What is the same for all events of one request.

    rules    what the workspace lets through
    secret   by which an address becomes a user id
    is_past  the payload's own times are believed, however old: it is looked at, not taken in
    unknown  the user of an event that names none; None: it is refused
    """

    workspace: WorkspaceId
    received_ms: int
    world: WorldRef
    secret: bytes
    rules: Rules = ONLY_BASICS
    is_past: bool = False
    unknown: UserId | None = None


def event_name(piece: Piece, mapping: ProviderMapping) -> str | None:
    """Its normalised name; None where it tells of no person.

    Raises:
        SchemaError: the provider's name for it is not known.
    """
    names = mapping.event.names
    told = text_at(piece.value, mapping.event.paths)
    for path in mapping.event.qualifiers:
        qualified = f"{told}/{text_at(piece.value, [path])}"
        if qualified in names:
            return names[qualified]
    if told not in names or not (told or any(True for _ in found_at(piece.value, mapping.event.unnamed))):
        raise SchemaError(Reason.UNKNOWN_KIND, f"expected one of {', '.join(filter(None, names))}, got another event")
    return names[told]


def normalised(piece: Piece, mapping: ProviderMapping, receipt: Receipt) -> Event | None:
    """The event; None where it tells of no person.

    Raises:
        SchemaError: with the reason why it cannot be one.
    """
    name = event_name(piece, mapping)
    if name is None:
        return None
    at_ms = _at_ms(piece, mapping, receipt.received_ms)
    received_ms = at_ms if receipt.is_past else receipt.received_ms
    check_time(at_ms, received_ms)
    address = _address(piece, mapping.sender if name == RECEIVED else mapping.address)
    known = _argument(piece, mapping, USER)
    return Event(
        workspace=receipt.workspace,
        user=UserId(known) if known else _user_of(address, receipt),
        record_id=new_record_id(received_ms),
        id=_event_id(piece, mapping),
        kind=EventKind.TRACK,
        at_ms=at_ms,
        received_ms=received_ms,
        world=receipt.world,
        name=name,
        properties=_properties(piece, mapping, name, address, receipt),
        context=_context(piece, mapping),
        anonymous=not known,
    )


def _at_ms(piece: Piece, mapping: ProviderMapping, received_ms: int) -> int:
    told = text_at(piece.value, mapping.time.paths)
    if not told:
        return received_ms
    at_ms = parse_ms(told, "time of the event") if mapping.time.unit == "iso" else _millis(told)
    if not 0 <= at_ms < MILLIS_END:
        raise SchemaError(Reason.TIME_OUT_OF_RANGE, "time of the event: expected one after 1970, got another")
    return at_ms


def _millis(seconds: str) -> int:
    """Whole milliseconds. Compared before it is made whole: a number of a million digits is quickly written."""
    try:
        millis = Decimal(seconds) * 1000
        return int(millis) if 0 <= millis < MILLIS_END else -1
    except (ValueError, ArithmeticError):
        raise SchemaError(Reason.WRONG_TYPE, "time of the event: expected seconds since 1970") from None


def _address(piece: Piece, paths: Iterable[str]) -> str:
    """As it was told, but for a name beside it."""
    told = text_at(piece.value, paths)[:TEXT_MAX]
    return parseaddr(told)[1] or told


def _user_of(address: str, receipt: Receipt) -> UserId:
    if not address:
        if receipt.unknown is None:
            raise SchemaError(Reason.UNMAPPED, f"expected a recipient, or the custom argument {USER}; got neither")
        return receipt.unknown
    if normalised_email(address) is not None:
        return address_user(receipt.secret, address)
    # What bounces may be no address at all. Its name must not tell it either.
    digest = hmac.new(receipt.secret, b"email|" + address.lower().encode(errors="replace"), sha256).hexdigest()
    return UserId(f"address-{digest[:32]}")


def _argument(piece: Piece, mapping: ProviderMapping, name: str) -> str:
    header = _WORD_START.sub(lambda found: "-" + found[1].upper(), name).removeprefix("-")
    return text_at(piece.value, [path.replace("{}", name).replace("{Header}", header) for path in mapping.arguments])


def _event_id(piece: Piece, mapping: ProviderMapping) -> EventId:
    for paths in mapping.id:
        parts = [text_at(piece.value, [path]) for path in paths]
        if all(parts):
            found = "-".join([mapping.provider, *parts, *_numbered(piece)])
            return EventId(found) if len(found) <= ID_LENGTH_MAX else event_id_of(found.encode())
    return EventId("-".join([event_id_of(piece.raw), *_numbered(piece)]))


def _numbered(piece: Piece) -> list[str]:
    return [] if piece.number is None else [str(piece.number)]


def _properties(piece: Piece, mapping: ProviderMapping, name: str, address: str, receipt: Receipt) -> dict[str, Any]:
    """A closed set of names: what else a provider tells of a person stays with the raw body."""
    found: dict[str, Any] = {
        "provider": mapping.provider,
        "send_id": _argument(piece, mapping, SEND_ID),
        "template": _argument(piece, mapping, TEMPLATE),
    }
    for key, paths in mapping.properties.items():
        found[key] = text_at(piece.value, paths)[:TEXT_MAX]
    found["email_id"] = found["email_id"].strip("<>")
    found["link_url"] = cleaned_url(without_address(found["link_url"], address), receipt.rules.meanings)
    if name not in _OF_LISTS:
        found.pop("provider_list_id", None)
    if "is_test" in found:
        found["is_test"] = found["is_test"] == "true"
    if name in _WITH_CODE:
        bounce = bounce_of(piece.value, mapping.bounces)
        found["bounce_code"] = bounce.code
        found["bounce_type"] = bounce.kind if name == _BOUNCED else ""
    flag = text_at(piece.value, mapping.machine.paths)[:TEXT_MAX]
    found["machine"] = mapping.machine.words.get(flag.lower(), flag)
    return {key: value for key, value in found.items() if value}


def without_address(url: str, address: str) -> str:
    """A link that does not tell who clicked it: without query where the address stands there, empty where elsewhere.

    >>> without_address("https://a.example/x?e=ann%40b.example&p=1", "ann@b.example")
    'https://a.example/x'
    """
    for candidate in (url, url.partition("#")[0].partition("?")[0]):
        if not address or address.lower() not in unquote(unquote(candidate)).lower():
            return candidate
    return ""


def _context(piece: Piece, mapping: ProviderMapping) -> dict[str, Any]:
    found: dict[str, Any] = {key: text_at(piece.value, paths)[:TEXT_MAX] for key, paths in mapping.context.items()}
    if "ip" in found:
        found["ip"] = network_of(found["ip"])
    return {key: value for key, value in found.items() if value}
