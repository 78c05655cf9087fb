"""What Ctrl-C and SIGTERM mean to the demo: the first ends it in order, the next at once."""

import os
import signal
from collections.abc import Callable
from enum import Enum
from types import FrameType, TracebackType
from typing import Self

EXIT_INTERRUPTED = 130


class Phase(Enum):
    """What there is to interrupt."""

    STARTING = "starting"
    """Calls that wait: they are left by an exception."""
    RUNNING = "running"
    """An event loop that looks at `asked`."""
    STOPPING = "stopping"
    """Nothing: whoever asks now wants it over."""


class Ending:
    """Listens for signals, in the main thread, for the length of a `with` block.

    give_up  called before the process ends at once: to leave the terminal as it was

    Ending at once is safe: the kernel kills every program that was started, for all of them die with us.
    """

    def __init__(self, give_up: Callable[[], None], end_now: Callable[[int], None] = os._exit) -> None:
        self.phase = Phase.STARTING
        self.asked = False
        self._give_up = give_up
        self._end_now = end_now
        self._before: dict[signal.Signals, signal.Handlers] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._told)  # type: ignore[assignment]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _told(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked or self.phase is Phase.STOPPING:
            self._give_up()
            self._end_now(EXIT_INTERRUPTED)
            return
        self.asked = True
        if self.phase is Phase.STARTING:
            raise KeyboardInterrupt
