"""Request bodies: read within a size, within a time, and inflated within the same size."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

BUFFERED_BYTES_MAX = 128 * 1024 * 1024
"""Bodies held at once, of all requests."""
READ_S = 30.0
_GZIP = 16 + zlib.MAX_WBITS

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class BodyRefused(Exception):
    """A body that is not taken in, with the status to answer."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Disconnected(Exception):
    """The client has gone: there is nobody to answer."""


class Bodies:
    """Reads bodies, so that all of them together stay within bounds."""

    def __init__(self) -> None:
        self._buffered = 0

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
        """The body, inflated.

        Raises:
            BodyRefused: too large, too slow, badly compressed, or too many at once.
            Disconnected: the client has gone.
        """
        encoding = headers.get(b"content-encoding", b"identity").lower()
        if encoding not in (b"identity", b"gzip"):
            raise BodyRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected content encoding gzip or none")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(READ_S):
                await self._fill(chunks, receive, limit)
            body = b"".join(chunks)
        except TimeoutError:
            raise BodyRefused(HTTPStatus.REQUEST_TIMEOUT, f"expected the body within {READ_S:.0f} s") from None
        finally:
            self._buffered -= sum(map(len, chunks))
        return _inflated(body, limit) if encoding == b"gzip" else body

    async def _fill(self, chunks: list[bytes], receive: Receive, limit: int) -> None:
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            self._buffered += len(chunk)
            chunks.append(chunk)
            if size > limit:
                raise _too_large(limit)
            if self._buffered > BUFFERED_BYTES_MAX:
                raise BodyRefused(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once")
            if not message.get("more_body", False):
                return


def _inflated(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        found = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "expected a gzipped body, got other bytes") from None
    if len(found) > limit:
        raise _too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "expected one whole gzipped body, got less or more than that")
    return found


def _too_large(limit: int) -> BodyRefused:
    return BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {limit} bytes, inflated")
