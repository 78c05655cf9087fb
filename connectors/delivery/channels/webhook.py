"""Channel `webhook`: a message as JSON, signed, to an address of the workspace's own: push, in-app, or another sender.

Signed as Standard Webhooks tells (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body.
"""

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from connectors.delivery.channels.outbound import Answer, Blocked, Outbound, Unanswered, Unsent
from connectors.delivery.channels.resting import Rest
from connectors.delivery.lease import Attempt, Lease, Unsendable
from connectors.delivery.mime import BAD_MESSAGE, Stationery, message_id, unsubscribe_headers
from schemas.ids import WorkspaceId
from schemas.sending import Grant, Outcome

LATER = frozenset({408, 425, 429})
"""Statuses of HTTP below 500 that mean: not now."""
OURS = frozenset({401, 403, 404, 405})
"""Statuses that say something of the address or the key, not of the message."""
CONNECTIONS = 8


@dataclass(frozen=True)
class Endpoint:
    """Where a workspace's messages go, and by what they are signed."""

    url: str
    secret: bytes = field(repr=False)


class WebhookChannel:
    """Posts each message to its workspace's endpoint."""

    name = "webhook"

    def __init__(
        self,
        endpoints: Mapping[WorkspaceId, Endpoint],
        outbound: Outbound,
        stationery: Stationery,
        clock_ms: Callable[[], int],
        connections: int = CONNECTIONS,
    ) -> None:
        self.connections = connections
        self._endpoints = dict(endpoints)
        self._outbound = outbound
        self._stationery = stationery
        self._clock_ms = clock_ms
        self._rest = Rest()

    async def ready(self) -> bool:
        """After an endpoint that could not be reached all rest a while: whose message comes next, nobody knows."""
        return not self._rest.is_needed

    async def send(self, grant: Grant, lease: Lease, /) -> Attempt:
        """Post one message."""
        endpoint = self._endpoints.get(grant.workspace)
        if endpoint is None:
            return Attempt(Outcome.NOT_BEGUN)
        body = body_of(grant, self._stationery)
        headers = [
            ("Content-Type", "application/json"),
            ("User-Agent", "Foresend"),
            *signed_headers(endpoint.secret, _id_of(grant), self._clock_ms() // 1000, body),
        ]
        try:
            answer = await self._outbound.post(endpoint.url, body, headers, lease.begin)
        except Blocked:
            return Attempt(Outcome.POLICY)
        except Unsent:
            self._rest.failed()
            return Attempt(Outcome.SOFT)
        except Unanswered:
            return Attempt(Outcome.UNKNOWN)
        self._rest.worked()
        return Attempt(Outcome.NOT_BEGUN) if answer is None else attempt_of(answer)

    async def close(self) -> None:
        """Nothing is open."""


def attempt_of(answer: Answer) -> Attempt:
    """What an HTTP status means. A receiver knows a message that comes again by its `webhook-id`."""
    status = str(answer.status)
    if answer.status // 100 == 2:
        return Attempt(Outcome.SENT, status)
    if answer.status // 100 == 5 or answer.status in LATER:
        return Attempt(Outcome.SOFT, status)
    # Redirects are not followed: they would lead where nobody looked.
    if answer.status // 100 == 3 or answer.status in OURS:
        return Attempt(Outcome.POLICY, status)
    return Attempt(Outcome.REFUSED, status)


def body_of(grant: Grant, stationery: Stationery) -> bytes:
    """A grant as JSON; a block's own JSON stands in it as it is.

    Raises:
        Unsendable: the block is no JSON, or marketing has no unsubscribe link.
    """
    fields: dict[str, object] = {
        "send_id": grant.send_id,
        "workspace": grant.workspace,
        "template": grant.template,
        "class": grant.message_class.value,
        "campaign": grant.campaign,
        "user": grant.user,
        "address": grant.address,
        "language": grant.locale,
        "at_ms": grant.at_ms,
    }
    if grant.block:
        try:
            msgspec.json.decode(grant.block)
        except (msgspec.DecodeError, RecursionError):
            raise Unsendable(BAD_MESSAGE, "expected a block of JSON, got another text") from None
        return msgspec.json.encode(fields | {"block": msgspec.Raw(grant.block.encode())})
    sender = {"name": grant.sender.name, "email": grant.sender.email, "reply_to": grant.sender.reply_to}
    return msgspec.json.encode(
        fields
        | {
            "from": sender,
            "subject": grant.subject,
            "preheader": grant.preheader,
            "html": grant.html,
            "text": grant.text,
            "message_id": message_id(grant),
            "headers": dict(unsubscribe_headers(grant, stationery)),
        }
    )


def signed_headers(secret: bytes, message: str, at_s: int, body: bytes) -> list[tuple[str, str]]:
    """The headers by which a receiver believes a webhook: id, time, and HMAC-SHA256 over `id.time.body`."""
    signature = hmac.digest(secret, f"{message}.{at_s}.".encode() + body, sha256)
    return [
        ("webhook-id", message),
        ("webhook-timestamp", str(at_s)),
        ("webhook-signature", f"v1,{b64encode(signature).decode()}"),
    ]


def _id_of(grant: Grant) -> str:
    """The same at each attempt. Not the send id as it is: who asks for sends may put anything into it."""
    return f"msg_{sha256(f'{grant.workspace}|{grant.send_id}'.encode()).hexdigest()[:32]}"
