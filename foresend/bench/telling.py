"""What a bench tells while it works: on standard error, for figures alone go to standard output."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Moved = Callable[[int], None]
"""Told how much is done by now."""


class Tell:
    """Says what is going on; `quiet` says nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._bars = sys.stderr.isatty() and not quiet

    def __call__(self, words: str) -> None:
        """One line."""
        self._console.print(words, markup=False)

    @contextmanager
    def bar(self, words: str, total: float) -> Iterator[Moved]:
        """A bar for the length of a `with` block; one line where nobody looks at a terminal."""
        if not self._bars:
            self(f"{words} ...")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, disable=not self._bars) as progress:
            task = progress.add_task(words, total=total)
            yield lambda done: progress.update(task, completed=done)
