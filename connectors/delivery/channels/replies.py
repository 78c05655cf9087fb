"""What a receiver's reply means for a send: hard, refused, soft, policy or unknown, by its code alone."""

import re
from enum import IntEnum

from connectors.delivery.lease import Attempt
from schemas.sending import Outcome

HARD = frozenset({"5.1.1", "5.1.2", "5.1.10"})
"""The address is none; only these suppress it, and only at or after RCPT."""
POLICY = "5.7."
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")


class Phase(IntEnum):
    """How far an SMTP session has come."""

    SESSION = 0
    """Before RCPT: what is refused here says something of us."""
    RECIPIENT = 1
    MESSAGE = 2
    """After the message's last dot."""


def attempt_of(code: int, text: str, phase: Phase) -> Attempt:
    """What a reply of SMTP means.

    text  of the reply, for its enhanced status code (RFC 2034); no word of it goes anywhere

    >>> attempt_of(550, "5.1.1 <ann@x.example> no such user", Phase.RECIPIENT)
    Attempt(outcome=<Outcome.HARD: 'hard'>, status='5.1.1')
    """
    status = _status(code, text)
    if code // 100 == 4:
        return Attempt(Outcome.SOFT, status)
    if code // 100 == 5:
        if phase is Phase.SESSION or status.startswith(POLICY):
            return Attempt(Outcome.POLICY, status)
        return Attempt(Outcome.HARD if status in HARD else Outcome.REFUSED, status)
    if phase is not Phase.MESSAGE:
        return Attempt(Outcome.SOFT, status)
    return Attempt(Outcome.SENT if code // 100 == 2 else Outcome.UNKNOWN, status)


def _status(code: int, text: str) -> str:
    found = _ENHANCED.match(text.lstrip())
    # A reply whose two codes contradict each other is told by the one that SMTP goes by.
    if found is not None and int(found[1]) == code // 100:
        return found.group()
    return str(code) if 200 <= code <= 599 else ""
