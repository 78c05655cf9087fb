"""Signals to the demo: what the first and the second one do, by what there is to interrupt."""

import signal

import pytest

from foresend.demo.ending import EXIT_INTERRUPTED, Ending, Phase


class Ends:
    """Notes that the process would have ended at once."""

    def __init__(self) -> None:
        self.happened: list[str] = []

    def give_up(self) -> None:
        self.happened.append("terminal restored")

    def end_now(self, code: int) -> None:
        self.happened.append(f"ended with {code}")


AT_ONCE = ["terminal restored", f"ended with {EXIT_INTERRUPTED}"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_start_is_left_by_the_first_and_everything_at_once_by_the_second(number: signal.Signals) -> None:
    ends = Ends()
    with Ending(ends.give_up, ends.end_now) as ending:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert (ending.asked, ends.happened) == (True, [])
        signal.raise_signal(signal.SIGINT)
    assert ends.happened == AT_ONCE


def test_a_run_is_told_by_the_first_and_ended_at_once_by_the_second() -> None:
    ends = Ends()
    with Ending(ends.give_up, ends.end_now) as ending:
        ending.phase = Phase.RUNNING
        signal.raise_signal(signal.SIGINT)
        assert (ending.asked, ends.happened) == (True, [])
        signal.raise_signal(signal.SIGTERM)
    assert ends.happened == AT_ONCE


def test_stopping_is_ended_at_once_by_the_first() -> None:
    ends = Ends()
    with Ending(ends.give_up, ends.end_now) as ending:
        ending.phase = Phase.STOPPING
        signal.raise_signal(signal.SIGINT)
    assert ends.happened == AT_ONCE


def test_the_signals_mean_afterwards_what_they_meant_before() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Ending(lambda: None):
        assert signal.getsignal(signal.SIGINT) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
