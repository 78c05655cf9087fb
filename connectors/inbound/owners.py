"""The nodes that persons belong to, as inbound mail needs them: whose a message was, and to stop what is not wished."""

import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote, urlsplit

import msgspec

from connectors.delivery.returns import PATH, ReturnedAnswer
from connectors.http.client import Client, HttpClient, HttpUnavailable
from schemas.errors import TransientError
from schemas.ids import SendId, UserId, WorkspaceId

PATIENT_S = 30.0
"""Longer than a node waits for messages under way before it acknowledges an unsubscription."""
_ASKED = msgspec.json.encode({"right": "unsubscribe", "source": "mailto", "told": True})
_decoder = msgspec.json.Decoder(ReturnedAnswer)


class OwnerAway(TransientError):
    """A node does not answer as it should. The mail is not taken in; its sender tries again."""


class Owners(Protocol):
    """Asks persons' nodes."""

    async def whose(self, workspace: WorkspaceId, token: str) -> tuple[UserId, SendId] | None:
        """Whose a message was that came back; None: nobody remembers.

        Raises:
            OwnerAway: there is no telling now.
        """

    async def unsubscribe(self, workspace: WorkspaceId, user: UserId) -> None:
        """Have nothing of marketing start any more for a person; nothing is under way when this returns.

        Raises:
            OwnerAway: that cannot be said.
        """


class NoOwners:
    """No gateway is set: addresses in mails must do, and an unsubscription holds once the job has passed it on."""

    async def whose(self, _workspace: WorkspaceId, _token: str) -> tuple[UserId, SendId] | None:
        """Nobody is asked."""
        return None

    async def unsubscribe(self, _workspace: WorkspaceId, _user: UserId) -> None:
        """Nobody is asked."""


class OwnerClient:
    """Asks by HTTP, through any node: it passes on what is another's.

    url   as `http://127.0.0.1:8090`
    keys  API key with the rights `deliver` and `rights`, of each workspace; none: the nodes are open
    """

    def __init__(self, url: str, keys: Mapping[WorkspaceId, str], client: Client | None = None) -> None:
        parts = urlsplit(url)
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        port = parts.port or (80 if tls is None else 443)
        self._client = client or HttpClient(parts.hostname or "", port, timeout_s=PATIENT_S, tls=tls)
        self._keys = dict(keys)

    async def whose(self, workspace: WorkspaceId, token: str) -> tuple[UserId, SendId] | None:
        """See `Owners`."""
        status, body = await self._ask(workspace, PATH, msgspec.json.encode({"token": token}))
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise OwnerAway(f"POST {PATH}: expected 200 or 404 of a node, got {status}")
        try:
            found = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise OwnerAway(f"POST {PATH}: expected a send of a node, got another answer") from None
        return found.user, found.send_id

    async def unsubscribe(self, workspace: WorkspaceId, user: UserId) -> None:
        """See `Owners`."""
        status, _ = await self._ask(workspace, f"/v1/users/{quote(user, safe='')}/rights", _ASKED)
        if status != HTTPStatus.OK:
            raise OwnerAway(f"POST /v1/users/…/rights: expected 200 of a node, got {status}")

    async def _ask(self, workspace: WorkspaceId, path: str, body: bytes) -> tuple[int, bytes]:
        key = self._keys.get(workspace, "")
        headers = [("content-type", "application/json"), *([("authorization", f"Bearer {key}")] if key else [])]
        try:
            reply = await self._client.request("POST", path, body, headers)
        except HttpUnavailable as error:
            raise OwnerAway(f"expected a node to answer: {error}") from None
        return reply.status, reply.body
