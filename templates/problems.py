"""What is wrong with a workspace, told so that its author can mend it."""

import bisect
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """An error refuses the workspace; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing to mend. `file` is relative to the workspace; `line` and `column` count from 1.

    rule  of lint which found it; empty: what every workspace must keep
    """

    file: str
    line: int
    column: int
    message: str
    mend: str
    severity: Severity = Severity.ERROR
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}. {self.mend}"


class Lines:
    r"""Turns offsets into a text into line and column, both counted from 1.

    >>> Lines("ab\ncd").at(4)
    (2, 2)
    """

    def __init__(self, text: str) -> None:
        self._starts = [0]
        self._starts += [i + 1 for i, char in enumerate(text) if char == "\n"]

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column."""
        return self._starts[line - 1] + column - 1

    def at(self, offset: int) -> tuple[int, int]:
        """Line and column of a character."""
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1
