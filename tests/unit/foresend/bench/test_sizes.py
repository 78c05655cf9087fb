"""Sizes as options: named like their fields, left to their defaults where nothing is given."""

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

import pytest

from foresend.bench.sizes import add_sizes, size, sizes_of


@dataclass(frozen=True)
class Sizes:
    events: int = size(10, "events")
    warm_up: float = size(1.5, "seconds")
    users: tuple[int, ...] = size((1, 2), "users")
    trace: Path | None = size(None, "a file")


def read(*words: str) -> Sizes:
    parser = ArgumentParser()
    add_sizes(parser, Sizes)
    return sizes_of(parser.parse_args(words), Sizes)


def test_what_is_not_given_is_left_to_its_default() -> None:
    assert read() == Sizes(10, 1.5, (1, 2), None)


def test_options_are_named_like_fields_and_a_tuple_is_repeated() -> None:
    found = read("--events", "3", "--warm-up", "0.5", "--users", "7", "--users", "8", "--trace", "t.csv")

    assert found == Sizes(3, 0.5, (7, 8), Path("t.csv"))


@pytest.mark.parametrize("words", [("--events", "0"), ("--users", "-1"), ("--events", "many"), ("--runs", "1")])
def test_what_is_no_size_is_refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(*words)

    assert words[0] in capsys.readouterr().err
