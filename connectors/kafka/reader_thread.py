"""A thread that reads topics until it is told to stop, and begins again after a broker that was away."""

import logging
import threading
from collections.abc import Callable

from kafka.errors import KafkaError

from schemas.errors import BrokerUnavailable

_log = logging.getLogger(__name__)


class ReaderThread:
    """Runs `read_on` again and again in a daemon thread.

    name      of the thread; logs tell it too
    read_on   reads until `stopping` is set; where the broker fails it raises, and is called anew after `retry_s`
    stop_s    how long `stop` waits: a broker that is away may hold the thread for longer
    stopping  set by `stop`; whoever waits in `read_on` waits on it
    """

    def __init__(self, name: str, read_on: Callable[[], None], *, retry_s: float, stop_s: float) -> None:
        self._name = name
        self._read_on = read_on
        self._retry_s = retry_s
        self._stop_s = stop_s
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Tell it to stop; returns when the thread has ended, or waits for a broker that is away."""
        self.stopping.set()
        if self._thread.is_alive():
            self._thread.join(self._stop_s)

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._read_on()
            except (BrokerUnavailable, KafkaError) as error:
                _log.warning("%s: begun again after %s: %s", self._name, type(error).__name__, error)
                self.stopping.wait(self._retry_s)
