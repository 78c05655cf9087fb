"""Cuts MJML or HTML into its pieces without changing a character: the pieces joined are the source again."""

import re
from collections.abc import Iterator

import msgspec

from templates.html_reading import VOID

_TOKEN = re.compile(
    r"""<!--.*?--> | <!\[CDATA\[.*?\]\]> | <[!?][^>]*> |
    <(?P<slash>/?)(?P<tag>[a-zA-Z][^\s/>]*)(?>"[^"]*"|'[^']*'|[^"'>]+)*+>""",
    re.VERBOSE | re.DOTALL,
)
DEPTH_MAX = 256
"""Elements deeper than this count as beside each other: they are never closed in some e-mails, and say nothing then."""
_ATTRIBUTE = re.compile(
    r"""(?P<name>[^\s=/>"']+)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>"']+)))?"""
)
_ENDINGS = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<", ">"))
_RAW = frozenset({"style", "script", "mj-style"})
"""What stands in them is no markup."""


class Attribute(msgspec.Struct, frozen=True):
    """An attribute, which begins at `begin`; its value, as written, is `source[start:end]`."""

    name: str
    value: str
    begin: int
    start: int
    end: int
    is_bare: bool


class Element(msgspec.Struct, eq=False):
    """An element that was opened; `words` are the texts below it that are not blank."""

    tag: str
    attributes: dict[str, Attribute]
    parent: "Element | None"
    words: "list[Piece]" = []

    def value(self, name: str) -> str:
        """An attribute's value as written; empty where it has none."""
        found = self.attributes.get(name)
        return found.value if found else ""

    def up(self) -> Iterator["Element"]:
        """Itself, and all that it stands in, from the inside out."""
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent


class Piece(msgspec.Struct, eq=False):
    """A part of the source: `open`, `close`, `text`, `style`, `script`, `comment` or `declaration`.

    element  the one that is opened; for others the one that they stand in
    """

    kind: str
    start: int
    end: int
    element: Element | None


def cut(source: str) -> list[Piece]:
    """All pieces of a source, in order and without gaps."""
    cutter = _Cutter(source)
    position = 0
    while match := cutter.next(position):
        cutter.text(position, match.start())
        cutter.token(match)
        position = match.end()
    cutter.text(position, len(source))
    return cutter.pieces


class _Cutter:
    def __init__(self, source: str) -> None:
        self.pieces: list[Piece] = []
        self._source = source
        self._open: list[Element] = []
        self._missing: set[str] = set()

    def next(self, position: int) -> re.Match[str] | None:
        """The next token; inside a style or script only its end is one."""
        raw = self._open[-1].tag if self._open and self._open[-1].tag in _RAW else None
        if raw is None:
            return self._token_after(position)
        end = re.compile(f"</{raw}\\b", re.IGNORECASE).search(self._source, position)
        return _TOKEN.search(self._source, end.start()) if end else None

    def _token_after(self, position: int) -> re.Match[str] | None:
        """The next token. That an ending is nowhere in the rest is remembered: it is not looked for again."""
        while (start := self._source.find("<", position)) >= 0:
            ending = next(ending for opening, ending in _ENDINGS if self._source.startswith(opening, start))
            if ending not in self._missing and self._source.find(ending, start) < 0:
                self._missing.add(ending)
            found = None if ending in self._missing else _TOKEN.match(self._source, start)
            if found is not None:
                return found
            position = start + 1
        return None

    def text(self, start: int, end: int) -> None:
        if start == end:
            return
        inside = self._open[-1] if self._open else None
        tag = inside.tag.removeprefix("mj-") if inside else ""
        piece = Piece(tag if tag in {"style", "script"} else "text", start, end, inside)
        self.pieces.append(piece)
        if inside and self._source[start:end].strip():
            for element in inside.up():
                element.words.append(piece)

    def token(self, match: re.Match[str]) -> None:
        start, end = match.span()
        inside = self._open[-1] if self._open else None
        if match["tag"] is None:
            kind = "comment" if match[0].startswith("<!--") else "declaration"
            self.pieces.append(Piece(kind, start, end, inside))
            return
        tag = match["tag"].lower()
        if match["slash"]:
            self._close(tag)
            self.pieces.append(Piece("close", start, end, inside))
            return
        element = Element(tag, dict(self._attributes(match)), inside)
        self.pieces.append(Piece("open", start, end, element))
        is_whole = match[0].endswith("/>") and tag.startswith("mj")  # in HTML the slash means nothing
        if tag not in VOID and not is_whole and len(self._open) < DEPTH_MAX:
            self._open.append(element)

    def _close(self, tag: str) -> None:
        if any(element.tag == tag for element in self._open):
            while self._open.pop().tag != tag:
                pass

    def _attributes(self, match: re.Match[str]) -> Iterator[tuple[str, Attribute]]:
        seen = set()
        for found in _ATTRIBUTE.finditer(self._source, match.end("tag"), match.end() - 1):
            name = found["name"].lower()
            group = next((group for group in ("double", "single", "bare") if found[group] is not None), None)
            if name in seen:
                continue
            seen.add(name)
            start, end = found.span(group) if group else (found.end(), found.end())
            yield (
                name,
                Attribute(name, found[group] if group else "", found.start(), start, end, group in {None, "bare"}),
            )
