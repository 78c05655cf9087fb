"""What a row of a file of contacts says: changes of how a person may be reached, and what is wrong with it."""

from dataclasses import dataclass, field

import msgspec

from connectors.collector.times import parse_ms
from connectors.contacts.addresses import normalised_email, normalised_phone
from connectors.contacts.files import ContactRow
from schemas.contacts import Channel, ContactChange, Suppression
from schemas.errors import SchemaError
from schemas.ids import ID_LENGTH_MAX

TEXT_MAX = 256
_YES = frozenset({"yes", "y", "true", "1", "granted", "subscribed", "opt-in", "optin"})
_NO = frozenset({"no", "n", "false", "0", "denied", "unsubscribed", "opt-out", "optout"})
_REASONS: dict[str, Suppression] = {
    "hard_bounce": "hard_bounce",
    "bounce": "hard_bounce",
    "complaint": "complaint",
    "spam": "complaint",
    "unsubscribed": "unsubscribed",
}


@dataclass
class Told:
    """Of one row: the changes, in the order in which they act, the e-mail address, and the problems met."""

    changes: list[ContactChange] = field(default_factory=list)
    email: str = ""
    problems: list[str] = field(default_factory=list)
    is_without_proof: bool = False


def told_by(row: ContactRow, now_ms: int) -> Told:
    """Everything that a row says of a person. A row without changes cannot be imported.

    A permission counts for e-mail, or for the phone where there is no e-mail address; without all of its
    proof it is not imported, the rest of the row is.
    """
    told = Told()
    user = row.cells.get("user", "")
    if not 0 < len(user) <= ID_LENGTH_MAX:
        told.problems.append(f"user: expected an id of 1 to {ID_LENGTH_MAX} characters")
        return told
    told.email = _address(row, "email", told) or ""
    phone = _address(row, "phone", told)
    if told.email:
        told.changes.append(ContactChange(channel="email", at_ms=now_ms, address=told.email))
    if phone:
        told.changes.append(ContactChange(channel="sms", at_ms=now_ms, address=phone))
    if not told.changes:
        told.problems.append("expected an e-mail address or a phone number, got neither")
        return told
    channel = told.changes[0].channel
    _add_permission(row, channel, told, now_ms)
    reason = suppression(row.cells.get("suppressed", ""))
    if reason:
        told.changes.append(ContactChange(channel=channel, at_ms=now_ms, suppress=reason))
    return told


def suppression(text: str) -> Suppression | None:
    """The reason in a cell, `import` for any other that does not say no."""
    said = text.lower()
    return None if not said or said in _NO - {"unsubscribed"} else _REASONS.get(said, "import")


def _address(row: ContactRow, name: str, told: Told) -> str | None:
    text = row.cells.get(name, "")
    if not text:
        return None
    found = normalised_email(text) if name == "email" else normalised_phone(text)
    if found is None:
        told.problems.append(f"{name}: expected {'an e-mail address' if name == 'email' else 'a phone number'}")
    return found


def _add_permission(row: ContactRow, channel: Channel, told: Told, now_ms: int) -> None:
    said = row.cells.get("permission", "").lower()
    if not said:
        return
    if said not in _YES | _NO:
        told.problems.append("permission: expected yes or no, got another word: imported without")
        return
    granted = said in _YES
    at_ms = _granted_ms(row, told, now_ms)
    proof = {name: row.cells.get(name, "") for name in ("source", "text_version")}
    missing = [name for name, text in proof.items() if not 0 < len(text) <= TEXT_MAX]
    missing += ["granted_at"] * (at_ms is None)
    if granted and missing:
        told.is_without_proof = True
        told.problems.append(f"permission without its proof ({', '.join(sorted(missing))}): imported without")
        return
    change = ContactChange(
        channel=channel,
        at_ms=now_ms if at_ms is None else at_ms,
        granted=granted,
        source=proof["source"][:TEXT_MAX],
        text_version=proof["text_version"][:TEXT_MAX],
    )
    purpose = row.cells.get("purpose", "")[:TEXT_MAX]
    told.changes.append(msgspec.structs.replace(change, purpose=purpose) if purpose else change)


def _granted_ms(row: ContactRow, told: Told, now_ms: int) -> int | None:
    text = row.cells.get("granted_at", "")
    if not text:
        return None
    try:
        at_ms = parse_ms(text, "granted_at")
    except SchemaError as error:
        told.problems.append(str(error))
        return None
    if not 0 <= at_ms <= now_ms:
        told.problems.append("granted_at: expected a time in the past, after 1970")
        return None
    return at_ms
