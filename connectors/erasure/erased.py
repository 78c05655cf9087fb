"""Rows of the topic `erased`: who was erased, readable by nobody without the installation's secret.

The key is an HMAC, so that one person is one row. The id itself stands in the value, sealed (AES-GCM): a job that was
restored from before an erasure must be told whom to forget, and an HMAC cannot tell it.
"""

import hmac
import os
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.codec import Versioned, decode, encode
from schemas.errors import StateCorrupt, StateError
from schemas.ids import UserId, WorkspaceId
from schemas.keys import split_key, user_key

_NONCE_BYTES = 12
_KEY_BYTES = 32


class Erased(NamedTuple):
    """One erasure."""

    workspace: WorkspaceId
    user: UserId
    at_ms: int


class ErasedRow(Versioned, frozen=True):
    """What is stored.

    sealed  nonce, then workspace and user, encrypted
    at_ms   when it was asked for
    """

    sealed: bytes
    at_ms: int


def user_hmac(secret: bytes, workspace: WorkspaceId, user: UserId) -> str:
    """The name under which an erased person is known, in hexadecimal."""
    return hmac.new(_derived(secret, b"erased-key"), user_key(workspace, user), sha256).hexdigest()


def erased_record(secret: bytes, erased: Erased) -> tuple[bytes, bytes]:
    """Key and value of a row."""
    nonce = os.urandom(_NONCE_BYTES)
    key = user_hmac(secret, erased.workspace, erased.user).encode()
    plain = user_key(erased.workspace, erased.user)
    sealed = nonce + AESGCM(_derived(secret, b"erased-seal")).encrypt(nonce, plain, key)
    return key, encode(ErasedRow(sealed, erased.at_ms))


def read_erased(secret: bytes, key: bytes, value: bytes) -> Erased:
    """Read a row.

    Raises:
        StateCorrupt: it is none, or was sealed with another secret.
    """
    row = decode(ErasedRow, value)
    nonce, sealed = row.sealed[:_NONCE_BYTES], row.sealed[_NONCE_BYTES:]
    try:
        plain = AESGCM(_derived(secret, b"erased-seal")).decrypt(nonce, sealed, key)
    except (InvalidTag, ValueError) as error:
        raise StateCorrupt(
            "expected a row of the topic erased that was sealed with this installation's secret: "
            "set FORESEND_SECRET to what it was when the row was written"
        ) from error
    workspace, user = split_key(plain, 2)
    return Erased(WorkspaceId(workspace), UserId(user), row.at_ms)


def read_erased_at(value: bytes) -> int:
    """When a row's erasure was asked for; 0 for what is no row. Needs no secret."""
    try:
        return decode(ErasedRow, value).at_ms
    except StateError:
        return 0


@lru_cache(maxsize=16)
def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, None, b"foresend " + purpose).derive(secret)
