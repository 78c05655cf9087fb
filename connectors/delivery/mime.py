"""A granted message as the bytes that are sent: the same grant gives the same bytes, at each attempt.

Everything is ASCII in lines of at most 76 characters, but for a long link in a header: a relay without 8BITMIME changes
nothing, and the signature holds.
"""

import re
from base64 import encodebytes
from binascii import b2a_qp
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256

from connectors.delivery.dkim import DkimKeys, Header
from connectors.delivery.header_lines import SENDER_STATUS, address_of, clean, mailbox_line, text_line
from connectors.delivery.lease import Unsendable
from schemas.library import MessageClass
from schemas.sending import Grant

BAD_MESSAGE = "5.6.0"
"""Something is wrong with the message itself (RFC 3463)."""
URL_MAX = 900
LOCAL_MAX = 64
_URL = re.compile(r"(https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/])[!-;=?-~]+")
"""RFC 8058 wants https; a demo on this machine has none."""
_TOKEN = re.compile(r"[A-Za-z0-9_=-]+")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,200}@[A-Za-z0-9.-]{1,200}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.-]+")
_EIGHT_BIT_SHARE = 6
"""Quoted-printable is kept where at most one byte in six is not ASCII; else base64 is shorter."""


@dataclass(frozen=True)
class Stationery:
    """What all messages of an installation have in common.

    return_address       where bounces come back, as `bounces@in.shop.example`: each send has `bounces+TOKEN@…` of its
                         own (VERP); empty: to the sender
    unsubscribe_address  to which a mail unsubscribes, as `unsubscribe+TOKEN@…`; empty: only the page does
    """

    return_address: str = ""
    unsubscribe_address: str = ""
    keys: DkimKeys = field(default_factory=DkimKeys)


@dataclass(frozen=True)
class Mail:
    """A message in its envelope.

    is_international  an address has characters beyond ASCII before its @: the receiver must know SMTPUTF8
    is_signed         there was a key of the sender's domain
    """

    sender: str
    recipient: str
    data: bytes
    is_international: bool = False
    is_signed: bool = False


