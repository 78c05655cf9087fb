"""One codec for every shape that crosses a process: a schema version byte, then MessagePack. Never pickle."""

import threading
import zlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

import msgspec
import zstandard

from schemas.errors import StateCorrupt, StateVersionError

Upgrade = Callable[[bytes], Any]
"""Reads the body of one older version and returns today's shape."""


class Versioned(msgspec.Struct, array_like=True, frozen=True):
    """Base of shapes with a schema version: fields are stored by position, so new ones go last, with a default."""

    SCHEMA_VERSION: ClassVar[int] = 1
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {}
    """One upgrade for each older version that is still read."""
    SQUEEZED_FROM: ClassVar[int] = 0
    """Bytes from which on the packed shape is compressed (zstd); 0: never."""


class Cell(msgspec.Struct, array_like=True):
    """Base of keyed state: like `Versioned`, but changed in place by the one step that holds it."""

    SCHEMA_VERSION: ClassVar[int] = 1
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {}
    DEFLATED_FROM: ClassVar[int] = 0
    """Bytes from which on the packed cell is deflated; 0: never."""


_DEFLATED = 0x80
"""In the version byte: what follows is deflated, or compressed."""
SQUEEZED_MAX = 1 << 24
"""Bytes of a shape that was compressed: no record is as large."""
SQUEEZE_LEVEL = -3
"""Measured on entries of the sample newsletter, of 2 311 B: level -5 1 498 B, -3 1 388 B, 1 1 174 B in four times the
time; below 0 opening takes 1 µs, from 1 on 5 µs."""
INFLATED_MAX = 1 << 20
"""Bytes of a cell that was deflated: no honest one comes near."""
S = TypeVar("S", bound=Versioned | Cell)
_encoder = msgspec.msgpack.Encoder()


class _Squeezers(threading.local):
    """Compressors cannot be shared by threads."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=SQUEEZE_LEVEL, write_checksum=False).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_squeezers = _Squeezers()


def encode(shape: Versioned | Cell) -> bytes:
    """Pack a shape: one version byte, then MessagePack.

    Equal shapes give equal bytes, if their maps are in the same order too: it is kept, for some live by it.
    """
    packed = _encoder.encode(shape)
    if isinstance(shape, Cell):
        if 0 < shape.DEFLATED_FROM <= len(packed):
            return bytes((shape.SCHEMA_VERSION | _DEFLATED,)) + zlib.compress(packed, 1, -zlib.MAX_WBITS)
    elif 0 < shape.SQUEEZED_FROM <= len(packed):
        return bytes((shape.SCHEMA_VERSION | _DEFLATED,)) + _squeezers.compress(packed)
    return bytes((shape.SCHEMA_VERSION,)) + packed


class _Reader(NamedTuple):
    """How today's version of a shape is read: its first byte, the one of the compressed form (-1: none), the rest."""

    plain: int
    squeezed: int
    decode: Callable[[bytes | memoryview], Any]


_readers: dict[type[Any], _Reader] = {}


def _reader(kind: type[Any]) -> _Reader:
    is_squeezed = issubclass(kind, Versioned) and kind.SQUEEZED_FROM
    version = kind.SCHEMA_VERSION
    found = _Reader(version, version | _DEFLATED if is_squeezed else -1, msgspec.msgpack.Decoder(kind).decode)
    _readers[kind] = found
    return found


def _inflated(kind: type[Any], body: memoryview) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        found = inflater.decompress(body, INFLATED_MAX)
    except zlib.error as error:
        raise StateCorrupt(f"cannot inflate {kind.__name__}: {error}") from error
    if not inflater.eof:
        raise StateCorrupt(f"expected a whole deflated {kind.__name__} of at most {INFLATED_MAX} bytes, got another")
    return found


def _opened(kind: type[Any], body: bytes) -> bytes:
    try:
        if not 0 <= zstandard.frame_content_size(body) <= SQUEEZED_MAX:
            raise StateCorrupt(f"expected a compressed {kind.__name__} of at most {SQUEEZED_MAX} bytes, got another")
        return _squeezers.decompress(body)
    except zstandard.ZstdError as error:
        raise StateCorrupt(f"cannot open {kind.__name__}: {error}") from error


def unpacked(kind: type[S], data: bytes) -> tuple[int, memoryview]:
    """The version of a packed shape, and its MessagePack, no longer deflated or compressed.

    Raises:
        StateCorrupt: not bytes that any version of this shape could be.
    """
    if not data:
        raise StateCorrupt(f"expected packed {kind.__name__}, got no bytes")
    version = data[0]
    if version & _DEFLATED:
        if issubclass(kind, Cell) and kind.DEFLATED_FROM:
            return version ^ _DEFLATED, memoryview(_inflated(kind, memoryview(data)[1:]))
        if issubclass(kind, Versioned) and kind.SQUEEZED_FROM:
            # A copy of so few bytes takes half as long as a view of them.
            return version ^ _DEFLATED, memoryview(_opened(kind, data[1:]))
    return version, memoryview(data)[1:]


def decode(kind: type[S], data: bytes) -> S:
    """Unpack what `encode` packed, upgrading older versions.

    Raises:
        StateVersionError: written by a newer version than this code knows.
        StateCorrupt: not bytes that any version of this shape could be.
    """
    reader = _readers.get(kind) or _reader(kind)
    first = data[0] if data else -2
    version = reader.plain
    try:
        found: S
        if first == reader.squeezed:
            found = reader.decode(_opened(kind, data[1:]))
            return found
        if first == reader.plain:
            found = reader.decode(memoryview(data)[1:])
            return found
        version, body = unpacked(kind, data)
        if version == reader.plain:
            found = reader.decode(body)
            return found
        if version in kind.UPGRADES:
            return cast("S", kind.UPGRADES[version](bytes(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StateCorrupt(f"cannot read {kind.__name__} version {version}: {error}") from error
    if version > kind.SCHEMA_VERSION:
        raise StateVersionError(
            f"expected {kind.__name__} version {kind.SCHEMA_VERSION} or older, got {version}: deploy the newer code"
        )
    raise StateCorrupt(f"cannot read {kind.__name__} version {version}: no code for it is left")
