"""Waiting for something in a test, with an end. The only place in the tests that sleeps."""

from collections.abc import Callable
from time import monotonic, sleep

POLL_S = 0.05


def wait_until(predicate: Callable[[], bool], timeout_s: float, what: str, every_s: float = POLL_S) -> None:
    """Return as soon as the predicate holds; fail with `what` was waited for once the time is over."""
    deadline = monotonic() + timeout_s
    while not predicate():
        if monotonic() > deadline:
            message = f"waited {timeout_s:g} s in vain for: {what}"
            raise AssertionError(message)
        sleep(every_s)
