"""Postmark signs nothing: the address that it is given holds a user name and a password (basic authentication)."""

import base64
import binascii
from collections.abc import Mapping
from hmac import compare_digest

from connectors.webhooks.verifying import Doubt, Request, Unverified, Verified
from schemas.ids import WorkspaceId


class PostmarkVerifier:
    """By user name and password, `name:password`."""

    def __init__(self, credentials: Mapping[WorkspaceId, str]) -> None:
        self._credentials = {workspace: text.encode() for workspace, text in credentials.items()}

    async def verify(self, request: Request) -> Verified:
        """Whose password it is.

        Raises:
            Unverified: nobody's.
        """
        scheme, _, token = request.headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"basic":
            raise Unverified(Doubt.MISSING, "expected basic authentication, got none")
        try:
            told = base64.b64decode(token.strip(), validate=True)
        except binascii.Error:
            told = b""
        # All are compared, so that the time tells nothing of which came near.
        found = [workspace for workspace, wanted in self._credentials.items() if compare_digest(told, wanted)]
        if not found:
            raise Unverified(Doubt.WRONG_CREDENTIALS, "expected the name and password of a workspace, got others")
        return Verified(found[0])
