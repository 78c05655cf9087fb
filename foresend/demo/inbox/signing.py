"""A DKIM key for the demo, and the DNS in which its public half stands: as a domain's owner would have both."""

import os
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.delivery.dkim import RSA_BITS_MIN

SELECTOR = "demo"


class DemoKey:
    """One private key, in a file that only we can read, for all domains that the demo sends from."""

    def __init__(self, file: Path, domains: Sequence[str]) -> None:
        self.file = file
        self.domains = tuple(domains)
        key = rsa.generate_private_key(65537, RSA_BITS_MIN)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.touch(mode=0o600)
        file.write_bytes(pem)
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._record = b"v=DKIM1; k=rsa; p=" + b64encode(public)
        self._names = {f"{SELECTOR}._domainkey.{domain}".encode() for domain in domains}

    def lookup(self, name: bytes, **_: object) -> bytes | None:
        """What DNS would tell under a name; None: nothing."""
        return self._record if name.rstrip(b".").lower() in self._names else None

    def setting(self, folder: Path) -> str:
        """The worker's setting `deliver.dkim`, for a program that runs in a folder."""
        where = os.path.relpath(self.file, folder)
        return ",".join(f"{domain}:{SELECTOR}:{where}" for domain in self.domains)
