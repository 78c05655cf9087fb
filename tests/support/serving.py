"""`foresend serve` as a process, and a client that does not give up."""

import json
import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Any

from foresend import processes
from foresend.local.ports import LOOPBACK
from tests.support.messages import WORKSPACE
from tests.support.waiting import wait_until

READY_S = 60.0
REQUEST_S = 5.0


class ServeProcess:
    """One node on a folder and port that stay the same over restarts; it serves one workspace.

    settings  further variables of its environment
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        bootstrap: str,
        workspace: str = WORKSPACE,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self.cache = folder / "cache"
        self.log = folder / "serve.log"
        self.port = port
        self._bootstrap = bootstrap
        self._workspace = workspace
        self._child: processes.Child | None = None

    @property
    def child(self) -> processes.Child:
        """The process that was started last."""
        assert self._child is not None
        return self._child

    def start(self) -> processes.Child:
        command = ["serve", "--port", str(self.port), "--folder", str(self.cache), "--bootstrap", self._bootstrap]
        command += ["--workspace-id", self._workspace]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._child = processes.start(
            processes.Program(
                [sys.executable, "-m", "foresend.cli", *command],
                log=self.log,
                environment={**os.environ, "PYTHONUNBUFFERED": "1", **self._settings},
            )
        )
        return self._child

    def kill(self) -> None:
        """SIGKILL; nothing happens where it does not run."""
        if self._child is not None:
            self._child.kill()

    def stop(self) -> int | None:
        """Ask it to end; its exit code."""
        self.child.end()
        return self.child.wait(0)

    def wait_ready(self) -> None:
        wait_until(self.is_ready, READY_S, f"serve to be ready; its log is {self.log}")

    def is_ready(self) -> bool:
        return self.request("GET", "/readyz")[0] == 200

    def metric(self, name: str) -> float:
        """A sample of /metrics, its labels written as they are there; -1 where there is none."""
        for line in self.request("GET", "/metrics")[1].decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        return -1.0

    def draw(self, template: str, user: str, send_id: str) -> tuple[int, bytes]:
        """One attempt; status 0 when nobody answered."""
        return self.request("POST", f"/v1/communications/{template}/{user}", {"send_id": send_id})

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[int, bytes]:
        """Status and body; 0 when nobody answered, or not to the end."""
        connection = HTTPConnection(LOOPBACK, self.port, timeout=REQUEST_S)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            return 0, b""
        finally:
            connection.close()
