"""Requests of mail providers, signed as each of them does, and an application that hears them."""

import asyncio
import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.collector.app import CollectorApp
from connectors.collector.keys import WriteKeys
from connectors.collector.meters import Meters
from connectors.webhooks.intake import Webhooks
from connectors.webhooks.setup import WebhookSecrets, webhooks_of
from connectors.webhooks.verifying import Request, Verified
from schemas.codec import decode
from schemas.errors import TransientError
from schemas.ids import WorkspaceId
from schemas.webhooks import RawWebhook
from tests.support.asgi import Response, request
from tests.support.collecting import NOW, NOW_MS, SHOP, FixedWorld, MemoryLog
from tests.support.sns_signing import CERTIFICATE_URL, TOPIC, Authority, Signer, authority, notification, signer

STORE = WorkspaceId("store")
SECRET = b"a secret of the installation, long enough"
NOW_S = NOW_MS // 1000
PASSWORDS = {SHOP: "shop:a password of the shop", STORE: "store:a password of the store"}
SIGNING_KEYS = {SHOP: "key-of-the-shop", STORE: "key-of-the-store"}


@cache
def sendgrid_key(workspace: WorkspaceId) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def sns_authority() -> Authority:
    return authority(NOW)


@cache
def sns_signer() -> Signer:
    return signer(sns_authority(), NOW)


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@dataclass
class Signed:
    """A request as a provider sends it."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def verified_by(self, verifier: Any, now_ms: int = NOW_MS) -> Verified:
        try:
            payload = json.loads(self.body)
        except ValueError:
            payload = None
        headers = {name.lower().encode(): value.encode() for name, value in self.headers.items()}
        found: Verified = asyncio.run(verifier.verify(Request(headers, self.body, payload, now_ms)))
        return found


def by_sendgrid(payload: Any, workspace: WorkspaceId = SHOP, at_s: int = NOW_S) -> Signed:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode() + b"\r\n"
    signature = sendgrid_key(workspace).sign(str(at_s).encode() + body, ec.ECDSA(hashes.SHA256()))
    return Signed(
        body,
        {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": str(at_s),
        },
    )


def by_mailgun(event: Any, workspace: WorkspaceId = SHOP, at_s: int = NOW_S, token: str = "a" * 50) -> Signed:
    signature = hmac.new(SIGNING_KEYS[workspace].encode(), f"{at_s}{token}".encode(), sha256).hexdigest()
    signed = {"timestamp": str(at_s), "token": token, "signature": signature}
    return Signed(json.dumps({"signature": signed, "event-data": event}).encode())


def by_postmark(event: Any, credentials: str = PASSWORDS[SHOP]) -> Signed:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Signed(body, {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()})


def by_ses(message: Any, topic: str = TOPIC, version: str = "1") -> Signed:
    at = datetime.fromtimestamp(NOW_S, UTC).isoformat()
    return Signed(sns_signer().sign(notification(message, topic, at), version))


class Amazon:
    """Answers for Amazon's hosts, and remembers what it was asked for."""

    def __init__(self, certificate: bytes) -> None:
        self.pages = {CERTIFICATE_URL: certificate}
        self.asked: list[str] = []
        self.is_away = False

    async def fetch(self, address: str) -> bytes:
        self.asked.append(address)
        if self.is_away:
            raise TransientError("expected an answer, got none")
        return self.pages.get(address, b"<ok/>")


class WebhookRig:
    """A collector that is set up for every provider, on a log that remembers."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.meters = Meters()
        self.amazon = Amazon(sns_signer().certificate)
        self.now_ms = NOW_MS
        secrets = WebhookSecrets(
            sendgrid={workspace: public_text(sendgrid_key(workspace)) for workspace in (SHOP, STORE)},
            ses={SHOP: TOPIC},
            postmark=PASSWORDS,
            mailgun=SIGNING_KEYS,
            roots=sns_authority().root,
        )
        self.webhooks: Webhooks = webhooks_of(secrets, SECRET, self.amazon.fetch)
        self.app = CollectorApp(
            WriteKeys({"secret": SHOP}),
            self.log,
            FixedWorld(),
            self.meters,
            clock=lambda: self.now_ms,
            webhooks=self.webhooks,
        )

    def post(self, provider: str, signed: Signed, **headers: str) -> Response:
        return request(self.app, "POST", f"/webhooks/{provider}", signed.body, {**signed.headers, **headers})

    @property
    def raw(self) -> list[RawWebhook]:
        return [decode(RawWebhook, record.value) for record in self.log.records if record.topic == "webhooks"]

    def counted(self, provider: str, outcome: str) -> float:
        return float(self.meters.webhooks.labels(provider, outcome)._value.get())


Signing = Callable[[Any], Signed]
SIGNINGS: dict[str, Signing] = {
    "sendgrid": by_sendgrid,
    "ses": by_ses,
    "postmark": by_postmark,
    "mailgun": by_mailgun,
}
