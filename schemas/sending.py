"""One message to one person: what asks for it, what is decided, what a worker is given to send, and what came of it."""

from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from schemas.codec import Versioned
from schemas.events import Millis
from schemas.ids import (
    ID_LENGTH,
    ID_LENGTH_MAX,
    DecisionId,
    Locale,
    ReleaseId,
    SendId,
    TemplateName,
    UserId,
    WorkspaceId,
)
from schemas.library import MessageClass, Sender
from schemas.profiles import Permission

_Id = Annotated[str, msgspec.Meta(max_length=ID_LENGTH_MAX)]


class SkipReason(StrEnum):
    """Why nothing is sent, in the order in which it is asked; the first that holds is told, and there is no other."""

    ERASED = "erased"
    NO_ADDRESS = "no_address"
    """Nobody is known by this id, or not how to reach this person by the channel."""
    SUPPRESSED = "suppressed"
    """The address may not be written to; the detail says why, as `Contact.suppressed` does."""
    NO_PERMISSION = "no_permission"
    HOLDOUT = "holdout"
    """One of the share of an audience that is not written to, so that what sending does can be told."""
    CAP = "cap"
    QUIET_HOURS = "quiet_hours"
    """Not a skip but a hold: the message is drawn anew when the window opens."""
    NOTHING_TO_SAY = "nothing_to_say"
    """Neither a candidate nor a fallback is valid."""


class SendState(StrEnum):
    """Where a send stands. The last six are ends."""

    QUEUED = "queued"
    HELD = "held"
    GRANTED = "granted"
    """A worker was given it: the intent is on disk."""
    SENT = "sent"
    SKIPPED = "skipped"
    BOUNCED = "bounced"
    """Refused for this recipient, for good."""
    FAILED = "failed"
    """Given up after too many attempts, or too late."""
    AMBIGUOUS = "ambiguous"
    """Nobody knows whether the receiver took it; a person decides."""
    CANCELLED = "cancelled"


class Trigger(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Asks for one message to one person: a record of the topic `triggers` (JSON), and the body of `POST /v1/send`.

    send_id   asks once, however often it comes
    at_ms     not before; 0: now
    until_ms  not after: then it fails as too late; 0: a day after it may begin
    campaign  whose rules hold (holdout, control, pace); empty: none's
    """

    send_id: Annotated[SendId, ID_LENGTH]
    template: Annotated[TemplateName, ID_LENGTH]
    user: Annotated[UserId, ID_LENGTH]
    at_ms: Millis = 0
    until_ms: Millis = 0
    campaign: _Id = ""


class Headers(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message's headers say beside its own words.

    message_id    without angle brackets; the same at each attempt
    return_token  goes into the envelope's sender (VERP), so that a bounce names its send: 40 letters and digits, made
                  by `connectors.delivery.returns.ReturnTokens.token`
    unsubscribe_url, unsubscribe_token  of marketing only: the page, and what a mail that unsubscribes names: the token
                  of the page, in the mail's subject where it is too long for an address
    """

    message_id: str
    return_token: str
    unsubscribe_url: str = ""
    unsubscribe_token: str = ""


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message that may be sent now, as a worker is given it. It may not begin after its lease.

    address   of the person, by the channel
    digest    SHA-256 (hex) of what is to be sent: the intent on disk has the same
    attempt   1 the first time
    lease_ms  milliseconds from when the worker asked within which it must have begun
    at_ms     when the send was granted: the message's Date
    """

    workspace: WorkspaceId
    send_id: SendId
    user: UserId
    template: TemplateName
    message_class: MessageClass
    channel: str
    address: str
    sender: Sender
    locale: Locale
    subject: str
    preheader: str
    html: str
    text: str
    headers: Headers
    digest: str
    attempt: int
    lease_ms: int
    at_ms: Millis
    campaign: str = ""
    block: str = ""


class Outcome(StrEnum):
    """What a worker tells of an attempt."""

    SENT = "sent"
    HARD = "hard"
    """Refused for good for this recipient (5xx at or after RCPT): 5.1.1, 5.1.2, 5.1.10 suppress the address."""
    REFUSED = "refused"
    """Refused for good for this recipient, which says nothing of the address (other 5xx at or after RCPT)."""
    SOFT = "soft"
    """Not now (4xx, or no connection, before the message was handed over): it is tried again later."""
    POLICY = "policy"
    """5.7.x, or a 5xx before RCPT: the receiving domain rests, and an operator is told. Nobody is suppressed."""
    UNKNOWN = "unknown"
    """The connection was lost after the message was handed over and before the answer came."""
    NOT_BEGUN = "not_begun"
    """The lease ran out, or the worker was stopped, before the message was handed over."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one attempt.

    status  the enhanced status code (RFC 3463) or the reply code, as `5.1.1`; never the reply's text
    """

    workspace: WorkspaceId
    send_id: SendId
    attempt: int
    outcome: Outcome
    status: Annotated[str, msgspec.Meta(max_length=16)] = ""
    at_ms: Millis = 0


class SendRecord(Versioned, frozen=True):
    """All that is known of one send: a row of the ledger, and what `foresend sends` tells.

    asked_ms, due_ms, granted_ms, ended_ms  0: not yet
    reason, detail  of a skip or hold: a `SkipReason`, and what lies behind it (as `unsubscribed`)
    digest          of what was granted last
    status          the receiver's, of the newest attempt
    release, decision, candidate, locale, variants, body, marks, propensity, probabilities
                    what was drawn, as `Served` has it: the message renders again from them, to the byte
    control         default content was served though a candidate was there, to tell what choosing does
    """

    SCHEMA_VERSION: ClassVar[int] = 1

    send_id: SendId
    user: UserId
    template: TemplateName
    message_class: MessageClass
    channel: str
    state: SendState
    asked_ms: int
    due_ms: int
    until_ms: int
    campaign: str = ""
    granted_ms: int = 0
    ended_ms: int = 0
    attempt: int = 0
    reason: str = ""
    detail: str = ""
    digest: str = ""
    status: str = ""
    domain: str = ""
    """Of the receiver, so that a domain's pace and pauses can be told."""
    control: bool = False
    release: ReleaseId = ReleaseId("")
    decision: DecisionId = DecisionId("")
    candidate: int = -1
    locale: Locale = Locale("")
    variants: dict[str, str] = {}
    body: bytes = b""
    marks: dict[str, str] = {}
    propensity: float = 0.0
    probabilities: tuple[float, ...] = ()
    fallback: str = ""
    """Why the fallback was served, as `Served.reason` tells; empty where a candidate was."""
    lane: str = ""
    """Where it stands in the queue of its node; empty at its end."""
    failures: int = 0
    """Attempts that the receiver put off."""
    permission: Permission | None = None
    """By which it may be sent, with its proof; only marketing needs one."""
    exposure: bytes = b""
    """What the job is told once it is sent; empty after that."""
