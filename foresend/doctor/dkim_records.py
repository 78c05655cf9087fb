"""The public half of a DKIM key in DNS, held against the private one."""

import binascii
from base64 import b64decode
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from connectors.delivery.dkim import RSA_BITS_MIN, Key
from foresend.doctor.dmarc import tags_of
from foresend.doctor.findings import Finding, fault, fine
from foresend.doctor.resolving import Dns

PublicKey = RSAPublicKey | Ed25519PublicKey


@dataclass(frozen=True)
class Signer:
    """A key by which messages are signed. `key`: None where a relay has it."""

    domain: str
    selector: str
    key: Key | None = None

    @property
    def place(self) -> str:
        """The name of its record."""
        return f"{self.selector}._domainkey.{self.domain}"


def dkim_finding(dns: Dns, signer: Signer) -> Finding:
    """Whether receivers can verify what is signed by a key.

    Raises:
        DnsUnavailable: nobody says.
    """
    check, expected = f"dns.dkim.{signer.selector}", f"the public key at {signer.place}"
    mend = f"publish TXT {signer.place}: {record_of(signer.key)}"
    texts = dns.texts(signer.place)
    if len(texts) != 1:
        return fault(check, f"{len(texts) or 'no'} records at {signer.place}", expected, mend)
    tags = tags_of(texts[0])
    wrong = _wrong_tags(tags)
    if wrong:
        return fault(check, wrong, expected, mend)
    public = _public_key(tags)
    if public is None:
        return fault(check, f"p= at {signer.place} is no {tags.get('k', 'rsa')} key", expected, mend)
    if isinstance(public, RSAPublicKey) and public.key_size < RSA_BITS_MIN:
        return fault(check, f"an RSA key of {public.key_size} bits", f"{expected}, of {RSA_BITS_MIN} bits", mend)
    # Mutant: leave this out; then `test_a_key_that_is_not_ours_is_found_out` fails.
    if signer.key is not None and _bytes(public) != _bytes(signer.key.public_key()):
        return fault(check, f"another key at {signer.place} than the one we sign with", expected, mend)
    return fine(check, f"{tags.get('k', 'rsa')} key at {signer.place}", expected)


def record_of(key: Key | None) -> str:
    """What is to be published."""
    if key is None:
        return "as whoever signs tells"
    kind = "ed25519" if not hasattr(key, "key_size") else "rsa"
    return f'"v=DKIM1; k={kind}; p={binascii.b2a_base64(_bytes(key.public_key()), newline=False).decode()}"'


def _wrong_tags(tags: dict[str, str]) -> str:
    if tags.get("v", "DKIM1") != "DKIM1":
        return f"v={tags['v']}"
    if not tags.get("p"):
        return "an empty p=: the key was revoked"
    if "y" in tags.get("t", "").split(":"):
        return "t=y: receivers take what it signs for unsigned, as a trial"
    if "sha256" not in tags.get("h", "sha256").split(":"):
        return f"h={tags['h']}: we sign with sha256"
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        return f"s={tags['s']}: not for mail"
    return ""


def _public_key(tags: dict[str, str]) -> PublicKey | None:
    try:
        data = b64decode("".join(tags["p"].split()), validate=True)
        if tags.get("k", "rsa") == "ed25519":
            return Ed25519PublicKey.from_public_bytes(data)
        key = load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def _bytes(key: PublicKey) -> bytes:
    """As a record has it."""
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
