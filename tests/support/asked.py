"""A server that is asked through the client's protocol, without a connection."""

import json
from collections.abc import Callable
from typing import Any

from connectors.http.client import Headers, HttpUnavailable, Reply

Answer = Callable[[str, str, bytes], tuple[int, Any]]


class AskedServer:
    """Answers as a function says, with JSON, and keeps what it was asked; `is_down`: nobody answers."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[tuple[str, str, Any]] = []
        self.is_down = False

    async def request(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Reply:  # noqa: ARG002
        """One request."""
        if self.is_down:
            raise HttpUnavailable("down")
        self.asked.append((method, path, json.loads(body) if body else None))
        status, found = self._answer(method, path, body)
        return Reply(status, {}, json.dumps(found).encode())
