"""How large words and pictures are shown, as far as the markup itself says: in pixels."""

import re
from collections.abc import Iterator, Sequence

from templates.importing.markup import Element, Piece

_HEADINGS = {"h1": 32.0, "h2": 24.0, "h3": 19.0, "h4": 16.0}
_HEADING_CLASS = re.compile(r"\b(?:h|heading-?|title-?)([1-4])\b|\b(?:head(?:line|ing)|title)\b")
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(px|pt|em|rem|%)?")
_UNIT = {"px": 1.0, "pt": 4 / 3, "em": 14.0, "rem": 16.0, "%": 0.14}
_TEXT_PX = 13.0
WHOLE_PX = 600.0
"""How wide a picture is that says nothing: an e-mail is about so wide."""


class Sizes:
    """The sizes of one source; `mj-attributes` are looked up once."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._defaults: dict[str, str] = {}
        for piece in pieces:
            element = piece.element
            if piece.kind != "open" or element is None or element.parent is None:
                continue
            if element.parent.tag == "mj-attributes" and element.value("font-size"):
                name = f".{element.value('name')}" if element.tag == "mj-class" else element.tag
                self._defaults[name] = element.value("font-size")

    def of_words(self, element: Element) -> float:
        """The size of the words in an element."""
        for outer in element.up():
            for value in self._told(outer):
                found = _pixels(value)
                if found:
                    return found
            if outer.tag in _HEADINGS:
                return _HEADINGS[outer.tag]
            found_class = _HEADING_CLASS.search(outer.value("class").lower())
            if found_class:
                return _HEADINGS[f"h{found_class[1] or 2}"]
            if outer.tag == "mj-text":
                return _pixels(self._defaults.get("mj-text", self._defaults.get("mj-all", ""))) or _TEXT_PX
        return _TEXT_PX

    def _told(self, element: Element) -> Iterator[str]:
        style = re.search(r"font(?:-size)?\s*:[^;]*?(\d[\d.]*\s*(?:px|pt|em|rem|%))", element.value("style"))
        if style:
            yield style[1]
        yield element.value("font-size")
        for name in element.value("mj-class").split():
            yield self._defaults.get(f".{name}", "")


def width_of(element: Element) -> float:
    """How wide a picture is."""
    style = re.search(r"(?<![-\w])width\s*:\s*(\d[\d.]*\s*px)", element.value("style"))
    value = element.value("width") or (style[1] if style else "")
    return WHOLE_PX if not value or value.endswith("%") else _pixels(value)


def _pixels(value: str) -> float:
    found = _NUMBER.match(value)
    return float(found[1]) * _UNIT[found[2] or "px"] if found else 0.0
