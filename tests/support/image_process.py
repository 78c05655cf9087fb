"""A program of an image that was built without an engine, as a process: process 1 of a namespace of its own."""

import os
import signal
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from foresend import processes
from foresend.local.ports import LOOPBACK
from tests.support.image_layers import Image, command_of
from tests.support.waiting import wait_until

READY_S = 240.0
END_S = 60.0
USER = 10001


class ImageProcess:
    """One program of an image.

    folder  for its log and the places where its files are laid
    volume  what it sees as /var/lib/foresend; those with one volume share it
    given   variables beside the image's own
    """

    def __init__(self, image: Image, folder: Path, volume: Path, given: Mapping[str, str]) -> None:
        self._image = image
        self._folder = folder
        self._volume = volume
        self._given = given
        self._child: processes.Child | None = None

    def start(self, arguments: Sequence[str]) -> None:
        """Start it with these arguments, which stand after the image's entry point."""
        for place in ("work", "on"):
            (self._folder / place).mkdir(parents=True, exist_ok=True)
        self._volume.mkdir(parents=True, exist_ok=True)
        os.chown(self._volume, USER, USER)
        command = command_of(self._image, arguments, {"/var/lib/foresend": self._volume}, self._given)
        self._child = processes.start(processes.Program(command, log=self._folder / "said.log", folder=self._folder))

    def wait_end(self) -> int | None:
        """The exit code of one that ends by itself; None: it is still there."""
        return self._running().wait(READY_S)

    def wait_answer(self, port: int, path: str) -> None:
        """Wait until it answers 200 there."""
        child = self._running()

        def is_there() -> bool:
            assert child.is_running, child.said()[-3000:]
            return asked(port, path)[0] == 200

        wait_until(is_there, READY_S, f"{path} at port {port}; see {child.log}")

    def told_to_stop(self) -> int | None:
        """SIGTERM to the program itself, as an engine sends it; its exit code, None: it is still there."""
        child = self._running()
        first = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(first[0]), signal.SIGTERM)
        return child.wait(END_S)

    def kill(self) -> None:
        """SIGKILL; nothing happens where it does not run."""
        if self._child is not None:
            self._child.kill()

    def said(self) -> str:
        """All it wrote."""
        return self._running().said()

    def _running(self) -> processes.Child:
        assert self._child is not None
        return self._child


def asked(
    port: int, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of one request; 0 when nobody answered."""
    connection = HTTPConnection(LOOPBACK, port, timeout=10)
    try:
        connection.request("GET" if body is None else "POST", path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()
