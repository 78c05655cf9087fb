"""One codec for every shape that crosses a process: a schema version byte, then MessagePack. Never pickle."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast

import msgspec

from schemas.errors import StateCorrupt, StateVersionError

Upgrade = Callable[[bytes], Any]
"""Reads the body of one older version and returns today's shape."""


class Versioned(msgspec.Struct, array_like=True, frozen=True):
    """Base of shapes with a schema version: fields are stored by position, so new ones go last, with a default."""

    SCHEMA_VERSION: ClassVar[int] = 1
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {}
    """One upgrade for each older version that is still read."""


class Cell(msgspec.Struct, array_like=True):
    """Base of keyed state: like `Versioned`, but changed in place by the one step that holds it."""

    SCHEMA_VERSION: ClassVar[int] = 1
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {}


S = TypeVar("S", bound=Versioned | Cell)
_encoder = msgspec.msgpack.Encoder()


def encode(shape: Versioned | Cell) -> bytes:
    """Pack a shape: one version byte, then MessagePack.

    Equal shapes give equal bytes, if their maps are in the same order too: it is kept, for some live by it.
    """
    return bytes((shape.SCHEMA_VERSION,)) + _encoder.encode(shape)


_decoders: dict[type[Any], msgspec.msgpack.Decoder[Any]] = {}


def _decoder(kind: type[Any]) -> msgspec.msgpack.Decoder[Any]:
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    return found


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
            return cast("S", _decoder(kind).decode(body))
        if version in kind.UPGRADES:
            return cast("S", kind.UPGRADES[version](bytes(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateCorrupt(f"cannot read {kind.__name__} version {version}: {error}") from error
    if version > kind.SCHEMA_VERSION:
        raise StateVersionError(
            f"expected {kind.__name__} version {kind.SCHEMA_VERSION} or older, got {version}: deploy the newer code"
        )
    raise StateCorrupt(f"cannot read {kind.__name__} version {version}: no code for it is left")
