"""A thread that reads topics begins again after a broker that was away, and ends when it is told to."""

import threading

from connectors.kafka.reader_thread import ReaderThread
from schemas.errors import BrokerUnavailable

ANSWER_S = 10.0


def test_a_broker_that_was_away_is_read_again() -> None:
    tries: list[int] = []
    came_back = threading.Event()

    def read_on() -> None:
        tries.append(len(tries))
        if len(tries) < 3:
            raise BrokerUnavailable("nobody answered")
        came_back.set()
        reader.stopping.wait()

    reader = ReaderThread("test", read_on, retry_s=0.0, stop_s=ANSWER_S)
    reader.start()

    assert came_back.wait(ANSWER_S)
    reader.stop()
    assert tries == [0, 1, 2]


def test_a_stop_ends_the_wait_for_a_broker_that_is_away() -> None:
    failed = threading.Event()

    def read_on() -> None:
        failed.set()
        raise BrokerUnavailable("nobody answered")

    reader = ReaderThread("test", read_on, retry_s=3600.0, stop_s=ANSWER_S)
    reader.start()
    assert failed.wait(ANSWER_S)

    reader.stop()

    assert "test" not in [thread.name for thread in threading.enumerate()]


def test_one_that_never_began_can_be_stopped() -> None:
    reader = ReaderThread("test", lambda: None, retry_s=0.0, stop_s=0.0)

    reader.stop()

    assert reader.stopping.is_set()
