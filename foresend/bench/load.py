"""Load on a server, from a process of its own: what is to be asked, and what came of it."""

import sys
from pathlib import Path

import msgspec

from foresend import processes
from foresend.processes import ProcessFailed

GRACE_S = 60.0
"""How much longer than its own time the load may take, start included."""


class Draws(msgspec.Struct, frozen=True, tag=True):
    """Messages drawn for sends: users by chance, templates in turn, every send id a new one.

    sends  begins every send id, so that no two loads ask for the same send
    """

    templates: tuple[str, ...]
    users: int
    sends: str


class Posts(msgspec.Struct, frozen=True, tag=True):
    """Bodies posted to one path, in turn; `bodies` is a file with one in each line."""

    path: str
    bodies: str


class LoadPlan(msgspec.Struct, frozen=True):
    """What to ask of a server on loopback: as fast as it answers, on connections that are kept.

    warm_up_s  asked before, and not counted
    key        of the server's API, given as a bearer token; empty: none
    expected   must stand in the first kilobyte of every answer; empty: anything may
    """

    port: int
    asked: Draws | Posts
    connections: int
    seconds: float
    warm_up_s: float
    seed: int
    status: int = 200
    key: str = ""
    expected: str = ""


class LoadResult(msgspec.Struct, frozen=True):
    """What came of it, over the time that counts."""

    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    body_bytes: float
    """Mean size of an answer's body."""


def run_load(plan: LoadPlan, folder: Path) -> LoadResult:
    """Load a server from a process of its own, so that nothing of ours slows either of them.

    Raises:
        ProcessFailed: an answer was not as expected, or the server hung up.
    """
    plan_file, result_file, log = (folder / f"load.{name}" for name in ("plan", "result", "log"))
    plan_file.write_bytes(msgspec.json.encode(plan))
    result_file.unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "foresend.bench.http_load", str(plan_file), str(result_file)]
    child = processes.start(processes.Program(command, log=log))
    try:
        code = child.wait(plan.seconds + plan.warm_up_s + GRACE_S)
    finally:
        child.kill()
    if code != 0 or not result_file.exists():
        raise ProcessFailed(f"the load ended with code {code}:\n{processes.last_lines(child.said())}")
    return msgspec.json.decode(result_file.read_bytes(), type=LoadResult)
