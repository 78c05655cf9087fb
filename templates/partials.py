"""Parts that layouts of a workspace share: `<mj-include path="footer.mjml" />` is a file of its folder `partials`.

Parts are put in as they are written, before anything is checked or compiled, so a layout with parts is one source like
any other. What cannot be put in stays, and is refused with the other elements that nobody knows.
"""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import NamedTuple

from msgspec.structs import replace

from templates.mjml_source import without_marks
from templates.problems import Lines, Problem

PARTIALS_FOLDER = "partials"
DEPTH_MAX = 4
"""Parts in parts: a part that holds itself ends there."""
INCLUDES_MAX = 64
"""Of one layout: parts that hold parts twice each would otherwise grow without end."""
PART_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\.mjml")
_CLOSED = re.compile(r"\s*</mj-include\s*>")

ReadPart = Callable[[str], str | None]


class Place(NamedTuple):
    """Where a line was written: its first character. `file` is relative to the workspace."""

    file: str
    line: int
    column: int


class Whole(NamedTuple):
    """A layout with its parts. `places`: of each line; none where nothing was put in."""

    source: str
    places: tuple[Place, ...] = ()

    def written(self, problem: Problem) -> Problem:
        """The problem at the place where what it tells of was written."""
        if not self.places:
            return problem
        place = self.places[min(problem.line, len(self.places)) - 1]
        return replace(problem, file=place.file, line=place.line, column=place.column + problem.column - 1)


class _Include(NamedTuple):
    start: int
    end: int
    path: str


class _Includes(HTMLParser):
    """Finds the elements outside of comments that name a part, and nothing else."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[_Include] = []
        self._source = source
        self._lines = Lines(source)
        self.feed(without_marks(source))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        if tag != "mj-include" or [name for name, _ in attrs] != ["path"]:
            return
        line, column = self.getpos()
        start = self._lines.offset(line, column + 1)
        end = start + len(self.get_starttag_text() or "")
        closed = None if self._source[:end].endswith("/>") else _CLOSED.match(self._source, end)
        self.found.append(_Include(start, closed.end() if closed else end, attrs[0][1] or ""))


def whole_layout(file: str, source: str, read: ReadPart) -> Whole:
    """A layout with every part that it names put in.

    file  of the layout, relative to the workspace
    read  the text of a part by its path in the folder; None where it is none, and stays to be refused
    """
    segments = list(_Joining(read).segments(file, source, 1))
    if len(segments) == 1:
        return Whole(source)
    # Each on lines of its own, so that a line was written in one place; white space between elements means nothing.
    places = [place for text, begins in segments for place in _places(text, begins)]
    return Whole("\n".join([text for text, _ in segments]), tuple(places))


class _Joining:
    """Cuts a layout and its parts into texts that stand one after the other, each with where it begins."""

    def __init__(self, read: ReadPart) -> None:
        self._read = read
        self._left = INCLUDES_MAX

    def segments(self, file: str, source: str, depth: int) -> Iterator[tuple[str, Place]]:
        """The texts of one file."""
        lines, at = Lines(source), 0
        for include in _Includes(source).found if "<mj-include" in source else ():
            part = self._read(include.path) if depth <= DEPTH_MAX and self._left else None
            if part is None:
                continue
            self._left -= 1
            yield source[at : include.start], Place(file, *lines.at(at))
            yield from self.segments(f"{PARTIALS_FOLDER}/{include.path}", part, depth + 1)
            at = include.end
        yield source[at:], Place(file, *lines.at(at))


def _places(text: str, begins: Place) -> Iterator[Place]:
    yield begins
    for line in range(1, text.count("\n") + 1):
        yield Place(begins.file, begins.line + line, 1)
