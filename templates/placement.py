"""Checks where values stand in a compiled layout: escaping makes them safe in words and quoted attributes only."""

import html
import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from typing import NamedTuple

from templates.expressions import Reference, Span
from templates.html_reading import NUMBER, numbered
from templates.urls import host_allowed, url_fault

_URL_ATTRIBUTES = frozenset(
    {"href", "src", "background", "srcset", "poster", "cite", "longdesc", "action", "formaction"}
)
_DANGEROUS = re.compile(
    r"[\x00-\x20]*(?!https?:|mailto:|tel:|sms:|cid:|data:image/(?:png|gif|jpe?g|webp)[;,])[a-z][^/?#]*:", re.IGNORECASE
)
"""Addresses with a scheme that may run something or open a file."""


class Misplaced(NamedTuple):
    """A value or address that may not stand where it does: what to look for in the source, message, mend.

    is_harmless  an address that does no harm where it leads: http, tel, #, or to a host that is not ours
    """

    needle: Reference | str
    message: str
    mend: str
    is_harmless: bool = False


def misplaced(source: str, is_url: Callable[[Reference], bool], hosts: Sequence[str]) -> list[Misplaced]:
    """Everything in a compiled layout that stands where it may not."""
    _, readable, spans = numbered(source)
    checker = _Placement(spans, is_url, hosts)
    checker.feed(readable)
    checker.close()
    return checker.found


class _Placement(HTMLParser):
    def __init__(self, spans: list[Span], is_url: Callable[[Reference], bool], hosts: Sequence[str]) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[Misplaced] = []
        self._spans, self._is_url, self._hosts = spans, is_url, hosts
        self._raw = ""

    def _refuse(self, text: str, where: str, mend: str) -> None:
        for number in NUMBER.findall(text):
            reference = self._spans[int(number)].reference
            name = ".".join(reference) if reference else "an expression"
            self.found.append(Misplaced(reference or "", f"{name} stands {where}", mend))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raw = self.get_starttag_text() or ""
        quoted = sum(len(NUMBER.findall(part)) for part in re.findall(r"\"[^\"]*\"|'[^']*'", raw))
        if quoted != len(NUMBER.findall(raw)):
            self._refuse(raw, f"unquoted inside <{tag}>", "Let values stand in words, or in quoted attributes.")
            return
        for name, value in attrs:
            self._attribute(name, value or "")
        if tag in {"style", "script"}:
            self._raw = tag

    def _attribute(self, name: str, value: str) -> None:
        if name in _URL_ATTRIBUTES:
            self._address(name, value)
        elif name == "style":
            self._refuse(value, "in a style", "Values may not change styles: write the style out.")

    def _address(self, attribute: str, value: str) -> None:
        found = NUMBER.search(value)
        if found is None:
            self._literal(value)
            return
        reference = self._spans[int(found[1])].reference
        begins = found.start() == 0 and reference is not None and self._is_url(reference)
        fixed = value[: found.start()].startswith(("https://", "mailto:"))
        if not begins and not fixed:
            self._refuse(
                found[0], f"in {attribute}, which takes an address",
                "Begin it with a part that is an address (url, src, a mark or workspace value that ends in _url).",
            )  # fmt: skip
        for later in NUMBER.finditer(value, found.end() if begins else 0):
            reference = self._spans[int(later[1])].reference
            if reference is None or reference[0] not in {"marks", "workspace"}:
                self._refuse(later[0], f"inside the address in {attribute}", "Let it be the whole address.")

    def _literal(self, value: str) -> None:
        address = html.unescape(value).strip()
        if not address or address.startswith("#"):
            return
        fault = url_fault(address)
        if fault:
            harmless = not _DANGEROUS.match(address)
            self.found.append(Misplaced(value, f"{value[:80]!r}: {fault}", "Mend the address.", harmless))
        elif self._hosts and address.startswith("https:") and not host_allowed(address, self._hosts):
            mend = f"Lead to {', '.join(self._hosts)}, or add the host to links.hosts."
            self.found.append(
                Misplaced(value, f"{value[:80]!r} leads to a host that is not ours", mend, is_harmless=True)
            )

    def handle_endtag(self, tag: str) -> None:
        if tag == self._raw:
            self._raw = ""
        self._refuse(tag, "in a tag's name", "Write the tag out.")

    def handle_data(self, data: str) -> None:
        if self._raw:
            self._refuse(data, f"in <{self._raw}>", "Values may not change styles: write the style out.")

    def handle_comment(self, data: str) -> None:
        """Outlook's conditional comments: only addresses, quoted, are known to be safe there."""
        for found in NUMBER.finditer(data):
            reference = self._spans[int(found[1])].reference
            quoted = data[found.start() - 1 : found.start()] == '"' == data[found.end() : found.end() + 1]
            if reference is None or not quoted or not self._is_url(reference):
                self._refuse(found[0], "in a comment for Outlook", "Use it in words, or as the address of a picture.")

    def handle_decl(self, decl: str) -> None:
        self._refuse(decl, "in a declaration", "Write it out.")

    def unknown_decl(self, data: str) -> None:
        self._refuse(data, "in a declaration", "Write it out.")

    def handle_pi(self, data: str) -> None:
        self._refuse(data, "in a declaration", "Write it out.")
