"""The command line of Flink's client, and what its output says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MESSAGE_MAX = 4000
PYTHON_FAILED = "org.apache.flink.client.program.ProgramAbortException"


@dataclass(frozen=True)
class JobOrder:
    """A Python job to run.

    script       the job's file; it calls `execute` without a configuration of its own
    parallelism  None: the cluster's default, 1
    savepoint    path of a savepoint or a kept checkpoint to begin from
    settings     Flink settings for this job, which win over the cluster's
    """

    script: Path
    arguments: Sequence[str] = ()
    parallelism: int | None = None
    savepoint: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def command_line(self, *where: str) -> list[str]:
        """The arguments of `flink`; `where` says in what kind of cluster.

        >>> JobOrder(Path("/job.py"), ["a"], parallelism=2).command_line("--detached")
        ['run', '--detached', '--parallelism', '2', '--python', '/job.py', 'a']
        """
        return [
            "run",
            *where,
            *(["--parallelism", str(self.parallelism)] if self.parallelism else []),
            *(["--fromSavepoint", self.savepoint] if self.savepoint else []),
            *[f"-D{name}={value}" for name, value in self.settings.items()],
            "--python",
            str(self.script.resolve()),
            *self.arguments,
        ]


def submitted_job(said: str) -> str | None:
    """The id of the job that a detached client has submitted; None when it did not."""
    found = re.search(r"Job has been submitted with JobID ([0-9a-f]{32})", said)
    return found.group(1) if found else None


def reason(said: str) -> str:
    r"""What the client's output says about a failure: the job's own traceback where there is one.

    >>> reason(f"noise\nTraceback (most recent call last):\nKeyError: 1\n{PYTHON_FAILED}: x")
    'Traceback (most recent call last):\nKeyError: 1'
    """
    python = said.find("Traceback (most recent call last)")
    told = said[python:].partition(PYTHON_FAILED)[0] if python >= 0 else said
    lines = [line for line in told.splitlines() if not line.startswith("\tat ")]
    return "\n".join(lines)[:MESSAGE_MAX]
