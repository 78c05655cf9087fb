"""Signed tokens in links of sent messages: self-contained, so that they work after a lost cache and for ever.

A token is base64url of: format byte, length of the key's id, key id, MessagePack of what it says, and the first
16 bytes of HMAC-SHA256 over all before. Equal contents give equal tokens. They are signed, not encrypted.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256

import msgspec

from schemas.errors import Reason, SchemaError
from schemas.ids import SendId, TemplateName, UserId, WorkspaceId

FORMAT = 1
SIGNATURE_BYTES = 16
KEY_ID_BYTES_MAX = 32
SECRET_BYTES_MIN = 16


class Purpose(StrEnum):
    """What a token is good for: a forwarded view link must not unsubscribe anybody."""

    UNSUBSCRIBE = "u"
    PREFERENCES = "p"
    VIEW = "v"


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """What a token says."""

    purpose: Purpose
    workspace: WorkspaceId
    template: TemplateName
    user: UserId
    send_id: SendId


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Claim)


class Signer:
    """Signs with the first key and knows tokens of all of them, so that keys can be rotated.

    keys  secret by key id, in order; secrets of at least 16 bytes
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {key_id.encode(): secret for key_id, secret in keys.items()}
        first = next(iter(self._keys))
        self._start = bytes((FORMAT, len(first))) + first
        self._secret = self._keys[first]

    def sign(self, claim: Claim) -> str:
        """A token that says this."""
        said = self._start + _encoder.encode(claim)
        return urlsafe_b64encode(said + _signature(self._secret, said)).rstrip(b"=").decode()

    def read(self, token: str) -> Claim:
        """What a token says.

        Raises:
            SchemaError: it is not one of ours.
        """
        try:
            data = urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
            said, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
            claim_at = 2 + said[1]
            secret = self._keys[said[2:claim_at]]
            if said[0] == FORMAT and hmac.compare_digest(_signature(secret, said), signature):
                return _decoder.decode(said[claim_at:])
        except (ValueError, IndexError, KeyError, msgspec.DecodeError):
            pass
        raise SchemaError(Reason.WRONG_TYPE, "expected a token signed by this installation, got another text")


def _signature(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, said, sha256)[:SIGNATURE_BYTES]
