"""Who sent a webhook: each provider's own proof, over the body as it came. The secret that fits says whose it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol

from schemas.ids import WorkspaceId

TOLERANCE_S = 300
"""How far a signed time may be from ours, unless set otherwise."""


class Doubt(StrEnum):
    """Why a request is not believed. A closed list: it is counted by."""

    NOT_JSON = "not_json"
    """And its proof would stand in the JSON."""
    MISSING = "missing"
    BAD_SIGNATURE = "bad_signature"
    OLD = "old"
    REPLAYED = "replayed"
    WRONG_CREDENTIALS = "wrong_credentials"
    WRONG_TOPIC = "wrong_topic"
    WRONG_HOST = "wrong_host"
    BAD_CERTIFICATE = "bad_certificate"


STATUS_OF = {
    Doubt.NOT_JSON: HTTPStatus.BAD_REQUEST,
    Doubt.MISSING: HTTPStatus.UNAUTHORIZED,
    Doubt.WRONG_CREDENTIALS: HTTPStatus.UNAUTHORIZED,
}
"""Of a doubt; any other is a 403."""


class Unverified(Exception):
    """A request that is not believed: whoever configures the provider mends it. The message quotes nothing of it."""

    def __init__(self, doubt: Doubt, message: str) -> None:
        super().__init__(message)
        self.doubt = doubt

    @property
    def status(self) -> HTTPStatus:
        """What is answered."""
        return STATUS_OF.get(self.doubt, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True)
class Request:
    """A request that is to be believed or not.

    body     as it came
    payload  what it is as JSON; None where it is none
    now_ms   our clock
    """

    headers: Mapping[bytes, bytes]
    body: bytes
    payload: Any
    now_ms: int


def nothing_left() -> None:
    """Nothing is left to do."""


@dataclass(frozen=True)
class Verified:
    """A request that is believed.

    written  to be called once what it says is safe, and not before: until then the provider may send it again
    visit    an address that the provider wants to be visited; empty: none
    """

    workspace: WorkspaceId
    written: Callable[[], None] = nothing_left
    visit: str = ""


class Verifier(Protocol):
    """Believes a provider's requests, or not."""

    async def verify(self, request: Request) -> Verified:
        """Whose it is.

        Raises:
            Unverified: it is not to be believed.
            TransientError: it cannot be told now.
        """


def check_json(request: Request) -> None:
    """Refuse a body that is no JSON, where the proof would stand in it.

    Raises:
        Unverified: it is none.
    """
    if request.payload is None:
        raise Unverified(Doubt.NOT_JSON, "expected JSON, got other bytes")


def check_age(told_s: str, now_ms: int, tolerance_s: int) -> None:
    """Refuse a signed time, in seconds since 1970, that is too far from ours.

    Raises:
        Unverified: it is.
    """
    if not told_s.isascii() or not told_s.isdigit() or len(told_s) > 12:
        raise Unverified(Doubt.MISSING, "expected the time of signing in seconds since 1970, got none")
    if abs(int(told_s) * 1000 - now_ms) > tolerance_s * 1000:
        raise Unverified(Doubt.OLD, f"expected to be signed within {tolerance_s} s, got an older time or a later one")
