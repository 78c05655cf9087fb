"""What a Flink cluster says and does over its REST interface."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from time import monotonic, sleep
from typing import Any

from foresend.local.ports import LOOPBACK
from foresend.processes import ProcessFailed
from schemas.errors import TransientError

ANSWER_S = 10.0
POLL_S = 0.1
SAVEPOINT_S = 120.0


class FlinkUnavailable(TransientError):
    """The cluster's REST interface does not answer, or refuses; the message holds its words."""


@dataclass(frozen=True)
class Checkpoints:
    """A job's checkpoints so far. `restored`: how often it went back to one."""

    completed: int
    failed: int
    in_progress: int
    restored: int
    latest_path: str | None


class FlinkRest:
    """One cluster, by its REST port on loopback."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}"

    def task_manager_ids(self) -> list[str]:
        """Those registered (a killed one stays until its heartbeat is missed); none when nobody answers."""
        try:
            return [manager["id"] for manager in self.get("/taskmanagers")["taskmanagers"]]
        except FlinkUnavailable:
            return []

    def is_up(self) -> bool:
        """Whether the job manager takes requests."""
        try:
            self.get("/overview")
        except FlinkUnavailable:
            return False
        return True

    def jobs(self) -> dict[str, str]:
        """State by job id."""
        return {job["id"]: job["status"] for job in self.get("/jobs")["jobs"]}

    def status(self, job: str) -> str:
        """The job's state: RUNNING, RESTARTING, FAILED, FINISHED, CANCELED and the ways between them."""
        return str(self.get(f"/jobs/{job}")["state"])

    def tasks_running(self, job: str) -> bool:
        """Whether every subtask is RUNNING; the job itself says so before its tasks do."""
        found = self.get(f"/jobs/{job}")
        return bool(found["vertices"]) and all(
            vertex["tasks"]["RUNNING"] == vertex["parallelism"] for vertex in found["vertices"]
        )

    def task_managers_of(self, job: str) -> set[str]:
        """The ids of those that its subtasks were given to, of the newest attempt each."""
        vertices = [vertex["id"] for vertex in self.get(f"/jobs/{job}")["vertices"]]
        found = [self.get(f"/jobs/{job}/vertices/{vertex}") for vertex in vertices]
        return {subtask["taskmanager-id"] for vertex in found for subtask in vertex["subtasks"]}

    def checkpoints(self, job: str) -> Checkpoints:
        """How its checkpoints went."""
        found = self.get(f"/jobs/{job}/checkpoints")
        counts, latest = found["counts"], found["latest"]["completed"]
        return Checkpoints(
            completed=counts["completed"],
            failed=counts["failed"],
            in_progress=counts["in_progress"],
            restored=counts["restored"],
            latest_path=latest["external_path"] if latest else None,
        )

    def restarts(self, job: str) -> int:
        """How often the job was restarted since it was submitted."""
        found = self.get(f"/jobs/{job}/metrics?get=numRestarts")
        return int(found[0]["value"]) if found else 0

    def failures(self, job: str) -> list[str]:
        """The newest exceptions, root first, as stack traces."""
        entries = self.get(f"/jobs/{job}/exceptions")["exceptionHistory"]["entries"]
        return [entry["stacktrace"] for entry in entries]

    def cancel(self, job: str) -> None:
        """Cancel; checkpoints stay."""
        self._ask("PATCH", f"/jobs/{job}?mode=cancel", None)

    def stop_with_savepoint(self, job: str, timeout_s: float = SAVEPOINT_S, *, canonical: bool = False) -> str:
        """Stop the job and return the path its state was saved under.

        canonical  in Flink's own form, which holds what is there now and nothing of what was overwritten

        Raises:
            ProcessFailed: the savepoint failed or took too long.
        """
        asked = {"drain": False, "formatType": "CANONICAL" if canonical else "NATIVE"}
        trigger = self._ask("POST", f"/jobs/{job}/stop", asked)["request-id"]
        deadline = monotonic() + timeout_s
        while monotonic() < deadline:
            found = self.get(f"/jobs/{job}/savepoints/{trigger}")
            if found["status"]["id"] == "COMPLETED":
                operation = found["operation"]
                if "location" not in operation:
                    raise ProcessFailed(f"job {job}: savepoint failed: {operation['failure-cause']['stack-trace']}")
                return str(operation["location"])
            sleep(POLL_S)
        raise ProcessFailed(f"job {job}: no savepoint within {timeout_s:g} s")

    def get(self, path: str) -> Any:
        """The decoded answer to a GET.

        Raises:
            FlinkUnavailable: no answer, or an error.
        """
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=ANSWER_S)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            words = answer.read()
            if answer.status >= HTTPStatus.BAD_REQUEST:
                said = words.decode(errors="replace")
                raise FlinkUnavailable(f"Flink answered {answer.status} to {method} {path}: {said}")
            return json.loads(words or b"null")
        except (OSError, HTTPException, ValueError) as error:
            where = f"{LOOPBACK}:{self.port}"
            raise FlinkUnavailable(f"Flink at {where} gave no answer to {method} {path}: {error}") from error
        finally:
            connection.close()
