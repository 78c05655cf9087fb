"""Signed tokens in links of sent messages: self-contained, so that they work after a lost cache and for ever.

A token is base64url of: format byte, length of the key's id, key id, MessagePack of what it says, and the first
16 bytes of HMAC-SHA256 over all before. Equal contents give equal tokens. They are signed, not encrypted.
"""

from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest

import msgspec

from schemas.errors import Reason, SchemaError
from schemas.ids import SendId, TemplateName, UserId, WorkspaceId

FORMAT = 1
SIGNATURE_BYTES = 16
KEY_ID_BYTES_MAX = 32
SECRET_BYTES_MIN = 16
_BLOCK_BYTES = 64
_PURPOSE_AT = 2
"""In a packed claim: after the array's head, and that of a text of one letter."""
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Purpose(StrEnum):
    """What a token is good for: a forwarded view link must not unsubscribe anybody."""

    UNSUBSCRIBE = "u"
    PREFERENCES = "p"
    VIEW = "v"
    CLICK = "c"
    OPEN = "o"


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """What a token says.

    link  of a click the id of the link that was followed: never its address, so that a token leads nowhere by itself
    """

    purpose: Purpose
    workspace: WorkspaceId
    template: TemplateName
    user: UserId
    send_id: SendId
    link: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Claim)


class Signer:
    """Signs with the first key and knows tokens of all of them, so that keys can be rotated.

    keys  secret by key id, in order; secrets of at least 16 bytes
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {key_id.encode(): _Hmac(secret) for key_id, secret in keys.items()}
        self.key_id = next(iter(keys))

    def sign(self, claim: Claim, key_id: str = "") -> str:
        """A token that says this.

        key_id  of the key that signed it before: what was sent is made again to the byte, also after a rotation
        """
        used = key_id.encode() if key_id and key_id.encode() in self._keys else self.key_id.encode()
        said = bytes((FORMAT, len(used))) + used + _encoder.encode(claim)
        signed = said + self._keys[used].digest(said)[:SIGNATURE_BYTES]
        return b2a_base64(signed, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()

    def sign_each(self, purposes: Sequence[Purpose], claim: Claim) -> list[str]:
        """A token for each purpose that otherwise says this: what `sign` gives, packed once."""
        key_id = self.key_id.encode()
        packed = _encoder.encode(claim)
        start, rest = bytes((FORMAT, len(key_id))) + key_id + packed[:_PURPOSE_AT], packed[_PURPOSE_AT + 1 :]
        digest = self._keys[key_id].digest
        found = []
        for purpose in purposes:
            said = start + purpose.encode() + rest
            signed = said + digest(said)[:SIGNATURE_BYTES]
            found.append(b2a_base64(signed, newline=False).translate(_URL_SAFE).rstrip(b"=").decode())
        return found

    def read(self, token: str) -> Claim:
        """What a token says.

        Raises:
            SchemaError: it is not one of ours.
        """
        try:
            data = urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
            said, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
            claim_at = 2 + said[1]
            expected = self._keys[said[2:claim_at]].digest(said)[:SIGNATURE_BYTES]
            if said[0] == FORMAT and compare_digest(expected, signature):
                return _decoder.decode(said[claim_at:])
        except (ValueError, IndexError, KeyError, msgspec.DecodeError):
            pass
        raise SchemaError(Reason.WRONG_TYPE, "expected a token signed by this installation, got another text")


class _Hmac:
    """HMAC-SHA256 (RFC 2104) with one secret, of which the hash is taken once: in a third of `hmac.digest`'s time."""

    def __init__(self, secret: bytes) -> None:
        padded = (secret if len(secret) <= _BLOCK_BYTES else sha256(secret).digest()).ljust(_BLOCK_BYTES, b"\0")
        self._inner = sha256(bytes([byte ^ 0x36 for byte in padded]))
        self._outer = sha256(bytes([byte ^ 0x5C for byte in padded]))

    def digest(self, message: bytes) -> bytes:
        """All 32 bytes."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()
