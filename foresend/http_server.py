"""The server that our ASGI applications run in: the same settings wherever one serves, is shown, or is measured."""

from typing import Any

import uvicorn


def server_config(application: Any, *, loop: str = "uvloop", **own: Any) -> uvicorn.Config:
    """Settings of uvicorn for a bare ASGI application, quiet and without what it does not need; `own` comes on top."""
    return uvicorn.Config(
        application,
        loop=loop,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        **own,
    )
