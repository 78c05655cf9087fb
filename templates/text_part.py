"""Makes the plain-text part of a layout out of its HTML, once, with the Jinja2 marks kept.

Own and small, because the mark-keeping libraries do not fit: html2text is GPL, inscriptis brings lxml and requests.
"""

import re
from html.parser import HTMLParser

from templates.expressions import Span
from templates.html_reading import NUMBER, VOID, numbered

_SKIPPED = frozenset({"head", "style", "script", "title"})
_BLOCKS = frozenset(
    "address article blockquote center dd div dl dt footer header li ol p section table tr ul".split()  # noqa: SIM905
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BRACE = re.compile("\\{(?=[{%#\ue000])")
"""A brace that was written as an entity would begin Jinja2 in the text; an invisible word joiner parts it."""
_NEIGHBOURS = re.compile(f"{NUMBER.pattern}(?={NUMBER.pattern})")
_ONLY_HTML = frozenset({("marks", "open_pixel")})


def text_part(html: str) -> str:
    """The plain text of a compiled layout: paragraphs, links as `words <address>`, pictures by their alt text."""
    html, readable, spans = numbered(html)
    writer = _Writer()
    writer.feed(readable)
    writer.close()
    return _restored(writer.text(), html, spans)


def _restored(text: str, html: str, spans: list[Span]) -> str:
    def source(found: re.Match[str]) -> str:
        span = spans[int(found[1])]
        return "" if span.reference in _ONLY_HTML else html[span.start : span.end]

    def parted(found: re.Match[str]) -> str:
        values = {spans[int(found[1])].kind, spans[int(found[2])].kind} == {"variable"}
        return found[0] + "\u2060" if values else found[0]

    # What tags parted in the HTML would stand side by side here.
    text = _NEIGHBOURS.sub(parted, _BRACE.sub("{\u2060", text))
    restored = NUMBER.sub(source, text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", restored)).strip() + "\n"


class _Writer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._hidden = 0
        self._stack: list[tuple[str, bool]] = []
        self._links: list[tuple[str, int]] = []
        self._layout_tables: list[bool] = []

    def text(self) -> str:
        joined = "".join(self._out)
        lines = [re.sub(r"[ \t\u00a0]+", " ", line).strip() for line in joined.split("\n")]
        return "\n".join(lines)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        style = (named.get("style") or "").replace(" ", "")
        hides = tag in _SKIPPED or "display:none" in style or "hidden" in named
        if tag not in VOID:
            self._stack.append((tag, hides))
            self._hidden += hides
        if tag == "table":
            self._layout_tables.append(named.get("role") == "presentation")
        if self._hidden:
            return
        self._opened(tag, named)

    def _opened(self, tag: str, named: dict[str, str | None]) -> None:
        if tag == "br":
            self._out.append("\n")
        elif tag == "hr":
            self._out.append("\n\n---\n\n")
        elif tag == "img":
            self._out.append(named.get("alt") or "")
        elif tag == "a":
            self._links.append((named.get("href") or "", len(self._out)))
        elif tag == "li":
            self._out.append("\n- ")
        elif tag in {"td", "th"}:
            self._out.append("\n\n" if self._in_layout() else "  ")
        elif tag in _HEADINGS or tag == "p":
            self._out.append("\n\n")
        elif tag in _BLOCKS:
            self._out.append("\n\n" if self._in_layout() or tag != "tr" else "\n")

    def _in_layout(self) -> bool:
        return not self._layout_tables or self._layout_tables[-1]

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID or not any(name == tag for name, _ in self._stack):
            return
        while True:
            name, hid = self._stack.pop()
            self._hidden -= hid
            if name == "table":
                self._layout_tables.pop()
            if name == tag:
                break
        if self._hidden:
            return
        if tag == "a" and self._links:
            self._closed_link(*self._links.pop())
        elif tag in _HEADINGS or tag == "p" or (tag in _BLOCKS and tag not in {"tr", "li"}):
            self._out.append("\n\n")

    def _closed_link(self, address: str, start: int) -> None:
        words = "".join(self._out[start:]).strip()
        if not address or address.startswith("#"):
            return
        if not words:
            del self._out[start:]
        elif words != address:
            self._out.append(f" <{address}>")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._out.append(re.sub(r"[ \t\r\n]+", " ", data))
