"""Child processes that end when they should: on request, with their parent, or found by a later run.

A process is known by its pid, its start time and the boot it belongs to; a pid alone may
by now belong to a stranger. Linux only: it reads /proc and uses process file descriptors.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from types import FrameType

from foresend import die_with_parent
from schemas.errors import ConfigError, TransientError

GRACE_S = 10.0
POLL_S = 0.05
LOG_TAIL_LINES = 20


class ProcessFailed(TransientError):
    """A program we started ended by itself or did not get ready; its log tells why."""


@dataclass(frozen=True)
class Identity:
    """One process of one boot; equal identities are the same process."""

    pid: int
    started: int
    boot: str

    @staticmethod
    def of(pid: int) -> Identity | None:
        """The living process with this pid, or None (a zombie has already ended)."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The program's name, in brackets, may itself hold spaces and brackets.
        fields = stat.rpartition(")")[2].split()
        state, started = fields[0], int(fields[19])
        if state in "ZX":
            return None
        return Identity(pid, started, Path("/proc/sys/kernel/random/boot_id").read_text().strip())

    @property
    def is_running(self) -> bool:
        """Whether this very process still lives."""
        return Identity.of(self.pid) == self


@dataclass(frozen=True)
class Record:
    """What a record file says: the process, and who will end it (None: `foresend local down`)."""

    process: Identity
    owner: Identity | None

    def write(self, path: Path) -> None:
        """Put the record at the path, whole or not at all."""
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(path)

    @staticmethod
    def read(path: Path) -> Record | None:
        """The record at the path; None when there is none, or not one of ours."""
        try:
            fields = json.loads(path.read_text())
            owner = fields["owner"]
            return Record(Identity(**fields["process"]), None if owner is None else Identity(**owner))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


class Child:
    """A process started by this one, in a session of its own (the terminal's Ctrl-C goes to us alone)."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path, record: Path | None) -> None:
        self._popen = popen
        self.log = log
        self._record = record

    @property
    def pid(self) -> int:
        """The pid; of the program itself, as our wrapper and Flink's scripts all exec."""
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen.poll() is None

    def wait(self, timeout_s: float) -> int | None:
        """The exit code (negative: the signal), or None after the timeout."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(timeout_s)
        return None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program; nothing happens when it has ended."""
        self._popen.send_signal(number)

    def end(self, grace_s: float = GRACE_S) -> None:
        """Ask to end, wait, then kill; its children too. The record goes last."""
        if self.is_running:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(grace_s)
        self.kill()

    def kill(self) -> None:
        """SIGKILL the program and what it started, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
        if self._record is not None:
            self._record.unlink(missing_ok=True)

    def said(self) -> str:
        """All it wrote, for an error message."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@dataclass(frozen=True)
class Program:
    """What to start.

    log             standard output and error are appended there
    record          file that names the process while it lives
    outlives_parent True: a daemon; False: the kernel kills it when we die, however we die
    """

    command: Sequence[str | Path]
    log: Path
    record: Path | None = None
    environment: Mapping[str, str] | None = None
    folder: Path | None = None
    outlives_parent: bool = False


class _Starter:
    """The one thread that forks.

    The kernel's "parent died" signal follows the *thread* that forked, so a child started
    from a short-lived thread would be killed at that thread's end. This one never ends.
    """

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="process-starter", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._orders.get()()

    def start(self, program: Program) -> Child:
        started: list[Child] = []
        failed: list[OSError] = []
        done = threading.Event()

        def order() -> None:
            try:
                started.append(_start(program))
            except OSError as error:
                failed.append(error)
            finally:
                done.set()

        self._orders.put(order)
        try:
            done.wait()
        except BaseException:
            # Ctrl-C between the fork and our knowing of it would leave an orphan.
            done.wait()
            for child in started:
                child.kill()
            raise
        if failed:
            raise ConfigError(f"cannot start {program.command[0]}: {failed[0].strerror}") from failed[0]
        return started[0]


@cache
def _starter_of(_pid: int) -> _Starter:
    """This process's starter; after a fork the thread is gone, and the pid another one."""
    return _Starter()


def start(program: Program) -> Child:
    """Start a program; its record is on disk when this returns.

    Raises:
        ConfigError: the program cannot be run.
    """
    return _starter_of(os.getpid()).start(program)


def _start(program: Program) -> Child:
    command = [str(part) for part in program.command]
    if not program.outlives_parent:
        wrapper = str(Path(die_with_parent.__file__).resolve())
        command = [sys.executable, "-I", "-S", wrapper, str(os.getpid()), *command]
    with program.log.open("ab") as log:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=program.folder,
            env=program.environment,
            start_new_session=True,
        )
    process = Identity.of(popen.pid)
    if program.record is not None and process is not None:
        Record(process, None if program.outlives_parent else Identity.of(os.getpid())).write(program.record)
    return Child(popen, program.log, program.record)


def wait_ready(
    child: Child,
    what: str,
    is_ready: Callable[[], bool],
    timeout_s: float,
    excerpt: Callable[[str], str] | None = None,
) -> None:
    """Poll until ready.

    excerpt  picks from all the child wrote what the error message shows; by default, its last lines

    Raises:
        ProcessFailed: it ended, or the time is over.
    """
    deadline = monotonic() + timeout_s
    while not is_ready():
        if not child.is_running:
            problem = f"{what} ended with code {child.wait(0)} before it was ready"
        elif monotonic() > deadline:
            problem = f"{what} was not ready after {timeout_s:g} s"
        else:
            sleep(POLL_S)
            continue
        raise ProcessFailed(f"{problem}; {child.log}:\n{(excerpt or last_lines)(child.said())}")


def last_lines(text: str) -> str:
    """The last lines of a log, for an error message."""
    return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])


def recorded(record: Path) -> Identity | None:
    """The process that a record names, if it lives."""
    found = Record.read(record)
    return found.process if found is not None and found.process.is_running else None


def end_identity(process: Identity, grace_s: float = GRACE_S) -> bool:
    """End a process that need not be our child; False when it had ended already."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        # Checked after the handle was taken: from here on the pid cannot be reused under us.
        if not process.is_running:
            return False
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, GRACE_S)):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if ended.poll(patience_s * 1000):
                break
    finally:
        os.close(handle)
    return True


def end_recorded(record: Path, grace_s: float = GRACE_S) -> bool:
    """End the process a record names and remove the record; False when nothing was running."""
    found = Record.read(record)
    ended = found is not None and end_identity(found.process, grace_s)
    record.unlink(missing_ok=True)
    return ended


def clear_leftover(record: Path, what: str) -> None:
    """Make way for a new process: end the orphan of a crashed run, forget a dead one.

    Raises:
        ConfigError: a living process is there by right.
    """
    found = Record.read(record)
    if found is not None and found.process.is_running:
        if found.owner is None or found.owner.is_running:
            raise ConfigError(
                f"{what} is already running as process {found.process.pid} ({record}); "
                "use it, stop it, or choose another folder"
            )
        end_identity(found.process)
    record.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a lock file; the kernel lets go of it when we die, so it is never left over."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a second Ctrl-C wait while we clean up after the first. Only the main thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_on_sigterm() -> None:
    """Turn SIGTERM into SystemExit, so that `with` blocks stop their children in order."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)
