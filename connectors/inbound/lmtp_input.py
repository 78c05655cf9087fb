"""What comes in on a connection of LMTP: commands, and mails of which the beginning is kept however long they are."""

import asyncio
from collections.abc import Callable

KEPT_BYTES = 1_000_000
LINE_MAX = 4_096
CHUNK = 64 * 1024
_END = b"\r\n.\r\n"


class LmtpInput:
    """What comes in, of which a part may have been read ahead."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._ahead = b""

    async def line(self) -> bytes:
        """One command.

        Raises:
            IncompleteReadError: the other side hung up.
            LimitOverrunError: it is longer than any.
        """
        while (end := self._ahead.find(b"\n")) < 0:
            if len(self._ahead) > LINE_MAX:
                raise asyncio.LimitOverrunError("line too long", len(self._ahead))
            self._ahead += await self._more()
        line, self._ahead = self._ahead[:end], self._ahead[end + 1 :]
        return line.rstrip(b"\r")

    async def mail(self, wait: Callable[[], None]) -> tuple[bytes, int]:
        """The beginning of a mail, its dots unstuffed, and how long it was. Raises as `line`."""
        # Two bytes of what was taken stay before what was not: the end may begin in them. The first are the command's.
        kept, size = bytearray(), 0
        window, self._ahead = b"\r\n" + self._ahead, b""
        while (end := window.find(_END)) < 0:
            # Of what may be the beginning of the end, nothing is taken yet.
            done = max(0, len(window) - 2 - len(_END))
            kept += window[2 : 2 + min(done, max(0, KEPT_BYTES - len(kept)))]
            size += done
            window = window[done:]
            wait()
            window += await self._more()
        kept += window[2 : min(end + 2, 2 + max(0, KEPT_BYTES - len(kept)))]
        size += end
        self._ahead = window[end + len(_END) :]
        data = bytes(kept)
        return (data[1:] if data.startswith(b"..") else data).replace(b"\r\n..", b"\r\n."), size

    async def _more(self) -> bytes:
        found = await self._reader.read(CHUNK)
        if not found:
            raise asyncio.IncompleteReadError(b"", None)
        return found
