"""The server that our ASGI applications run in: the same settings wherever one serves, is shown, or is measured."""

from collections.abc import Callable, Mapping
from typing import Any

import uvicorn

from foresend.quick_protocol import QuickProtocol

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ALIVE = (200, "application/json", b'{"status": "ok"}')
_READY = (200, "application/json", b'{"status": "ready"}')
_NOT_READY = (503, "application/json", b'{"status": "not ready"}')


def server_config(application: Any, *, loop: str = "uvloop", **own: Any) -> uvicorn.Config:
    """Settings of uvicorn for a bare ASGI application, quiet and without what it does not need; `own` comes on top."""
    return uvicorn.Config(
        application,
        loop=loop,
        http=QuickProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        **own,
    )


class MetricsDoor:
    """`/healthz`, `/readyz` and `/metrics` of a program that answers nothing else.

    page      makes the page of metrics
    is_ready  whether the program can do its work now; else `/readyz` is answered 503
    """

    def __init__(self, page: Callable[[], bytes], is_ready: Callable[[], bool] = lambda: True) -> None:
        self._page = page
        self._is_ready = is_ready

    async def __call__(self, scope: Mapping[str, Any], _receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        status, kind, body = self._answer(scope["path"])
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        if path == "/metrics":
            return 200, METRICS_TYPE, self._page()
        if path == "/healthz":
            return _ALIVE
        if path == "/readyz":
            return _READY if self._is_ready() else _NOT_READY
        return 404, "", b""
