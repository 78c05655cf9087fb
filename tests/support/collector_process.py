"""`foresend collect` as a process, and a client of it."""

import base64
import json
import os
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from foresend import processes
from foresend.local.ports import LOOPBACK
from tests.support.waiting import wait_until

READY_S = 60.0


class Reply(NamedTuple):
    """Status, headers and body; status 0 when nobody answered, or not to the end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class CollectorProcess:
    """One collector on a port that stays the same over restarts."""

    def __init__(self, log: Path, port: int, bootstrap: str, *options: str, **environment: str) -> None:
        self.log = log
        self.url = f"http://{LOOPBACK}:{port}"
        self._port = port
        self._command = ["collect", "--port", str(port), "--bootstrap", bootstrap, *options]
        self._environment = {**os.environ, **environment}
        self._child: processes.Child | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "foresend.cli", *self._command]
        program = processes.Program(command, log=self.log, environment=self._environment)
        self._child = processes.start(program)

    def kill(self) -> None:
        """SIGKILL; nothing happens where it does not run."""
        if self._child is not None:
            self._child.kill()

    def stop(self) -> int | None:
        """SIGTERM; its exit code."""
        assert self._child is not None
        self._child.end()
        return self._child.wait(0)

    def wait_ended(self) -> int | None:
        """The exit code of one that ends by itself."""
        assert self._child is not None
        return self._child.wait(READY_S)

    def wait_ready(self) -> None:
        wait_until(self.is_ready, READY_S, f"the collector to be ready; its log is {self.log}")

    def is_ready(self) -> bool:
        return self.request("GET", "/readyz").status == 200

    def post(self, path: str, body: bytes, key: str = "") -> Reply:
        token = base64.b64encode(f"{key}:".encode()).decode()
        return self.request("POST", path, body, {"Authorization": f"Basic {token}"})

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        connection = HTTPConnection(LOOPBACK, self._port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except (OSError, HTTPException):
            return Reply(0, {}, b"")
        finally:
            connection.close()
