"""What the demo tells while it goes on: on standard error, for figures alone go to standard output."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.console import Console
from rich.live import Live

from foresend.demo.steps import ToldSteps
from foresend.demo.view import Moment, Setting, line, screen

LINE_EVERY_S = 5.0
RESTORED = "\x1b[?1049l\x1b[?25h"
"""Leaves the terminal's other screen, and shows the cursor."""


class Telling:
    """One screen that is drawn anew, or a line now and then where nobody looks at a terminal.

    plain  lines even on a terminal
    """

    def __init__(self, *, plain: bool = False) -> None:
        is_terminal = sys.stderr.isatty() and not plain
        self.console = Console(stderr=True, force_terminal=is_terminal, highlight=False)
        self.steps = ToldSteps(self.console)

    def words(self, lines: Sequence[str]) -> None:
        """Sentences."""
        for one in lines:
            self.console.print(one, markup=False, soft_wrap=True)

    @contextmanager
    def running(self, setting: Setting) -> Iterator["Shown"]:
        """Where a run is shown, for the length of a `with` block."""
        if not self.console.is_terminal:
            self.words([f"be one of them: {' '.join(setting.addresses)}"])
            yield _Lines(self)
            return
        with Live(console=self.console, screen=True, auto_refresh=False) as live:
            yield _Screen(live, setting)

    def give_up(self) -> None:
        """Leave the terminal as it was, at once: the process is going to end."""
        if self.console.is_terminal:
            sys.stderr.write(RESTORED)
            sys.stderr.flush()


class Shown:
    """Shows how a run stands."""

    def __call__(self, figures: dict[str, Any], moment: Moment) -> None:
        """Show it."""
        raise NotImplementedError


class _Screen(Shown):
    def __init__(self, live: Live, setting: Setting) -> None:
        self._live = live
        self._setting = setting

    def __call__(self, figures: dict[str, Any], moment: Moment) -> None:
        self._live.update(screen(figures, moment, self._setting), refresh=True)


class _Lines(Shown):
    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._told_s = monotonic()

    def __call__(self, figures: dict[str, Any], moment: Moment) -> None:
        if monotonic() - self._told_s >= LINE_EVERY_S:
            self._told_s = monotonic()
            self._telling.words([line(figures, moment)])
