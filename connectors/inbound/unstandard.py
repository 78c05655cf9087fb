"""Bounces that keep no standard: read by flufl.bounce, which knows the ways of many mail servers by their words."""

import re
from email.message import Message

from flufl.bounce import all_failures

from connectors.inbound.reading import FAULTS, header, text_of
from connectors.inbound.reports import RECIPIENTS_MAX, Failure, failure_by_text
from connectors.webhooks.bounces import code_in

_MACHINES = re.compile(r"mailer-?daemon|postmaster|mail ?delivery|mdaemon|bounce", re.IGNORECASE)
_AWAY = ("x-autoreply", "x-autorespond", "x-vacation")
_SAID = re.compile(r"(?:(?<!\d)[45]\d\d[ -]+|#|\bstatus[:=]? *)([45]\.\d{1,3}\.\d{1,3})(?!\.?\d)", re.IGNORECASE)
_BASIC_SAID = re.compile(r"(?<![\d.])(?:said|reply|response|error|message)\W{1,9}([45]\d\d)(?![\d.]*\d)", re.IGNORECASE)


def failures_by_words(mail: Message, sender: str | None) -> list[Failure]:
    """What a mail server's own words say; nothing where no mail server seems to have written them.

    A person who writes of a bounce, or is away, is no bounce. A code makes an address hard only where one address is
    spoken of, and the code stands as servers write it: it is what suppresses.

    sender  of the mail's envelope; None: not known
    """
    if not _is_by_machine(mail, sender):
        return []
    try:
        delayed, failed = all_failures(mail)
    except FAULTS:
        return []
    text = text_of(mail)
    code = _code(text) if len(failed) + len(delayed) == 1 else ""
    found = [failure_by_text(address, code, is_final=True) for address in _texts(failed)]
    # What failed and was delayed too failed.
    found += [failure_by_text(address, code, is_final=False) for address in _texts(delayed - failed)]
    return found[:RECIPIENTS_MAX]


def is_answered_by_machine(mail: Message) -> bool:
    """Whether the mail says of itself that nobody wrote it (RFC 3834), as those of people who are away do."""
    submitted = header(mail, "auto-submitted").lower()
    if submitted and submitted != "no":
        return True
    if any(header(mail, name) for name in (*_AWAY, "x-auto-response-suppress")):
        return True
    return header(mail, "precedence").lower() in {"auto_reply", "bulk", "junk"}


def _is_by_machine(mail: Message, sender: str | None) -> bool:
    if any(header(mail, name) for name in _AWAY):
        return False
    told = header(mail, "return-path") if sender is None else sender or "<>"
    return told == "<>" or _MACHINES.search(header(mail, "from")) is not None


def _code(text: str) -> str:
    found = _SAID.search(text)
    if found:
        return found[1]
    basic = _BASIC_SAID.search(text)
    return code_in([basic[1]]) if basic else ""


def _texts(addresses: frozenset[bytes]) -> list[str]:
    return sorted(address.decode(errors="replace") for address in addresses)
