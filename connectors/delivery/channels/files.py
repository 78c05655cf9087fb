"""Channel `file`: each message is a file, `.eml`, or `.json` of a block. The default, for it writes to nobody."""

import os
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from connectors.collector.threads import in_daemon_thread
from connectors.delivery.lease import Attempt, Lease
from connectors.delivery.mime import Stationery, mail_of
from schemas.ids import SendId
from schemas.sending import Grant, Outcome

NAME_MAX = 120
FILES_AT_ONCE = 4


class FileChannel:
    """Writes `<folder>/<workspace>/<send id>.eml`: whole or not at all, and the same send always the same file."""

    name = "file"

    def __init__(self, folder: Path, stationery: Stationery, connections: int = FILES_AT_ONCE) -> None:
        self.connections = connections
        self._folder = folder
        self._stationery = stationery

    async def ready(self) -> bool:
        """A disk that is full is told by each attempt."""
        return True

    async def send(self, grant: Grant, lease: Lease, /) -> Attempt:
        """Write one message."""
        data = grant.block.encode() if grant.block else mail_of(grant, self._stationery).data
        name = file_name(grant.send_id) + (".json" if grant.block else ".eml")
        return await in_daemon_thread(partial(self._write, self._folder / _safe(grant.workspace), name, data, lease))

    async def close(self) -> None:
        """Nothing is open."""

    def _write(self, folder: Path, name: str, data: bytes, lease: Lease) -> Attempt:
        fresh = folder / f".{name}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if not lease.begin():
                fresh.unlink()
                return Attempt(Outcome.NOT_BEGUN)
            fresh.replace(folder / name)
        except OSError:
            # Under its own name there is nothing, or the whole message of an earlier attempt.
            with suppress(OSError):
                fresh.unlink()
            return Attempt(Outcome.SOFT)
        return Attempt(Outcome.SENT)


def file_name(send_id: SendId) -> str:
    """A send's file, without its ending.

    >>> file_name(SendId("friday/ann"))
    'friday%2Fann'
    """
    name = _safe(send_id)
    # A name that was cut must not be that of another send.
    return name if len(name) <= NAME_MAX else f"{name[:NAME_MAX]}-{sha256(send_id.encode()).hexdigest()[:16]}"


def _safe(text: str) -> str:
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if quoted.startswith(".") else quoted
