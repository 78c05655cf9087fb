"""What a mail that came in is, by its own words alone."""

from dataclasses import dataclass
from email.message import Message
from enum import StrEnum

from connectors.inbound.reading import header, original_of, parsed
from connectors.inbound.reports import Complaint, Failure, complaint_of, failures_of
from connectors.inbound.unstandard import failures_by_words, is_answered_by_machine


class MailKind(StrEnum):
    """A closed list: mails are counted by it. Only the first three become events."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    AUTO_REPLY = "auto_reply"
    """Somebody is away."""
    OTHER = "other"


@dataclass(frozen=True)
class Understood:
    """One mail.

    failures   of a bounce: what became of a mail for each recipient
    complaint  of a complaint
    author     whose address stands in From
    subject    one line
    original   headers of the mail that it brings back
    """

    kind: MailKind
    author: str
    subject: str
    failures: tuple[Failure, ...] = ()
    complaint: Complaint | None = None
    original: Message | None = None


def understood(data: bytes, sender: str | None = None, *, may_unsubscribe: bool = False) -> Understood:
    """What a mail is. A report is one to whatever address it came; anything else unsubscribes where that is asked for.

    sender           of its envelope; None: not known
    may_unsubscribe  it came to an address that is for that

    Raises:
        SchemaError: it cannot be read.
    """
    mail = parsed(data)
    author, subject = header(mail, "from"), header(mail, "subject")
    complaint = complaint_of(mail)
    if complaint is not None:
        return Understood(MailKind.COMPLAINT, author, subject, complaint=complaint, original=original_of(mail))
    failures = failures_of(mail) or failures_by_words(mail, sender)
    if failures:
        return Understood(MailKind.BOUNCE, author, subject, tuple(failures), original=original_of(mail))
    if may_unsubscribe:
        return Understood(MailKind.UNSUBSCRIBE, author, subject)
    kind = MailKind.AUTO_REPLY if is_answered_by_machine(mail) else MailKind.OTHER
    return Understood(kind, author, subject)
