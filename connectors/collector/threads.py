"""Calls that wait, kept out of the event loop."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(function: Callable[[], T]) -> T:
    """What the function returns or raises, called in a thread that nobody waits for at the end.

    `asyncio.to_thread` would: a client that tries to reach a broker that is away holds up SIGTERM.
    """
    answer: Future[T] = Future()
    # From here on cancelling whoever awaits leaves this future alone, so the thread may always set it.
    answer.set_running_or_notify_cancel()

    def call() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits
            answer.set_exception(error)
        else:
            answer.set_result(result)

    threading.Thread(target=call, name=f"call-{getattr(function, '__name__', 'part')}", daemon=True).start()
    return await asyncio.wrap_future(answer)
