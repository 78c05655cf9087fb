"""A mail that came in, parsed within bounds: whoever wrote it may have meant to harm.

The parser's time grows with lines times nested parts. What tells of a bounce or complaint stands at a mail's beginning,
so only that is read; a mail with more parts inside parts than any honest one is not.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import Header
from email.message import Message
from email.utils import parseaddr
from typing import Any

from schemas.errors import Reason, SchemaError

READ_BYTES_MAX = 256 * 1024
PARTS_MAX = 24
"""Of 629 real bounces and reports none names more than 5 boundaries."""
HEADER_MAX = 4_000
TEXT_MAX = 20_000
FAULTS = (ValueError, LookupError, AttributeError, TypeError, AssertionError, RecursionError, MessageError)
"""How parsers of mail end on hostile input, their own mistakes included."""

_BOUNDARY = re.compile(rb"boundary\s*\*?\d*\*?=", re.IGNORECASE)
_ORIGINALS = frozenset({"message/rfc822", "text/rfc822-headers", "text/rfc822-header", "message/global"})


def parsed(data: bytes) -> Message:
    """The mail, as far as it is read.

    Raises:
        SchemaError: its parts are nested too deep, or no parser understands it.
    """
    beginning = data[:READ_BYTES_MAX]
    if sum(1 for _ in _BOUNDARY.finditer(beginning)) > PARTS_MAX:
        raise SchemaError(Reason.TOO_DEEP, f"expected at most {PARTS_MAX} parts inside parts, got more")
    try:
        return message_from_bytes(beginning)
    except FAULTS:
        raise SchemaError(Reason.WRONG_TYPE, "expected a mail (RFC 5322), got other bytes") from None


def header(part: Message, name: str) -> str:
    """The value of a header, on one line, bounded; empty where there is none."""
    found = part.get(name)
    return "" if found is None else one_line(found)


def headers(part: Message, name: str) -> list[str]:
    """The values of all headers of a name."""
    return [one_line(found) for found in part.get_all(name, [])[:PARTS_MAX]]


def one_line(value: str | Header | Any) -> str:
    """What a header says, whatever bytes it had."""
    try:
        text = str(value)[:HEADER_MAX]
    except FAULTS:
        return ""
    return " ".join(text.encode(errors="replace").decode().split())


def own_parts(mail: Message) -> Iterator[Message]:
    """The parts of the mail itself, in their order: not those of a mail that it brings back."""
    yield mail
    if mail.get_content_maintype() == "message" or mail.get_content_type() in _ORIGINALS:
        return
    for part in children(mail):
        yield from own_parts(part)


def children(part: Message) -> list[Message]:
    """The parts of a part; of a report the blocks of its fields."""
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def original_of(mail: Message) -> Message | None:
    """The headers of the mail that this one brings back; None: it brings none."""
    for part in own_parts(mail):
        if part is not mail and part.get_content_type() in _ORIGINALS:
            whole = children(part)
            return whole[0] if whole else message_from_bytes(_bytes_of(part))
    return None


def text_of(mail: Message) -> str:
    """The first text of the mail itself, bounded."""
    for part in own_parts(mail):
        if part.get_content_type() == "text/plain" and not part.is_multipart():
            return _bytes_of(part)[:TEXT_MAX].decode(errors="replace")
    return ""


def address_in(text: str) -> str:
    """The address in a header's value, without a name beside it and the kind before it (`rfc822;`)."""
    told = text.partition(";")[2] if ";" in text.partition("@")[0] else text
    told = told.strip()
    return parseaddr(told)[1] or told.strip("<>") if "<" in told else told


def _bytes_of(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""
