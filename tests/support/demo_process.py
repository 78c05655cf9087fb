"""`foresend demo` as a process, and everything that it has started, wherever that went."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.waiting import wait_until

MARK = "DEMO_OF_TEST"
"""A variable of the environment by which every program of one demo is found: they all inherit it."""
GONE_S = 60.0


class DemoProcess:
    """One demo in a folder of its own.

    command  types something else that ends in a demo, in `folder`, with these variables beside its own
    """

    def __init__(
        self, folder: Path, *options: str, command: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder / "demo"
        self.words = folder / "words.txt"
        self._mark = f"{MARK}={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        demo = (sys.executable, "-m", "foresend.cli", "demo", "--folder", str(self.folder), *options)
        with self.words.open("wb") as words:
            self._popen = subprocess.Popen(
                list(command or demo),
                cwd=folder if command else None,
                stdout=subprocess.PIPE,
                stderr=words,
                stdin=subprocess.DEVNULL,
                env={**(os.environ if environment is None else environment), name: value},
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Whether the command itself lives."""
        return self._popen.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        self._popen.send_signal(number)

    def interrupt(self) -> None:
        """Press Ctrl-C: all programs of its terminal get it."""
        os.killpg(self._popen.pid, signal.SIGINT)

    def ended(self, timeout_s: float) -> int | None:
        """Its exit code once it has ended; None after the timeout."""
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def said(self) -> str:
        """What it wrote to standard output; to be asked once it has ended."""
        assert self._popen.stdout is not None
        with self._popen.stdout as pipe:
            return pipe.read().decode()

    def programs(self) -> dict[int, str]:
        """All living programs of this demo, itself too: command lines by pid."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    if self._mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                        found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
                except (FileNotFoundError, ProcessLookupError, PermissionError):
                    continue
        return {pid: words for pid, words in found.items() if words}

    def wait_gone(self) -> None:
        """Until no program of it lives."""
        wait_until(lambda: not self.programs(), GONE_S, f"the end of {self.programs()}")

    def kill(self) -> None:
        """Leave nothing behind, whatever happened."""
        for pid in self.programs():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._popen.wait()
        if self._popen.stdout is not None:
            self._popen.stdout.close()
