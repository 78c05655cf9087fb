"""Whose a mail is about: by tokens of ours in the address that it came to, or in what it brings back of the message."""

import re
from collections.abc import Iterable, Iterator, Mapping
from email.message import Message
from typing import NamedTuple

from connectors.delivery.returns import TOKEN_LENGTH, ReturnTokens
from connectors.gateway.tokens import Claim, Purpose, Signer
from connectors.inbound.reading import address_in, header, headers
from connectors.inbound.understanding import MailKind, Understood
from schemas.errors import SchemaError

_TAG = re.compile(r"[^\s<>,;+@]{1,64}\+([A-Za-z0-9_=-]{16,2000})@")
_IN_URL = re.compile(r"/[upvco]/([A-Za-z0-9_-]{16,2000})")
_IN_SUBJECT = re.compile(r"(?:^|[\s=])([A-Za-z0-9_-]{40,2000})(?:$|[\s>&])")


class Named(NamedTuple):
    """What tokens say.

    claim      of a token that says all itself
    returned   a token that the person's node reads; empty: there is none
    is_forged  a token stood in the address that the mail came to, and it is not ours
    """

    claim: Claim | None = None
    returned: str = ""
    is_forged: bool = False


class MailTokens:
    """Reads tokens in mails.

    keys  that sign links of messages; none: only a node can tell what is ours
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._signer = Signer(keys) if keys else None
        self._returns = ReturnTokens(keys) if keys else None

    def named(self, mail: Understood, came_to: Iterable[str]) -> Named:
        """Whose the mail is about. What stands in the address that it came to counts before what it brings back.

        came_to  addresses of its envelope
        """
        told = [tag for address in came_to for tag in _TAG.findall(address)]
        if mail.kind is MailKind.UNSUBSCRIBE:
            told += _IN_SUBJECT.findall(mail.subject)
        for token in told:
            if found := self._read(token, mail.kind):
                return found
        # Mutant: go on to the addresses in the mail; then `test_a_forged_token_is_told_and_suppresses_nobody` fails.
        if told and self._signer is not None:
            return Named(is_forged=True)
        brought = (self._read(token, mail.kind) for token in _brought_back(mail))
        return next((found for found in brought if found), Named())

    def _read(self, token: str, kind: MailKind) -> Named | None:
        if len(token) == TOKEN_LENGTH and token.isalnum():
            if self._returns is not None:
                try:
                    self._returns.read(token)
                except SchemaError:
                    return None
            return Named(returned=token)
        if self._signer is None:
            return None
        try:
            claim = self._signer.read(token)
        except SchemaError:
            return None
        if kind is MailKind.UNSUBSCRIBE and claim.purpose not in (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES):
            # A forwarded link to view a message must not unsubscribe anybody.
            return None
        return Named(claim)


def _brought_back(mail: Understood) -> Iterator[str]:
    """Tokens in the envelope and headers of the message that a report is about."""
    if mail.complaint is not None:
        yield from _TAG.findall(mail.complaint.sender)
    if mail.original is not None:
        for name in ("return-path", "x-original-mail-from", "x-envelope-from"):
            yield from _TAG.findall(header(mail.original, name))
        for line in headers(mail.original, "list-unsubscribe"):
            yield from (*_IN_URL.findall(line), *_TAG.findall(line), *_IN_SUBJECT.findall(line))


def came_to(mail: Message) -> list[str]:
    """The addresses of a mail's envelope, as a file of mails keeps them in headers of the servers that it passed."""
    found = [one for name in ("delivered-to", "x-original-to", "envelope-to") for one in headers(mail, name)]
    return [address_in(one) for one in found or headers(mail, "to")]
