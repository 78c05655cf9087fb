"""A right that somebody uses: what is asked for, and of what."""

from enum import StrEnum
from typing import NamedTuple

ALL = ""
"""In the place of a channel or a purpose: every one."""


class RightKind(StrEnum):
    """What somebody has asked for."""

    UNSUBSCRIBE = "unsubscribe"
    ERASE = "erase"
    WITHDRAW = "withdraw"
    """Consent to personal messages is taken back."""


class Asked(NamedTuple):
    """One right that is used.

    at_ms             when it was asked for
    channel, purpose  of an unsubscription; empty: of all
    """

    kind: RightKind
    at_ms: int
    channel: str = ALL
    purpose: str = ALL
