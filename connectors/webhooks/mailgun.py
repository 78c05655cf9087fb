"""Mailgun signs a time and a token (HMAC-SHA256). The body is not covered, so no token may come twice."""

import hmac
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from connectors.webhooks.paths import text_at
from connectors.webhooks.verifying import TOLERANCE_S, Doubt, Request, Unverified, Verified, check_age, check_json
from schemas.ids import WorkspaceId

TOKENS_MAX = 200_000
"""Tokens remembered: those of five minutes at 600 requests a second, 30 MB."""
TOKEN_LENGTH_MAX = 256


class MailgunVerifier:
    """By the account's webhook signing key.

    Each process remembers the tokens that it has seen. One that comes to another process, or after its oldest were
    forgotten, is believed; what it tells has the id that it had, and changes nothing.
    """

    def __init__(self, keys: Mapping[WorkspaceId, str], tolerance_s: int = TOLERANCE_S) -> None:
        self._keys = {workspace: text.encode() for workspace, text in keys.items()}
        self._tolerance_s = tolerance_s
        self._seen: OrderedDict[str, int] = OrderedDict()

    async def verify(self, request: Request) -> Verified:
        """Whose key signed it.

        Raises:
            Unverified: nobody's, or it is old, or was here before.
        """
        check_json(request)
        timestamp, token, signature = (_part(request.payload, name) for name in ("timestamp", "token", "signature"))
        if not (timestamp and token and signature) or len(token) > TOKEN_LENGTH_MAX:
            raise Unverified(Doubt.MISSING, "expected Mailgun's signature in the body, got none")
        found = [name for name, key in self._keys.items() if is_signed(key, signature, timestamp, token)]
        if not found:
            raise Unverified(Doubt.BAD_SIGNATURE, "expected a signature by the key of a workspace, got another")
        check_age(timestamp, request.now_ms, self._tolerance_s)
        if token in self._seen:
            raise Unverified(Doubt.REPLAYED, "expected a token that was not here before, got one that was")
        return Verified(found[0], partial(self._remember, token, request.now_ms))

    def _remember(self, token: str, now_ms: int) -> None:
        self._seen[token] = now_ms
        # A time may be ahead by the tolerance, so a token can be believed for twice as long.
        oldest_ms = now_ms - 2 * self._tolerance_s * 1000
        while self._seen and (len(self._seen) > TOKENS_MAX or next(iter(self._seen.values())) < oldest_ms):
            self._seen.popitem(last=False)


def is_signed(key: bytes, signature: str, timestamp: str, token: str) -> bool:
    """Whether time and token were signed by this key."""
    wanted = hmac.new(key, f"{timestamp}{token}".encode(errors="replace"), sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.encode(errors="replace"))


def _part(payload: Any, name: str) -> str:
    return text_at(payload, [f"signature.{name}"])
