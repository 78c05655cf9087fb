"""How long a channel is left alone after the receiver of all its messages was out of reach."""

import time
from collections.abc import Callable

FIRST_S = 1.0
LONGEST_S = 60.0


class Rest:
    """Twice as long after each failure, until something works."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until_s = 0.0
        self.failures = 0

    @property
    def is_needed(self) -> bool:
        """Whether it is too early to try again."""
        return self._clock() < self._until_s

    def failed(self) -> None:
        """It did not work. Failures of one moment, of connections side by side, count once."""
        if not self.is_needed:
            self.failures += 1
            self._until_s = self._clock() + min(LONGEST_S, FIRST_S * 2.0 ** (self.failures - 1))

    def worked(self) -> None:
        """It works."""
        self.failures = 0
        self._until_s = 0.0
