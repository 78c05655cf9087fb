"""How long a worker may begin to send what it was granted, and what came of an attempt."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from schemas.errors import PersonalizationError
from schemas.sending import Outcome


class Attempt(NamedTuple):
    """What came of handing one message over. `status`: the receiver's code, as `5.1.1` or `250`; never its words."""

    outcome: Outcome
    status: str = ""


class Unsendable(PersonalizationError):
    """This message can never be sent to this recipient. It is told as refused; the status (RFC 3463) says why."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Lease:
    """Of one granted message. Its end was counted from before the grant was asked for, by our own monotonic clock.

    has_begun  the message was handed over: from here on only the receiver's answer tells what became of it
    """

    def __init__(self, ends_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ends_s = ends_s
        self._clock = clock
        # A thread may be about to begin while the event loop ends it.
        self._deciding = threading.Lock()
        self.has_begun = False

    @property
    def left_s(self) -> float:
        """Seconds until it ends; less than 0 after it has."""
        return self._ends_s - self._clock()

    @property
    def is_valid(self) -> bool:
        """Whether sending may still begin."""
        return self.left_s > 0

    def begin(self) -> bool:
        """Asked right before the message is handed over: False says it must not be.

        Mutant: always True; then `test_nothing_is_handed_over_after_the_lease` fails.
        """
        with self._deciding:
            self.has_begun = self.is_valid
            return self.has_begun

    def end(self) -> bool:
        """Nothing may begin from now on; whether it had begun."""
        with self._deciding:
            self._ends_s = float("-inf")
            return self.has_begun
