"""What reports of delivery say (RFC 3464), and complaints (RFC 5965): read as leniently as they are written."""

import re
from email.message import Message
from typing import NamedTuple

from connectors.inbound.reading import address_in, children, header, headers, own_parts
from connectors.webhooks.bounces import Kind, code_in, kind_by_code

RECIPIENTS_MAX = 100
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_FAILED, _DELAYED = "failed", "delayed"
_BY_CLASS = {"5": _FAILED, "4": _DELAYED}


class Failure(NamedTuple):
    """What became of a mail for one recipient.

    recipient  as the report has it
    status     the report's status code (RFC 3463); empty: it has none
    action     `failed`, `delayed`, or what else the report says
    code       what counts: the status, or the server's own code where the status says nothing
    """

    recipient: str
    status: str
    action: str
    code: str

    @property
    def is_final(self) -> bool:
        """Whether nobody tries any more, and the mail did not arrive."""
        return self.action == _FAILED

    @property
    def kind(self) -> Kind:
        """Of a failure that is final: what it says of the address."""
        return kind_by_code(self.code) or "soft"


def failures_of(mail: Message) -> list[Failure]:
    """What every delivery-status part of the mail itself says of every recipient."""
    found = []
    for part in own_parts(mail):
        if part.get_content_type() == "message/delivery-status":
            found += [_failure(fields) for fields in _recipients(part)]
    return found[:RECIPIENTS_MAX]


def failure_by_text(recipient: str, code: str, *, is_final: bool) -> Failure:
    """A failure that no standard report tells of."""
    return Failure(recipient, "", _FAILED if is_final else _DELAYED, code)


def _recipients(part: Message) -> list[dict[str, str]]:
    """The fields of each recipient. A line too many parts them, with some servers: what follows goes with the last."""
    found: list[dict[str, str]] = []
    for block in children(part):
        fields = {name.lower(): header(block, name) for name in block}
        if "final-recipient" in fields or "original-recipient" in fields:
            found.append(fields)
        elif found and "status" not in found[-1]:
            found[-1] = fields | found[-1]
    return found


def _failure(fields: dict[str, str]) -> Failure:
    recipient = address_in(fields.get("final-recipient") or fields.get("original-recipient", ""))
    told = _STATUS.search(fields.get("status", ""))
    status = told.group() if told else ""
    code = status
    if not status or status.endswith(".0.0"):
        code = code_in([fields.get("diagnostic-code", "")]) or status
    action = (fields.get("action", "").lower().split() or [""])[0].strip(".,;()")
    return Failure(recipient, status, action or _BY_CLASS.get(status[:1], ""), code)


class Complaint(NamedTuple):
    """Somebody who called a mail of ours spam, or whose provider did.

    kind        what the provider calls it, as `abuse`
    recipients  whom the mail had been sent to, where that is not withheld
    sender      of the mail's envelope: with our token in it
    """

    kind: str
    recipients: tuple[str, ...]
    sender: str


def complaint_of(mail: Message) -> Complaint | None:
    """What a feedback report says; None: the mail is none."""
    for part in own_parts(mail):
        if part.get_content_type() == "message/feedback-report":
            fields = _fields_of(part)
            told = [*headers(fields, "original-rcpt-to"), *headers(fields, "removal-recipient")]
            recipients = tuple(dict.fromkeys(address_in(one) for one in told if "@" in one))
            sender = address_in(header(fields, "original-mail-from"))
            return Complaint(header(fields, "feedback-type").lower()[:64], recipients, sender)
    return None


def _fields_of(part: Message) -> Message:
    """A part of type message/… is parsed as a mail of its own."""
    return next(iter(children(part)), part)
