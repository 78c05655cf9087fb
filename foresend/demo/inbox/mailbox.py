"""Mails that arrived, as bytes, and what can be read of them. Whoever wrote them is not trusted."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from itertools import count
from threading import Lock
from typing import NamedTuple

from foresend.demo.inbox.checking import Signature

MAILS_MAX = 200
_LINK = re.compile(r"<(https?://[^<>\s]+)>")
ONE_CLICK = "List-Unsubscribe=One-Click"


class Mail(NamedTuple):
    """One mail as it was received.

    sender, recipient  of the envelope
    data               between DATA and the last dot, to the byte
    """

    number: int
    arrived_ms: int
    sender: str
    recipient: str
    data: bytes
    signature: Signature

    @property
    def subject(self) -> str:
        """Its subject, decoded."""
        return self.header("Subject")

    def header(self, name: str) -> str:
        """A header in words, on one line; empty where there is none."""
        found = self._message[name]
        if found is None:
            return ""
        try:
            words = str(make_header(decode_header(str(found))))
        except (ValueError, LookupError, MessageError):
            words = str(found)
        return " ".join(words.split())

    @property
    def head(self) -> str:
        """All headers as they came, and nothing else."""
        head, _, _ = self.data.partition(b"\r\n\r\n")
        return head.decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def one_click(self) -> str:
        """Where a POST unsubscribes (RFC 8058); empty where the mail does not say so, or nobody has signed it."""
        is_signed = {"list-unsubscribe", "list-unsubscribe-post"} <= self.signature.covers
        if self.header("List-Unsubscribe-Post") != ONE_CLICK or not is_signed:
            return ""
        found = _LINK.search(self.header("List-Unsubscribe"))
        return found[1] if found else ""

    def part(self, kind: str) -> str:
        """Its first part of a kind, `text/html`; empty where there is none."""
        for part in self._message.walk():
            if part.get_content_type() == kind:
                body = part.get_payload(decode=True)
                return body.decode("utf-8", "replace") if isinstance(body, bytes) else ""
        return ""

    @property
    def _message(self) -> Message:
        return message_from_bytes(self.data)


class Mailbox:
    """The newest mails of a few addresses. Threads: any."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = frozenset(addresses)
        self._mails: OrderedDict[int, Mail] = OrderedDict()
        self._numbers = count(1)
        self._lock = Lock()

    def knows(self, address: str) -> bool:
        """Whether somebody lives at an address."""
        return address in self._addresses

    def add(self, arrived_ms: int, sender: str, recipient: str, data: bytes, signature: Signature) -> None:
        """Keep a mail; the oldest goes where there are too many."""
        with self._lock:
            number = next(self._numbers)
            self._mails[number] = Mail(number, arrived_ms, sender, recipient, data, signature)
            while len(self._mails) > MAILS_MAX:
                self._mails.popitem(last=False)

    def of(self, address: str) -> list[Mail]:
        """The mails to an address, the newest first."""
        with self._lock:
            return [mail for mail in reversed(self._mails.values()) if mail.recipient == address]

    def find(self, number: int) -> Mail | None:
        """One mail; None: it is not kept, or never was."""
        with self._lock:
            return self._mails.get(number)
