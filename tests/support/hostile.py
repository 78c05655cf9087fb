"""What somebody may be called who means harm, and how a message's structure is told."""

from selectolax.lexbor import LexborHTMLParser

from templates.values import MARK_WORD

HOSTILE = [
    "<script>alert(1)</script>", "</title><script>", "</div></td></table>", "<!--", "-->", "--!>", "<![endif]-->",
    "<style>*{display:none}", "<img src=x onerror=alert(1)>", "<base href=//evil.example>", "<plaintext>",
    "<svg/onload=x>", '"', "'", "`", '" onmouseover="x', "' onmouseover='x", '"><script>', "&lt;script&gt;",
    "&#60;b&#62;", "&", "&amp;amp;", "{{ 7 * 7 }}", "{{ fields.__class__ }}", "{% if 1 %}", "{# x", "}}", "{%",
    "{{", "%}", "{{ marks.unsubscribe_url }}", "javascript:alert(1)", "https://evil.example/", "//evil.example",
    "http://127.0.0.1/", "data:text/html,x", "mailto:a@b.example", "\r\nBcc: everybody@example.org",
    "\nSubject: other", "\r\n\r\n<b>body</b>", "\x00", "\x0b", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u2029",
    "\u202e", "\u2066", "\u2069", "\u200f", "\ufeff", "\ufffe", "\ud800", "\U000e0041", "\U0010ffff", "e\u0301",
    "\U0001f469\u200d\U0001f467", MARK_WORD, "fs-", "mark-", "FS-MARK-", "view_url-", "\ue0000\ue001", "%0d%0a",
    "\\", "\\u003cb", "a" * 300,
]  # fmt: skip
Tree = list[tuple[str, tuple[str, ...]]]


def tree_of(html: bytes) -> Tree:
    """Every element as an HTML5 parser sees it, with the names of its attributes, comments included."""
    parsed = LexborHTMLParser(html.decode())
    assert parsed.root is not None
    return [(node.tag or "", tuple(sorted(node.attributes))) for node in parsed.root.traverse()]


def addresses_of(html: bytes) -> list[str]:
    parsed = LexborHTMLParser(html.decode())
    return [
        node.attributes.get(name) or ""
        for name in ("href", "src", "background")
        for node in parsed.css(f"[{name}]")
    ]  # fmt: skip
