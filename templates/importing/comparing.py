"""Compares two messages as a reader sees them: their words, and where they lead. A parser of its own reads both."""

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

_UNSEEN = frozenset({"script", "style", "head", "title", "noscript", "template", "-comment"})
_ADDRESSES = (("a", "href"), ("area", "href"), ("img", "src"))
_BOUNDS = frozenset(
    "address article blockquote br center dd div dl dt footer h1 h2 h3 h4 h5 h6 header hr li ol p section table "  # noqa: SIM905
    "td th tr ul".split()
)


def words_of(html: str) -> str:
    """All words of a message, hidden ones too, in the order of the source; white space counts as one space."""
    body = LexborHTMLParser(html).body
    return " ".join("".join(_texts(body)).split()) if body is not None else ""


def _texts(body: LexborNode) -> Iterator[str]:
    """Texts and the spaces that blocks make around them; without recursion, for mails nest as deep as they like."""
    inside = [(body.iter(include_text=True), "")]
    while inside:
        children, around = inside[-1]
        child = next(children, None)
        if child is None:
            yield around
            inside.pop()
        elif child.tag == "-text":
            yield child.text_content or ""
        elif child.tag not in _UNSEEN:
            around = " " if child.tag in _BOUNDS else ""
            yield around
            inside.append((child.iter(include_text=True), around))


def links_of(html: str) -> list[str]:
    """The addresses of all links and pictures, in the order of the source."""
    tree = LexborHTMLParser(html)
    found = []
    for tag, name in _ADDRESSES:
        found += [(node.attributes.get(name) or "").strip() for node in tree.css(f"{tag}[{name}]")]
    return found