def mail_of(grant: Grant, stationery: Stationery) -> Mail:
    """The message of a grant, signed, and its envelope.

    Raises:
        Unsendable: an address, id or link of it is not as it must be, or marketing has no unsubscribe link.
    """
    recipient = address_of(grant.address)
    writer = address_of(grant.sender.email, SENDER_STATUS)
    content_headers, body = _content(grant)
    headers = [*_headers(grant, recipient, writer, stationery), *content_headers]
    keys = stationery.keys.aligned(writer.rpartition("@")[2])
    signatures = [key.header(headers, body, grant.at_ms // 1000) for key in keys]
    data = b"".join([*(header.line for header in (*signatures, *headers)), b"\r\n", body])
    sender = tagged(stationery.return_address, grant.headers.return_token) if stationery.return_address else writer
    international = not (recipient.isascii() and writer.isascii() and sender.isascii())
    return Mail(sender, recipient, data, international, bool(keys))


def tagged(address: str, token: str) -> str:
    """An address that names one send: `bounces@in.shop.example` and `abc` make `bounces+abc@in.shop.example`.

    Raises:
        Unsendable: the token is none, or too long for an address.
    """
    local, _, domain = address.rpartition("@")
    if not _TOKEN.fullmatch(token) or len(local) + len(token) >= LOCAL_MAX:
        raise Unsendable(SENDER_STATUS, f"expected a token of letters, digits, _ and - for {LOCAL_MAX} before the @")
    return f"{local}+{token}@{domain}"


def unsubscribe_headers(grant: Grant, stationery: Stationery) -> tuple[tuple[str, str], ...]:
    """The one-click headers of marketing (RFC 2369, RFC 8058), `(name, value)` each; of other classes none.

    Raises:
        Unsendable: marketing without a link that unsubscribes.
    """
    if grant.message_class is not MessageClass.MARKETING:
        return ()
    url = grant.headers.unsubscribe_url
    if not _URL.fullmatch(url) or len(url) > URL_MAX:
        raise Unsendable(BAD_MESSAGE, "expected an https link that unsubscribes from marketing, got none")
    ways = [f"<{url}>"]
    if stationery.unsubscribe_address and grant.headers.unsubscribe_token:
        ways.append(f"<mailto:{_mailto(stationery.unsubscribe_address, grant.headers.unsubscribe_token)}>")
    return ("List-Unsubscribe", ", ".join(ways)), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")


def _mailto(address: str, token: str) -> str:
    """Where a mail unsubscribes: the token stands before the @ where there is room for it, else in the subject."""
    if _TOKEN.fullmatch(token) and len(address.rpartition("@")[0]) + len(token) >= LOCAL_MAX:
        return f"{address}?subject={token}"
    return tagged(address, token)


def list_headers(grant: Grant) -> tuple[tuple[str, str], ...]:
    """How receivers count and sort what is sent: Feedback-ID (Gmail), and List-Id (RFC 2919) of marketing."""
    domain = grant.sender.email.rpartition("@")[2].lower()
    # Its last part must be one name for all that this sender sends, of 5 to 15 characters.
    sender = sha256(domain.encode()).hexdigest()[:12]
    parts = (grant.campaign or grant.template, grant.workspace, grant.message_class.value)
    feedback = ":".join(_id_part(part) for part in parts) + f":{sender}"
    if grant.message_class is not MessageClass.MARKETING:
        return (("Feedback-ID", feedback),)
    return ("Feedback-ID", feedback), ("List-Id", f"<{_id_part(grant.workspace).strip('.')}.{domain}>")


def message_id(grant: Grant) -> str:
    """The message's id in its brackets, the same at each attempt.

    Raises:
        Unsendable: it is none.
    """
    if not _MESSAGE_ID.fullmatch(grant.headers.message_id):
        raise Unsendable(BAD_MESSAGE, "expected a message id such as abc@shop.example, got another text")
    return f"<{grant.headers.message_id}>"


def reply_address(grant: Grant) -> str:
    """Where answers go, if not to the sender; empty: to the sender.

    Raises:
        Unsendable: it is no address.
    """
    return address_of(grant.sender.reply_to, SENDER_STATUS) if grant.sender.reply_to else ""


def _headers(grant: Grant, recipient: str, writer: str, stationery: Stationery) -> list[Header]:
    date = format_datetime(datetime.fromtimestamp(grant.at_ms // 1000, UTC))
    reply = reply_address(grant)
    found = [
        Header("From", mailbox_line("From", grant.sender.name, writer)),
        Header("To", mailbox_line("To", "", recipient)),
        *([Header("Reply-To", mailbox_line("Reply-To", "", reply))] if reply else []),
        Header("Subject", text_line("Subject", grant.subject)),
        _header("Date", date),
        _header("Message-ID", message_id(grant)),
        *(_header(name, value.replace(", ", ",\r\n ")) for name, value in unsubscribe_headers(grant, stationery)),
        *(_header(name, value) for name, value in list_headers(grant)),
    ]
    if _LANGUAGE.fullmatch(grant.locale):
        found.append(_header("Content-Language", grant.locale))
    return [*found, _header("MIME-Version", "1.0")]


def _content(grant: Grant) -> tuple[list[Header], bytes]:
    """Headers of the content, and the body: text and HTML, the same said twice.

    Raises:
        Unsendable: there is neither.
    """
    parts = [("plain", grant.text), ("html", grant.html)]
    written = [_part(kind, text) for kind, text in parts if text]
    if not written:
        raise Unsendable(BAD_MESSAGE, "expected a message with a text or HTML part, got neither: blocks go by webhook")
    if len(written) == 1:
        headers, encoded = written[0]
        return headers, encoded + b"\r\n"
    # Neither quoted-printable nor base64 ever holds "=_".
    boundary = f"=_{sha256(grant.digest.encode()).hexdigest()[:32]}"
    start, end = f"--{boundary}\r\n".encode(), f"--{boundary}--\r\n".encode()
    body = b"".join(
        start + b"".join(header.line for header in headers) + b"\r\n" + encoded + b"\r\n"
        for headers, encoded in written
    )
    return [_header("Content-Type", f'multipart/alternative;\r\n boundary="{boundary}"')], body + end


def _part(kind: str, text: str) -> tuple[list[Header], bytes]:
    name, body = _transfer(text)
    return [
        _header("Content-Type", f"text/{kind}; charset=utf-8"),
        _header("Content-Transfer-Encoding", name),
    ], body


def _transfer(text: str) -> tuple[str, bytes]:
    """The name of a transfer encoding, and the text in it: lines of at most 76 ASCII characters, CRLF between them."""
    even = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    data = even.encode(errors="replace")
    if len(data) - len(even) <= len(data) // _EIGHT_BIT_SHARE:
        # Lines are broken by what ends the first line of the text, so there has to be one.
        encoded = b2a_qp(data + b"\r\n", istext=True).removesuffix(b"\r\n")
        # Some programs on the way put a > before a line that begins so, for that is how mail files begin a message.
        if b"\nFrom " not in encoded and not encoded.startswith(b"From "):
            return "quoted-printable", encoded
    return "base64", encodebytes(data).replace(b"\n", b"\r\n").removesuffix(b"\r\n")


def _header(name: str, value: str) -> Header:
    return Header(name, f"{name}: {value}\r\n".encode("ascii"))


def _id_part(text: str) -> str:
    return _NOT_IN_IDS.sub("-", clean(text))[:64] or "-"
