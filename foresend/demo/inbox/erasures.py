"""Erasing somebody who is played: `foresend erase --certificate`, as anybody would type it, beside the page."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import msgspec

from foresend.processes import Child, last_lines
from schemas.ids import UserId

DONE, NOT_DONE = 0, 1
"""What the command's exit codes mean; others say that it could not work."""
Start = Callable[[str, list[str]], Child]
"""Starts one of our own commands, whose words go into a file of its own, by a name."""


class PlaceTold(msgspec.Struct, frozen=True):
    """One line of a certificate."""

    name: str
    found: int | None
    due_by: str | None = None


class CertificateTold(msgspec.Struct, frozen=True):
    """What `foresend erase --certificate --json` prints."""

    user_hmac: str
    requested_at: str
    places: list[PlaceTold]
    complete: bool


class Erasure(msgspec.Struct, frozen=True):
    """How far one has come.

    command      as it was typed
    seconds      since then, or until it was done
    certificate  None: it is under way, or failed
    problem      why it failed
    """

    command: str
    seconds: float
    is_running: bool
    certificate: CertificateTold | None = None
    problem: str = ""


_certificate = msgspec.json.Decoder(CertificateTold)


class Erasures:
    """One for each person at a time.

    workspace, gateway  what the command is told
    """

    def __init__(self, start: Start, workspace: str, gateway: str) -> None:
        self._start = start
        self._workspace = workspace
        self._gateway = gateway
        self._newest: dict[UserId, _Run] = {}

    def begin(self, user: UserId) -> None:
        """Erase somebody; where that is under way, nothing more happens."""
        known = self._newest.get(user)
        if known is not None and known.child.is_running:
            return
        words = ["erase", user, "--certificate", "--json", "--workspace-id", self._workspace]
        words += ["--gateway", self._gateway]
        number = known.number + 1 if known else 1
        child = self._start(f"erase-{len(self._newest)}-{number}", words)
        self._newest[user] = _Run(child, number, f"foresend {' '.join(words)}")

    def of(self, user: UserId) -> Erasure | None:
        """The newest of a person; None: nobody asked for one."""
        run = self._newest.get(user)
        return run.told() if run else None

    def close(self) -> None:
        """End what is under way."""
        for run in self._newest.values():
            run.child.kill()


class _Run:
    """One run of the command."""

    def __init__(self, child: Child, number: int, command: str) -> None:
        self.child = child
        self.number = number
        self._command = command
        self._begun_s = monotonic()
        self._told: Erasure | None = None

    def told(self) -> Erasure:
        """How far it has come."""
        if self._told is not None:
            return self._told
        seconds = monotonic() - self._begun_s
        if self.child.is_running:
            return Erasure(self._command, seconds, is_running=True)
        said = self.child.said()
        is_told = self.child.wait(0) in (DONE, NOT_DONE)
        certificate = _certificate_in(said) if is_told else None
        problem = "" if certificate else last_lines(said)
        self._told = Erasure(self._command, seconds, is_running=False, certificate=certificate, problem=problem)
        return self._told


def _certificate_in(said: str) -> CertificateTold | None:
    for line in said.splitlines():
        if line.startswith("{"):
            try:
                return _certificate.decode(line)
            except msgspec.DecodeError:
                continue
    return None


def as_told(erasure: Erasure | None) -> Any:
    """An erasure as the page's JSON has it."""
    return None if erasure is None else msgspec.to_builtins(erasure)
