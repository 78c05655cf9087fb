"""A compiled layout as lint reads it: an HTML tree, numbers in the place of marks, and the way back to the source."""

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from templates.expressions import Reference, spans_of
from templates.html_reading import NUMBER, numbered
from templates.problems import Lines, Problem, Severity
from templates.sources import TemplateSource

SHOWN_MAX = 40
_NEEDLE_MIN = 3
"""Shorter words are found anywhere: they tell no place."""
UNREAD = frozenset({"head", "style", "script", "title", "template"})
"""Elements whose words nobody sees."""


class Page:
    """One compiled layout.

    tree  of the HTML, as an HTML5 parser sees it; marks are numbered (`templates.html_reading`)
    """

    def __init__(self, source: TemplateSource, html: str) -> None:
        self.source = source
        self._file = source.file
        self._lines = Lines(source.mjml)
        _, readable, self._spans = numbered(html)
        self.tree = LexborHTMLParser(readable)
        self._body = max(source.mjml.find("<body" if source.is_html else "<mj-body"), 0)
        self._places: dict[Reference, int] = {}
        for span in sorted(spans_of(source.mjml), key=lambda one: (one.start >= self._body, -one.start)):
            if span.reference:
                self._places[span.reference] = span.start  # the first in the body, else the first of all

    @property
    def printed(self) -> frozenset[Reference]:
        """All plain references of the compiled layout."""
        return frozenset(span.reference for span in self._spans if span.reference)

    def references(self, text: str) -> list[Reference]:
        """The plain references among the numbered marks of a text."""
        found = (self._spans[int(number)].reference for number in NUMBER.findall(text))
        return [reference for reference in found if reference]

    def spelled(self, text: str) -> str:
        """A text with its marks as one writes them, shortened, on one line."""

        def mark(number: str) -> str:
            reference = self._spans[int(number)].reference
            return "{{ " + ".".join(reference) + " }}" if reference else "{% … %}"

        told = " ".join(NUMBER.sub(lambda found: mark(found[1]), text).split())
        return told if len(told) <= SHOWN_MAX else told[: SHOWN_MAX - 1] + "…"

    def place(self, text: str) -> tuple[int, int]:
        """Line and column in the source of words or of an attribute's value; of the head where it is unclear."""
        for reference in self.references(text):
            if reference in self._places:
                return self._lines.at(self._places[reference])
        for part in sorted(NUMBER.split(text)[::2], key=len, reverse=True):
            needle = part.strip().partition("\n")[0]
            at = self.source.mjml.find(needle, self._body) if len(needle) >= _NEEDLE_MIN else -1
            if at >= 0:
                return self._lines.at(at)
        head = self.source.mjml.find("<head" if self.source.is_html else "<mj-head")
        return self._lines.at(max(head, 0))

    def problem(self, rule: str, text: str, message: str, mend: str, severity: Severity = Severity.WARNING) -> Problem:
        """A problem of this layout, at the place of `text`."""
        return Problem(self._file, *self.place(text), message, mend, self._severity(severity), rule)

    def problem_at(
        self, rule: str, reference: Reference, message: str, mend: str, severity: Severity = Severity.WARNING
    ) -> Problem:
        """A problem of this layout, where a reference is printed first."""
        line, column = self._lines.at(self._places[reference]) if reference in self._places else (1, 1)
        return Problem(self._file, line, column, message, mend, self._severity(severity), rule)

    def _severity(self, severity: Severity) -> Severity:
        """As it is told: what an import left open refuses nothing until somebody decides it."""
        return Severity.WARNING if self.source.undecided else severity


def words_of(node: LexborNode) -> str:
    """What is read in an element, with its marks numbered."""
    return "".join(_words(node))


def _words(node: LexborNode) -> Iterator[str]:
    if node.is_text_node:
        yield node.text_content or ""
        return
    if node.tag in UNREAD:
        return
    for child in node.iter(include_text=True):
        yield from _words(child)


def attribute(node: LexborNode, name: str) -> str:
    """An attribute's value; empty where there is none."""
    return node.attributes.get(name) or ""
