"""Which words and addresses of a source may become a slot's: plain ones, which mean the same when they come back."""

import html
import re
from collections.abc import Sequence

from templates.html_reading import NUMBER
from templates.importing.markup import Element, Piece
from templates.importing.merge_tags import Meaning
from templates.importing.standing import Standing
from templates.urls import host_allowed, url_fault
from templates.values import plain

LENGTH_MAX = 4000
_SPACE = "[ \\t\\n\\r\\f]"
_AROUND = re.compile(f"({_SPACE}*)(.*?)({_SPACE}*)", re.DOTALL)
_HIDES = re.compile(r"display:none|mso-hide:all|max-height:0|font-size:0|visibility:hidden")
BLOCKS = frozenset(
    "p h1 h2 h3 h4 h5 h6 td th li div center blockquote body mj-text mj-button mj-preview mj-title title a "  # noqa: SIM905
    "mj-accordion-title mj-accordion-text mj-navbar-link mj-social-element".split()
)
_HEADS = frozenset({"head", "title", "mj-head", "style", "script", "mj-attributes"})


class Words:
    """The words of one text piece, fit for a slot.

    text    as a locale's file holds them: fields are printed by reference
    before  white space before them, which stays in the layout; `after` likewise
    """

    def __init__(self, piece: Piece, text: str, before: str, after: str) -> None:
        self.piece, self.text, self._around = piece, text, (before, after)

    def replaced_by(self, reference: str) -> str:
        """The piece with a reference in the place of the words."""
        return reference.join(self._around)


class Texts:
    """A source's words and addresses."""

    def __init__(self, source: str, pieces: Sequence[Piece], standing: Standing, hosts: Sequence[str]) -> None:
        self._source, self._standing, self._hosts = source, standing, hosts
        comments = (source[piece.start : piece.end] for piece in pieces if piece.kind == "comment")
        self._for_outlook = _collapsed(" ".join(text for text in comments if text.startswith("<!--[if")))

    def words(self, piece: Piece) -> Words | None:
        """A piece's words; None where they cannot be given back just as they are."""
        match = _AROUND.fullmatch(self._source, piece.start, piece.end)
        if match is None or not match[2]:
            return None
        text = _collapsed(html.unescape(match[2]))
        tags = [self._standing.tags[int(number)] for number in NUMBER.findall(text)]
        if any(tag.meaning is not Meaning.FIELD for tag in tags) or "\ue001\ue000" in text or "{" in text:
            return None
        if len(text) > LENGTH_MAX or plain(text) != text or text in self._for_outlook:
            return None
        shown = NUMBER.sub(lambda found: self._standing.reference(self._standing.tags[int(found[1])]), text)
        return Words(piece, shown, match[1], match[3])

    def alone(self, element: Element) -> Words | None:
        """The words of an element whose words are one piece."""
        return self.words(element.words[0]) if len(element.words) == 1 else None

    def value(self, element: Element, name: str) -> str:
        """An attribute's value, its entities read; empty where merge tags stand in it."""
        value = html.unescape(element.value(name))
        return "" if NUMBER.search(value) else value

    def address(self, element: Element, name: str, *, mail: bool) -> str:
        """An attribute's address, empty where a slot may not hold it."""
        value = self.value(element, name)
        if url_fault(value, mail=mail) or value in self._for_outlook:
            return ""
        is_ours = not self._hosts or not value.startswith("https:") or host_allowed(value, self._hosts)
        return value if is_ours else ""


def block_of(piece: Piece) -> Element | None:
    """The block that a text stands in."""
    return next((element for element in piece.element.up() if element.tag in BLOCKS), None) if piece.element else None


def is_shown(piece: Piece) -> bool:
    """Whether a reader sees a text, as far as its own element and those around it say."""
    return piece.element is not None and not any(
        element.tag in _HEADS or element.tag == "mj-preview" or is_hidden(element) for element in piece.element.up()
    )


def is_hidden(element: Element) -> bool:
    """Whether an element's own style hides it."""
    return _HIDES.search(element.value("style").replace(" ", "").lower()) is not None


def _collapsed(text: str) -> str:
    return re.sub(f"{_SPACE}+", " ", text).strip(" ")
