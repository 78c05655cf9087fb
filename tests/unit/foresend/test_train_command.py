"""`foresend train`: its arguments."""

from argparse import ArgumentTypeError

import pytest

from foresend.commands.train import duration_s


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("30m", 1800), ("1h", 3600), ("0.5d", 43_200)])
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1w", "0s", "1h30m", "inf", "1 h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="such as 30m"):
        duration_s(text)
