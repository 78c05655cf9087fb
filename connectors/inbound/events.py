"""What a mail says as events: bounces, complaints and unsubscriptions of the person whom it is about."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from connectors.collector.record_ids import event_id_of, new_record_id
from connectors.contacts.addresses import ADDRESS_MAX, ADDRESS_PREFIX, address_name
from connectors.inbound.reading import address_in
from connectors.inbound.reports import Failure
from connectors.inbound.understanding import MailKind, Understood
from schemas.errors import Reason, SchemaError
from schemas.events import UNSUBSCRIBED, Event, EventKind
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.worlds import WorldRef

PROVIDER = "mail"
BOUNCED, DEFERRED, COMPLAINED = "Email Bounced", "Email Deferred", "Email Marked as Spam"
_DELAYED = "delayed"
NOBODY, NO_SEND = UserId(""), SendId("")


@dataclass(frozen=True)
class About:
    """Whose a mail is about, and when it came.

    user, send_id  by a token of ours; empty: there was none, and addresses in the mail must do
    secret         by which an address becomes a user id
    digest         of the mail: the same one, delivered again, is the same events
    """

    workspace: WorkspaceId
    world: WorldRef
    at_ms: int
    received_ms: int
    secret: bytes
    digest: bytes
    user: UserId = NOBODY
    send_id: SendId = NO_SEND


def digest_of(data: bytes) -> bytes:
    """What a mail is known by."""
    return sha256(data).digest()


def events_of(mail: Understood, about: About) -> list[Event]:
    """The events of a mail; none of one that is no bounce, complaint or unsubscription.

    Raises:
        SchemaError: it tells of nobody: neither by a token nor by an address.
    """
    told = _told(mail, is_known=bool(about.user))
    found = [_event(about, *one) for one in told if about.user or _is_name(one.address)]
    if told and not found:
        raise SchemaError(Reason.UNMAPPED, "expected a token of ours in a mail, or an address it tells of; got neither")
    return found


class _Told(NamedTuple):
    """One event in the making."""

    name: str
    fields: dict[str, Any]
    address: str


def _told(mail: Understood, *, is_known: bool) -> list[_Told]:
    if mail.kind is MailKind.BOUNCE:
        # A message goes to one: where it was passed on to several, the first that failed is what became of it.
        failures = sorted(mail.failures, key=lambda one: not one.is_final)[: 1 if is_known else None]
        return [_Told(name, _fields_of(one), one.recipient) for one in failures if (name := _name_of(one))]
    if mail.kind is MailKind.COMPLAINT and mail.complaint is not None:
        fields = {"feedback_type": mail.complaint.kind}
        recipients = [""] if is_known else list(mail.complaint.recipients) or [_original_recipient(mail)]
        return [_Told(COMPLAINED, fields, one) for one in recipients]
    if mail.kind is MailKind.UNSUBSCRIBE:
        return [_Told(UNSUBSCRIBED, {"source": "mailto"}, address_in(mail.author))]
    return []


def _name_of(failure: Failure) -> str:
    if failure.is_final:
        return BOUNCED
    return DEFERRED if failure.action == _DELAYED else ""


def _fields_of(failure: Failure) -> dict[str, Any]:
    return {"bounce_code": failure.code, "bounce_type": failure.kind if failure.is_final else ""}


def _original_recipient(mail: Understood) -> str:
    """Whom the message that is complained of was to, where the report does not say it."""
    told = "" if mail.original is None else str(mail.original.get("to", ""))
    return address_in(told) if "," not in told else ""


def _event(about: About, name: str, fields: dict[str, Any], address: str) -> Event:
    properties = {"provider": PROVIDER, "send_id": about.send_id, **fields}
    named = b"\0".join((b"mail", about.digest, name.encode(), address.lower().encode(errors="replace")))
    return Event(
        workspace=about.workspace,
        user=about.user or UserId(f"{ADDRESS_PREFIX}{address_name(about.secret, 'email', address)}"),
        record_id=new_record_id(about.received_ms),
        id=event_id_of(named),
        kind=EventKind.TRACK,
        at_ms=about.at_ms,
        received_ms=about.received_ms,
        world=about.world,
        name=name,
        properties={key: value for key, value in properties.items() if value},
        anonymous=not about.user,
    )


def _is_name(address: str) -> bool:
    """Whether somebody can be known by it. What bounces may be no address by any standard: it is named all the same."""
    return "@" in address and len(address) <= ADDRESS_MAX
