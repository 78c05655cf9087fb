"""The programs that a bench measures, as processes of their own in the bench's folder."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from types import MappingProxyType

from foresend import processes
from foresend.local import ports
from foresend.processes import exit_on_sigterm
from schemas.errors import TransientError

READY_S = 120.0
ANSWER_S = 5.0
LOOK_S = 0.02
_NOTHING: Mapping[str, str] = MappingProxyType({})


class NotInTime(TransientError):
    """Something that a bench waits for did not happen; the message says what."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one bench, removed with all that is in it; a SIGTERM meanwhile ends what was started, in order."""
    exit_on_sigterm()
    with TemporaryDirectory(prefix="foresend-bench-") as folder:
        yield Path(folder)


@contextmanager
def running(
    name: str, words: Sequence[str], folder: Path, port: int, settings: Mapping[str, str] = _NOTHING
) -> Iterator[processes.Child]:
    """A program that answers HTTP on a port, for the length of a `with` block; ready when it begins.

    words     after `python -m`
    settings  variables of the environment; no other of ours is there

    Raises:
        ProcessFailed: it ended, or was not ready in time.
    """
    own = {key: value for key, value in os.environ.items() if not key.startswith("FORESEND_")}
    own |= settings
    command = [sys.executable, "-m", *words]
    child = processes.start(processes.Program(command, log=folder / f"{name}.log", environment=own))
    try:
        processes.wait_ready(child, name, lambda: ask(port, "/readyz")[0] == 200, READY_S)
        yield child
    finally:
        with processes.uninterrupted():
            child.end()


@contextmanager
def serving(bootstrap: str, folder: Path, cache: Path, **settings: str) -> Iterator[int]:
    """`foresend serve` on a cache folder, with these settings in its environment; its port."""
    port = ports.free_port()
    words = ["foresend.cli", "serve", "--port", str(port), "--folder", str(cache), "--bootstrap", bootstrap]
    with running("serve", words, folder, port, settings):
        yield port


@contextmanager
def collecting(bootstrap: str, folder: Path, workspace: str) -> Iterator[int]:
    """`foresend collect` without keys; its port."""
    port = ports.free_port()
    words = ["foresend.cli", "collect", "--port", str(port), "--workspace-id", workspace, "--bootstrap", bootstrap]
    with running("collect", words, folder, port):
        yield port


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Have programs that are started within run on so many of this machine's cores, together."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-count:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def ask(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a GET on loopback; 0 when nobody answered, or not to the end."""
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=ANSWER_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()


def metric(port: int, name: str) -> float:
    """A sample without labels of a program's /metrics.

    Raises:
        NotInTime: there is none.
    """
    for line in ask(port, "/metrics")[1].decode().splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise NotInTime(f"expected the sample {name} on /metrics of port {port}, found none")


def wait_for(is_so: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Look often until it is so.

    Raises:
        NotInTime: it is not, for so long.
    """
    deadline = monotonic() + timeout_s
    while not is_so():
        if monotonic() > deadline:
            raise NotInTime(f"expected {what} within {timeout_s:g} s, waited in vain")
        sleep(LOOK_S)
