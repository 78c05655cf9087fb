"""Checks MJML before it is compiled, so that what is wrong has a line, and compiles it without reading any file."""

import re
from html.parser import HTMLParser

from mjml import mjml2html

from templates.expressions import Fault, parse, plain_parts, replaced, spans_of
from templates.html_reading import DEPTH_MAX, VOID, too_deep_mjml

_BODY = "accordion accordion-element accordion-text accordion-title button carousel carousel-image column divider group"
_MORE = "hero image navbar navbar-link section social social-element spacer table text wrapper raw body"
_HEAD = "head attributes all class breakpoint font html-attributes selector html-attribute preview style title"
COMPONENTS = frozenset({"mjml", *(f"mj-{name}" for name in f"{_BODY} {_MORE} {_HEAD}".split())})
MJML3 = frozenset({"mj-container", "mj-inline-links", "mj-invoice", "mj-list", "mj-location"})
NO_ALT = "has no alt"
_POSITION = re.compile(r"(.*?)(?: in root template)?(?: at position (\d+):(\d+))?")


class ElementChecker(HTMLParser):
    """Finds elements that are unknown, unclosed or closed out of order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.faults: list[tuple[int, int, str, str]] = []
        self.seen: set[str] = set()
        self._open: list[tuple[str, int, int]] = []

    def _fault(self, message: str, mend: str) -> None:
        line, column = self.getpos()
        self.faults.append((line, column + 1, message, mend))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Check an element that is opened."""
        self._check(tag, attrs)
        if tag not in VOID:
            line, column = self.getpos()
            self._open.append((tag, line, column + 1))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Check an element without content."""
        self._check(tag, attrs)

    def _check(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag == "mj-include":
            self._fault(
                "mj-include is not read: expected no attribute but path, and in it a file of the folder partials",
                'Write <mj-include path="footer.mjml" /> and add partials/footer.mjml, or write the part here.',
            )
        elif tag in MJML3:
            self._fault(f"<{tag}> is MJML 3", "Migrate to MJML 4: it has no such element.")
        elif tag.startswith("mj") and tag not in COMPONENTS:
            self._fault(f"<{tag}> is no MJML element", "Mend its name.")
        elif tag in {"mj-image", "img"} and "alt" not in dict(attrs):
            self._fault(f"<{tag}> {NO_ALT}", 'Say in alt="" what the picture shows; leave it empty for decoration.')
        if tag == "script" or any(name.startswith("on") for name, _ in attrs):
            self._fault("a message may not hold scripts", "Remove the script: mail clients do too.")
        if tag in {"iframe", "object", "embed", "form", "base", "input", "link"}:
            self._fault(f"a message may not hold <{tag}>", "Remove it: mail clients do too.")

    def handle_endtag(self, tag: str) -> None:
        """Check that what is closed was the last that was opened."""
        if tag in VOID:
            return
        if self._open and self._open[-1][0] == tag:
            self._open.pop()
            return
        if not any(name == tag for name, _, _ in self._open):
            self._fault(f"</{tag}> closes nothing", "Remove it, or open the element before.")
            return
        name, line, _ = self._open[-1]
        self._fault(f"</{tag}> stands where <{name}> of line {line} is still open", f"Close <{name}> before.")
        while self._open.pop()[0] != tag:
            pass

    def unclosed(self) -> list[tuple[int, int, str, str]]:
        """What was opened and never closed."""
        return [(line, column, f"<{tag}> is never closed", "Close it.") for tag, line, column in self._open]


def check_mjml(source: str) -> list[tuple[int, int, str, str]]:
    """What is wrong with the elements of a layout: line, column, message, mend. Jinja2 must parse already."""
    checker = ElementChecker()
    checker.feed(without_marks(source))
    checker.close()
    faults = checker.faults or checker.unclosed()
    if "mjml" not in checker.seen:
        faults.append((1, 1, "there is no <mjml> element", "Write the layout in MJML 4."))
    return faults


def without_marks(source: str) -> str:
    """The source with its Jinja2 marks blanked out, every other character where it was."""
    return replaced(source, spans_of(source), lambda span: _blank(source[span.start : span.end]))


def _blank(text: str) -> str:
    return "".join("\n" if char == "\n" else "x" for char in text)


def compile_mjml(source: str) -> str | Fault:
    """The HTML of a layout, with its Jinja2 marks as they were. No include is read, no font is loaded."""
    tree = None if plain_parts(source) is not None else parse(source)
    if isinstance(tree, Fault):
        return tree
    if line := too_deep_mjml(source):
        return Fault(line, f"the elements are nested too deep: over {DEPTH_MAX} in one another", "Write it flatter.")
    try:
        # Without a loader mj-include fails; without fonts nothing is fetched from Google when a person reads.
        return mjml2html(source, disable_comments=True, fonts={})
    except ValueError as error:
        found = _POSITION.fullmatch(str(error))
        reason, start = (found[1], found[2]) if found else (str(error), None)
        line = source.encode().count(b"\n", 0, int(start)) + 1 if start else 1
        return Fault(line, f"MJML cannot be compiled: {reason}", "Mend the element at or after this line.")
