"""Where figures come from: the machine, and the code that was measured."""

import os
import re
import subprocess
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parents[2]
ANSWER_S = 30.0


class Machine(TypedDict):
    """What a reader must know of a machine to compare with his own."""

    cores: int
    memory_gb: float
    cpu: str


def machine() -> Machine:
    """This machine: the cores that we may use, its memory, and what its CPU calls itself."""
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    cpu = re.search(r"^model name\s*: (.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(int(memory[1]) / 1024**2, 1) if memory else 0.0,
        cpu=cpu[1].strip() if cpu else "unknown",
    )


def commit(root: Path = ROOT) -> str | None:
    """The checkout's commit, `-dirty` where its code is not that of the commit; None where this is no checkout."""
    top = _git(root, "rev-parse", "--show-toplevel")
    # An installed copy may lie inside somebody else's checkout.
    if top is None or Path(top).resolve() != root.resolve():
        return None
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    # The documents measure nothing, and the page of figures is one of them: it changes from bench to bench.
    changes = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return head and f"{head}-dirty" if changes else head


def _git(root: Path, *words: str) -> str | None:
    """What git says; None where there is no git, or it refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=ANSWER_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
