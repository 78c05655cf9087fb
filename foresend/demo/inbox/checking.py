"""What a receiver makes of a message's signature: dkimpy verifies it by the key that DNS tells."""

from collections.abc import Callable
from email import message_from_bytes
from email.utils import parseaddr
from enum import StrEnum
from typing import NamedTuple

Lookup = Callable[..., bytes | None]


class Result(StrEnum):
    """As RFC 8601 calls it."""

    PASS = "pass"  # noqa: S105 - what it is called, not one
    FAIL = "fail"
    NONE = "none"
    """There is no signature."""


class Signature(NamedTuple):
    """What a receiver knows of a signature.

    domain      that has signed
    is_aligned  it is the sender's own, or one above it (DMARC, relaxed)
    covers      the names of headers that stand under it, in lower case
    """

    result: Result
    domain: str = ""
    is_aligned: bool = False
    covers: frozenset[str] = frozenset()


def checked(data: bytes, lookup: Lookup) -> Signature:
    """Verify the first signature of a message."""
    # It loads a whole resolver, which nobody needs before the first mail.
    import dkim  # noqa: PLC0415

    if not message_from_bytes(data)["DKIM-Signature"]:
        return Signature(Result.NONE)
    check = dkim.DKIM(data)
    try:
        is_good = check.verify(dnsfunc=lookup)
        domain = (check.domain or b"").decode("ascii").lower()
        covers = frozenset(name.decode("ascii").strip().lower() for name, _ in check.signed_headers)
    except (dkim.DKIMException, ValueError):
        # Whatever somebody wrote there, it is no signature.
        return Signature(Result.FAIL)
    return Signature(Result.PASS if is_good else Result.FAIL, domain, _is_aligned(data, domain), covers)


def _is_aligned(data: bytes, domain: str) -> bool:
    writer = parseaddr(str(message_from_bytes(data)["From"] or ""))[1].rpartition("@")[2].lower()
    return bool(domain) and (writer == domain or writer.endswith(f".{domain}"))
