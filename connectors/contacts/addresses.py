"""E-mail addresses in one form, and the id of somebody of whom only the address is known."""

import hmac
import re
import unicodedata
from hashlib import sha256

from schemas.errors import Reason, SchemaError
from schemas.ids import UserId

ADDRESS_MAX = 254
"""Octets of an address in a message's envelope (RFC 5321, erratum 1690)."""
_LOCAL_MAX = 64
_LOCAL = re.compile(r"[^\s\x00-\x1f\x7f<>,;\"@\ud800-\udfff]+")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PHONE = re.compile(r"\+?[0-9]{6,15}", re.ASCII)
"""At most 15 digits (E.164)."""
ADDRESS_PREFIX = "address-"
"""Begins the id of somebody of whom nothing but an address is known."""
_NAME_HEX = 32


def normalised_email(text: str) -> str | None:
    """The address as it is kept and compared; None for what is no address.

    The part before the @ stays as it is, for only its host knows what it means. The domain is in lower case,
    names of other scripts in their ASCII form (Punycode, RFC 3492, of the lower case in NFKC).

    >>> normalised_email(" Ann.Lee@Bücher.Example "), normalised_email("ann at home")
    ('Ann.Lee@xn--bcher-kva.example', None)
    """
    local, at, domain = text.strip().rpartition("@")
    host = _ascii_domain(domain)
    if not at or host is None or not _LOCAL.fullmatch(local) or len(local.encode()) > _LOCAL_MAX:
        return None
    address = f"{local}@{host}"
    return address if len(address.encode()) <= ADDRESS_MAX else None


def normalised_phone(text: str) -> str | None:
    """A telephone number without what only makes it readable; None for what is none.

    >>> normalised_phone("+49 (228) 12-34 56"), normalised_phone("00441234567890"), normalised_phone("call me")
    ('+49228123456', '+441234567890', None)
    """
    number = re.sub(r"[\s().\-/]", "", text)
    if number.startswith("00"):
        number = f"+{number[2:]}"
    return number if _PHONE.fullmatch(number) else None


def address_user(secret: bytes, address: str) -> UserId:
    """The user id of somebody of whom only an address is known; whoever lacks the secret cannot guess it.

    The whole address counts in lower case: no two people were ever told apart by it, but senders differ in it.

    Raises:
        SchemaError: it is no address.
    """
    found = normalised_email(address)
    if found is None:
        raise SchemaError(Reason.WRONG_TYPE, "expected an e-mail address, got none")
    return UserId(f"{ADDRESS_PREFIX}{address_name(secret, 'email', found)}")


def address_name(secret: bytes, channel: str, address: str) -> str:
    """What an address is called where it must not stand itself: an HMAC of channel and normalised address.

    The id of somebody of whom only the address is known is made of the same.
    """
    text = normalised_email(address) or address if channel == "email" else address
    return hmac.new(secret, f"{channel}|{text.lower()}".encode(errors="replace"), sha256).hexdigest()[:_NAME_HEX]


def _ascii_domain(domain: str) -> str | None:
    labels = [_ascii_label(label) for label in unicodedata.normalize("NFKC", domain).lower().rstrip(".").split(".")]
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return ".".join(labels)


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return "xn--" + label.encode("punycode").decode()
    except UnicodeError:
        return ""
