"""One codec for every shape that crosses a process: a schema version byte, then MessagePack. Never pickle."""

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, TypeVar

import msgspec

from schemas.errors import StateCorrupt, StateVersionError

Upgrade = Callable[[bytes], "Versioned"]
"""Reads the body of one older version and returns today's shape."""


class Versioned(msgspec.Struct, array_like=True):
    """Base of shapes with a schema version: fields are stored by position, so new ones go last, with a default."""

    SCHEMA_VERSION: ClassVar[int] = 1
    UPGRADES: ClassVar[dict[int, Upgrade]] = {}
    """One upgrade for each older version that is still read."""


S = TypeVar("S", bound=Versioned)
_encoder = msgspec.msgpack.Encoder()


def encode(shape: Versioned) -> bytes:
    """Pack a shape: one version byte, then MessagePack. Equal shapes give equal bytes."""
    return bytes((shape.SCHEMA_VERSION,)) + _encoder.encode(shape)


@cache
def _decoder(kind: type[S]) -> msgspec.msgpack.Decoder[S]:
    return msgspec.msgpack.Decoder(kind)


def decode(kind: type[S], data: bytes) -> S:
    """Unpack what `encode` packed, upgrading older versions.

    Raises:
        StateVersionError: written by a newer version than this code knows.
        StateCorrupt: not bytes that any version of this shape could be.
    """
    if not data:
        raise StateCorrupt(f"expected packed {kind.__name__}, got no bytes")
    version = data[0]
    body = memoryview(data)[1:]
    try:
        if version == kind.SCHEMA_VERSION:
            return _decoder(kind).decode(body)
        if version in kind.UPGRADES:
            upgraded: Any = kind.UPGRADES[version](bytes(body))
            return upgraded  # type: ignore[no-any-return]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateCorrupt(f"cannot read {kind.__name__} version {version}: {error}") from error
    raise StateVersionError(
        f"expected {kind.__name__} version {kind.SCHEMA_VERSION} or older, got {version}: deploy the newer code"
    )
