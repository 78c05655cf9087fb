"""How far the start-up has come: each step with its seconds, on a terminal or line by line."""

from collections.abc import Callable
from time import monotonic
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

REFRESH_PER_S = 8


class ToldSteps:
    """Shows steps while they go on, with a spinner; where nobody looks at a terminal, a line for each that is done."""

    def __init__(self, console: Console, clock: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._clock = clock
        self._begun_s: dict[str, float] = {}
        self._seconds: dict[str, float] = {}
        self._spinner = Spinner("dots")
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=REFRESH_PER_S, auto_refresh=True
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """There will be no more; what was told stays."""
        self._live.stop()

    def begun(self, name: str) -> None:
        """A step has begun."""
        self._begun_s[name] = self._clock()

    def done(self, name: str) -> None:
        """It is done."""
        self._seconds[name] = self._clock() - self._begun_s[name]
        if not self._console.is_terminal:
            self._console.print(f"{name}: ready after {self._seconds[name]:.1f} s", markup=False, highlight=False)

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=2)
        table.add_column(min_width=18)
        table.add_column(justify="right")
        for name, begun_s in self._begun_s.items():
            seconds = self._seconds.get(name)
            mark: RenderableType = self._spinner if seconds is None else Text("✓", style="green")
            shown_s = self._clock() - begun_s if seconds is None else seconds
            table.add_row(mark, name, Text(f"{shown_s:.1f} s", style="dim" if seconds is None else ""))
        return table
