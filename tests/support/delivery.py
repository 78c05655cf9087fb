"""Grants, keys, leases and nodes for tests of delivery."""

from base64 import b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any

import dkim
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.delivery.channels.smtp_pool import SmtpSettings, Timeouts
from connectors.delivery.dkim import DkimKey, DkimKeys
from connectors.delivery.lease import Lease
from connectors.delivery.mime import Stationery
from connectors.delivery.telling import NodeUnavailable
from schemas.ids import Locale, SendId, TemplateName, UserId, WorkspaceId
from schemas.library import MessageClass, Sender
from schemas.sending import Grant, Headers, Outcome, Told

SHOP = WorkspaceId("shop")
DOMAIN = "shop.example"
SELECTOR = "s1"
AT_MS = 1_700_000_000_000
QUICK = Timeouts(connect_s=0.5, command_s=0.3, message_s=0.5, answer_s=0.3)


def a_grant(number: int = 1, **changed: Any) -> Grant:
    """A message to somebody; equal numbers give equal grants."""
    token = f"{number:06d}aa"
    values: dict[str, Any] = {
        "workspace": SHOP,
        "send_id": SendId(f"friday-{number}"),
        "user": UserId(f"u{number}"),
        "template": TemplateName("newsletter"),
        "message_class": MessageClass.MARKETING,
        "channel": "smtp",
        "address": f"user{number}@people.example",
        "sender": Sender("Ann of the shop", f"news@{DOMAIN}", f"help@{DOMAIN}"),
        "locale": Locale("en"),
        "subject": f"For you, {number}",
        "preheader": "Look",
        "html": f"<p>Hello {number}, grüß dich</p>\n.\n<p>Bye</p>",
        "text": f"Hello {number}\n.\nFrom the shop\n",
        "headers": Headers(f"{token}@{DOMAIN}", f"r{token}", f"https://go.{DOMAIN}/u/{token}", f"t{token}"),
        "digest": sha256(token.encode()).hexdigest(),
        "attempt": 1,
        "lease_ms": 30_000,
        "at_ms": AT_MS,
    }
    return Grant(**values | changed)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem_of(key: Any) -> bytes:
    found: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return found


@cache
def dkim_key() -> DkimKey:
    return DkimKey.read(DOMAIN, SELECTOR, pem_of(rsa_key()))


def stationery() -> Stationery:
    return Stationery(f"bounces@in.{DOMAIN}", f"unsubscribe@in.{DOMAIN}", DkimKeys([dkim_key()]))


def verifies(data: bytes) -> bool:
    """Whether a receiver who has our public key believes the signature, by another program than ours."""
    public = (
        rsa_key().public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    record = b"v=DKIM1; k=rsa; p=" + b64encode(public)
    names = {f"{SELECTOR}._domainkey.{DOMAIN}.".encode(): record}
    found: bool = dkim.verify(data, dnsfunc=lambda name, **_: names.get(name))
    return found


def relay_settings(port: int, **changed: Any) -> SmtpSettings:
    return SmtpSettings(**{"host": "127.0.0.1", "port": port, "tls": "none", "timeouts": QUICK, **changed})


def long_lease(seconds: float = 30.0) -> Lease:
    return Lease(seconds, clock=lambda: 0.0)


class NodeStandIn:
    """A node's queue: grants each send once, and again where it was told that it may.

    refuse  answers to be refused yet, by what is asked
    """

    def __init__(self, grants: list[Grant], name: str = "node") -> None:
        self.name = name
        self.waiting = list(grants)
        self.granted: list[Grant] = []
        self.told: list[Told] = []
        self.refuse = {"grant": 0, "tell": 0}
        self.on_told: Callable[[], None] = lambda: None

    async def grant(self, channel: str, most: int) -> list[Grant]:
        self._refused("grant")
        found = [one for one in self.waiting if one.channel == channel][:most]
        self.waiting = [one for one in self.waiting if one not in found]
        self.granted += found
        return found

    async def tell(self, results: list[Told]) -> None:
        self._refused("tell")
        self.told += msgspec.json.decode(msgspec.json.encode(results), type=list[Told])
        self.on_told()

    def outcomes(self) -> dict[str, Outcome]:
        return {one.send_id: one.outcome for one in self.told}

    def _refused(self, asked: str) -> None:
        if self.refuse[asked]:
            self.refuse[asked] -= 1
            raise NodeUnavailable("away")
