"""A node as workers and operators see it: grants, outcomes and ambiguous sends, over HTTP."""

import ssl
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from connectors.delivery.telling import NodeUnavailable
from connectors.http.client import Client, HttpClient, HttpUnavailable
from schemas.sending import Grant, SendRecord, Told

GRANT = "/v1/deliveries:grant"
TOLD = "/v1/deliveries:told"
AMBIGUOUS = "/v1/deliveries:ambiguous"
RESOLVE = "/v1/deliveries:resolve"
TIMEOUT_S = 15.0
ASK_MAX = 500
"""Grants in one answer: what a node gives at most."""
T = TypeVar("T")


class Granted(msgspec.Struct, frozen=True):
    """The answer to a worker that asks."""

    grants: list[Grant] = []


class Doubtful(msgspec.Struct, frozen=True):
    """Sends of which nobody knows whether they arrived."""

    sends: list[SendRecord] = []


class NodeClient:
    """One node, with one key: what is asked is about that key's workspace.

    url  as `http://127.0.0.1:8090`
    """

    def __init__(self, url: str, key: str = "", client: Client | None = None) -> None:
        self.name = url
        parts = urlsplit(url)
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        port = parts.port or (80 if tls is None else 443)
        self._client = client or HttpClient(parts.hostname or "", port, timeout_s=TIMEOUT_S, tls=tls)
        self._headers = (
            ("content-type", "application/json"),
            *((("authorization", f"Bearer {key}"),) if key else ()),
        )

    async def grant(self, channel: str, most: int) -> list[Grant]:
        """Messages that may be sent now by a channel.

        Raises:
            NodeUnavailable: there is no telling.
        """
        body = msgspec.json.encode({"max": min(most, ASK_MAX), "channels": [channel]})
        return _decoded(await self._ask("POST", GRANT, body), Granted).grants

    async def tell(self, results: Sequence[Told]) -> None:
        """Tell outcomes.

        Raises:
            NodeUnavailable: they may not be known.
        """
        await self._ask("POST", TOLD, msgspec.json.encode({"results": results}))

    async def ambiguous(self) -> list[SendRecord]:
        """Sends of which nobody knows whether they arrived.

        Raises:
            NodeUnavailable: there is no telling.
        """
        return _decoded(await self._ask("GET", AMBIGUOUS, b""), Doubtful).sends

    async def resolve(self, send_ids: Sequence[str], resolution: str) -> None:
        """Settle ambiguous sends: `sent` or `resend`.

        Raises:
            NodeUnavailable: it may not be done.
        """
        await self._ask("POST", RESOLVE, msgspec.json.encode({"send_ids": send_ids, "resolution": resolution}))

    def close(self) -> None:
        """Hang up."""
        if isinstance(self._client, HttpClient):
            self._client.close()

    async def _ask(self, method: str, path: str, body: bytes) -> bytes:
        try:
            reply = await self._client.request(method, path, body, self._headers)
        except HttpUnavailable as error:
            raise NodeUnavailable(str(error)) from None
        if reply.status != HTTPStatus.OK:
            raise NodeUnavailable(f"{method} {path}: expected 200, got {reply.status} {_code(reply.body)}")
        return reply.body


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What does not fit is quoted nowhere: it holds addresses.
        raise NodeUnavailable(f"expected {kind.__name__} as this program knows it, got another answer") from None


def _code(body: bytes) -> str:
    """The short word of a problem (RFC 9457)."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    kind = found.get("type", "") if isinstance(found, dict) else ""
    return kind.rpartition(":")[2][:40] if isinstance(kind, str) else ""
