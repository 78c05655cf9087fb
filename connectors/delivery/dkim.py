"""Signs messages by DKIM (RFC 6376; Ed25519 by RFC 8463): relaxed/relaxed, the whole body, headers oversigned.

A name is signed once more often than it stands in the message: then a second From or Subject, put in on the way, breaks
the signature. Equal messages get equal signatures: the time in it is the message's own.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from schemas.errors import ConfigError

RSA_BITS_MIN = 2048
"""What signers should use (RFC 8301, 3.2)."""
SIGNED = (
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Language",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
)
"""Every header that we write is under the signature. Mutant: leave out List-Unsubscribe-Post; then
`test_one_click_headers_stand_under_the_signature` fails."""
_SIGNATURE_LINE = 72
_SELECTOR = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*")

Key = RSAPrivateKey | Ed25519PrivateKey


class Header(NamedTuple):
    """One header as it is written; `line` with its name and its end of line, folds and all."""

    name: str
    line: bytes


@dataclass(frozen=True)
class DkimKey:
    """A key of one domain. Its public half stands in DNS at `<selector>._domainkey.<domain>`."""

    domain: str
    selector: str
    key: Key

    @classmethod
    def read(cls, domain: str, selector: str, pem: bytes) -> "DkimKey":
        """The key in a PEM file.

        Raises:
            ConfigError: it is none that DKIM knows.
        """
        where = f"DKIM key {selector} of {domain}"
        if not _SELECTOR.fullmatch(selector):
            raise ConfigError(f"DKIM key of {domain}: expected a selector of letters, digits, - and dots")
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigError(f"{where}: expected a private key in PEM, without a password") from None
        if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
            raise ConfigError(f"{where}: expected an RSA or Ed25519 key, got another kind")
        if isinstance(key, RSAPrivateKey) and key.key_size < RSA_BITS_MIN:
            raise ConfigError(f"{where}: expected an RSA key of at least {RSA_BITS_MIN} bits, got {key.key_size}")
        return cls(domain.lower(), selector, key)

    def header(self, headers: Sequence[Header], body: bytes, at_s: int) -> Header:
        """The DKIM-Signature of a message.

        body  with CRLF at the end of each line
        at_s  the time of signing, seconds since 1970
        """
        algorithm = "rsa-sha256" if isinstance(self.key, RSAPrivateKey) else "ed25519-sha256"
        names = _names(headers)
        body_hash = b64encode(sha256(relaxed_body(body)).digest()).decode()
        # No l=: a signature over the start of a body lets anybody put something after it.
        start = (
            f"DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed;\r\n"
            f" d={self.domain}; s={self.selector}; t={at_s};\r\n"
            f" h={_folded(names)};\r\n bh={body_hash};\r\n b="
        )
        said = _relaxed_headers(headers, names) + relaxed_header(start.encode("ascii")).removesuffix(b"\r\n")
        signature = b64encode(self._sign(said)).decode()
        parts = [signature[at : at + _SIGNATURE_LINE] for at in range(0, len(signature), _SIGNATURE_LINE)]
        return Header("DKIM-Signature", (start + "\r\n ".join(parts) + "\r\n").encode("ascii"))

    def _sign(self, said: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(said, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(sha256(said).digest())


class DkimKeys:
    """The keys of an installation, by domain; a domain may have several, as one of each kind."""

    def __init__(self, keys: Sequence[DkimKey] = ()) -> None:
        self._keys: dict[str, tuple[DkimKey, ...]] = {}
        for key in keys:
            self._keys[key.domain] = (*self._keys.get(key.domain, ()), key)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def aligned(self, domain: str) -> tuple[DkimKey, ...]:
        """The keys by which a From of this domain is signed: its own, or else those of the nearest domain above it.

        DMARC calls both aligned. None: messages of this domain go without a signature of ours.
        """
        labels = domain.lower().split(".")
        above = (".".join(labels[at:]) for at in range(len(labels) - 1))
        return next((self._keys[one] for one in above if one in self._keys), ())


def relaxed_header(line: bytes) -> bytes:
    """One header in relaxed canonical form (RFC 6376, 3.4.2), with its end of line."""
    name, _, value = line.partition(b":")
    unfolded = re.sub(rb"\r\n(?=[ \t])", b"", value)
    return name.strip().lower() + b":" + re.sub(rb"[ \t]+", b" ", unfolded).strip(b" \t\r\n") + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """A body in relaxed canonical form (RFC 6376, 3.4.4); an empty one stays empty."""
    whole = body if body.endswith(b"\r\n") else body + b"\r\n"
    # By `replace`, for an expression would take longer than all else that is done for a mail.
    even = whole.replace(b"\t", b" ")
    while b"  " in even:
        even = even.replace(b"  ", b" ")
    even = even.replace(b" \r\n", b"\r\n")
    end = len(even)
    while end and even[end - 2 : end] == b"\r\n":
        end -= 2
    return even[:end] + b"\r\n" if end else b""


def _names(headers: Sequence[Header]) -> list[str]:
    """What h= names: each header that is there, and everyone once more."""
    there = [header.name for header in headers]
    return [name for name in SIGNED for _ in range(there.count(name) + 1)]


def _relaxed_headers(headers: Sequence[Header], names: Sequence[str]) -> bytes:
    """What is signed of the headers: of several with one name the last first; of one that is not there nothing."""
    left: Mapping[str, list[bytes]] = {
        name: [header.line for header in headers if header.name == name] for name in SIGNED
    }
    take = partial(_last, left)
    return b"".join(relaxed_header(line) for line in map(take, names) if line)


def _last(left: Mapping[str, list[bytes]], name: str) -> bytes:
    return left[name].pop() if left[name] else b""


def _folded(names: Sequence[str]) -> str:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > _SIGNATURE_LINE - 4:
            lines.append("")
        lines[-1] += f"{name.lower()}:"
    return "\r\n ".join(lines).removesuffix(":")
