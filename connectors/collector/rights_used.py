"""Rights that events use, told to the node that acts for the person before anything is acknowledged.

Kafka has the event then, and the job will answer; but sends go on meanwhile, and what is acknowledged must hold.
"""

import asyncio
import ssl
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlsplit

import msgspec

from connectors.http.client import Client, HttpClient, HttpUnavailable
from schemas.consent import PERSONALISATION, statement_of
from schemas.errors import TransientError
from schemas.events import UNSUBSCRIBED, Event, EventKind
from schemas.ids import UserId, WorkspaceId
from schemas.library import ConsentSettings
from schemas.rights import ALL, Asked, RightKind

TIMEOUT_S = 25.0
"""Longer than a node waits for messages under way, so that its own word arrives first."""
CONNECTIONS = 16
EMAIL = "email"
PURPOSE_MAX = 128


class OwnerUnavailable(TransientError):
    """The node that acts for a person did not say that it holds: nothing may be acknowledged. Try again."""


class UsedRight(NamedTuple):
    """A right, and whose."""

    workspace: WorkspaceId
    user: UserId
    asked: Asked


class Owner(Protocol):
    """Whoever must know of a right before it is acknowledged."""

    async def ask(self, rights: Sequence[UsedRight]) -> None:
        """Return once all of them hold.

        Raises:
            OwnerUnavailable: not all of them do, as far as is known.
        """


class Nobody:
    """No gateway is told: rights hold once the job has answered."""

    async def ask(self, rights: Sequence[UsedRight]) -> None:
        """Nothing is asked."""
        del rights


def rights_in(event: Event, consent: ConsentSettings) -> list[UsedRight]:
    """The rights that an event uses: none in nearly all."""
    at_ms = min(event.at_ms, event.received_ms)
    found = []
    if event.kind is EventKind.ERASE:
        found.append(Asked(RightKind.ERASE, at_ms))
    elif event.kind is EventKind.TRACK and event.name == UNSUBSCRIBED:
        purpose = event.properties.get("list_id")
        found.append(
            Asked(RightKind.UNSUBSCRIBE, at_ms, EMAIL, purpose[:PURPOSE_MAX] if isinstance(purpose, str) else ALL)
        )
    statement = statement_of(event.context, consent) if "consent" in event.context else None
    if statement is not None and not statement[PERSONALISATION]:
        found.append(Asked(RightKind.WITHDRAW, at_ms))
    return [UsedRight(event.workspace, event.user, one) for one in found]


class GatewayOwner:
    """Asks any node of the gateway, which passes it on to the one that acts for the person.

    url   as `http://127.0.0.1:8090`
    keys  of each workspace a key with the right `rights`; a workspace that has none is asked for without
    """

    def __init__(self, url: str, keys: Mapping[WorkspaceId, str], client: Client | None = None) -> None:
        self._keys = dict(keys)
        parts = urlsplit(url)
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        port = parts.port or (80 if tls is None else 443)
        self._client = client or HttpClient(
            parts.hostname or "", port, connections=CONNECTIONS, timeout_s=TIMEOUT_S, tls=tls
        )

    async def ask(self, rights: Sequence[UsedRight]) -> None:
        """Ask for each once, all together."""
        if not rights:
            return
        try:
            async with asyncio.timeout(TIMEOUT_S):
                results = await asyncio.gather(*map(self._ask, _newest(rights)))
        except TimeoutError:
            raise OwnerUnavailable(f"expected the gateway to answer in {TIMEOUT_S:g} s; do it again") from None
        except HttpUnavailable:
            raise OwnerUnavailable("expected the gateway to answer, it cannot be reached; do it again") from None
        # Mutant: take any answer for yes; then `test_nothing_is_acknowledged_that_the_owner_refused` fails.
        refused = [status for status in results if status != HTTPStatus.OK]
        if refused:
            raise OwnerUnavailable(f"expected the gateway to say that it holds, got {refused[0]}; do it again")

    def close(self) -> None:
        """Hang up."""
        if isinstance(self._client, HttpClient):
            self._client.close()

    async def _ask(self, right: UsedRight) -> int:
        workspace, user, asked = right
        said = {"right": asked.kind, "at_ms": asked.at_ms, "told": True}
        if asked.kind is RightKind.UNSUBSCRIBE:
            said |= {"channel": asked.channel, "purpose": asked.purpose}
        key = self._keys.get(workspace, "")
        headers = [("content-type", "application/json"), *([("authorization", f"Bearer {key}")] if key else [])]
        path = f"/v1/users/{quote(user, safe='')}/rights"
        return (await self._client.request("POST", path, msgspec.json.encode(said), headers)).status


def _newest(rights: Iterable[UsedRight]) -> list[UsedRight]:
    """Of the same right of the same person the last: events of a batch tell it again and again."""
    found: dict[tuple[WorkspaceId, UserId, Asked], UsedRight] = {}
    for one in rights:
        place = (one.workspace, one.user, one.asked._replace(at_ms=0))
        known = found.get(place)
        if known is None or known.asked.at_ms < one.asked.at_ms:
            found[place] = one
    return list(found.values())
