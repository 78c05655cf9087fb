"""Links: that they lead somewhere, say where, and are counted."""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from selectolax.lexbor import LexborNode

from templates.html_reading import NUMBER
from templates.lint.page import Page, attribute, words_of
from templates.problems import Problem, Severity
from templates.urls import host_allowed

SHORTENERS = frozenset(
    [
        "bit.ly",
        "bitly.com",
        "buff.ly",
        "cutt.ly",
        "goo.gl",
        "is.gd",
        "j.mp",
        "lnkd.in",
        "ow.ly",
        "rb.gy",
        "rebrand.ly",
        "s.id",
        "short.io",
        "shorturl.at",
        "t.co",
        "t.ly",
        "tiny.cc",
        "tinyurl.com",
        "v.gd",
    ]
)
"""Filters for spam hold their links against a mail: nobody sees where they lead."""
PLACEHOLDER_HOSTS = ("example.com", "example.net", "example.org", "localhost", "yourdomain.com", "yoursite.com")
_PLACEHOLDER = re.compile(
    r"#|#[\w-]*|javascript:.*|(https?:/*)?(todo|link|url|xxx+|your[-_ ]?link|insert.*)?", re.IGNORECASE
)
_SAYS_NOTHING = frozenset({"click here", "click", "here", "link", "this link", "hier", "hier klicken", "klick hier"})


def link_problems(page: Page, hosts: tuple[str, ...], utm: Mapping[str, str]) -> Iterator[Problem]:
    """Everything wrong with the links that the layout writes itself."""
    for node in page.tree.css("a"):
        yield from _target(page, node)
        yield from _name(page, node)
        yield from _utm(page, attribute(node, "href"), hosts, utm)


def _target(page: Page, node: LexborNode) -> Iterator[Problem]:
    if "href" not in node.attributes:
        return
    address = unescape(attribute(node, "href")).strip()
    shown = _where(node)
    if _PLACEHOLDER.fullmatch(address) and not (address[1:] and _has_anchor(page, address)):
        yield page.problem(
            "links", shown, f"a link leads nowhere: href={address!r}", "Give it an address, or remove the link.",
            Severity.ERROR if not address or address == "#" else Severity.WARNING,
        )  # fmt: skip
        return
    host = _host(address)
    if _is_number(host):
        yield page.problem("links", shown, f"a link leads to the bare address {host}", "Use a host's name.")
    elif host in SHORTENERS or host.removeprefix("www.") in SHORTENERS:
        yield page.problem(
            "links", shown, f"a link goes over the shortener {host}", "Lead to the page itself: filters distrust it."
        )
    elif any(host == known or host.endswith(f".{known}") for known in PLACEHOLDER_HOSTS):
        yield page.problem("links", shown, f"a link leads to the placeholder {host}", "Write the real address.")


def _where(node: LexborNode) -> str:
    """What of a link is found in the source best: its words, its picture, its address."""
    pictures = [attribute(picture, "src") for picture in node.css("img")]
    return next((text for text in (words_of(node).strip(), *pictures) if text), attribute(node, "href"))


def _has_anchor(page: Page, address: str) -> bool:
    name = address.removeprefix("#")
    return name.replace("-", "").replace("_", "").isalnum() and bool(page.tree.css(f'[id="{name}"], a[name="{name}"]'))


def _host(address: str) -> str:
    try:
        return (urlsplit(NUMBER.sub("x", address)).hostname or "").lower()
    except ValueError:
        return ""


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _name(page: Page, node: LexborNode) -> Iterator[Problem]:
    """What a link says: its words, or what its pictures show."""
    words = " ".join(words_of(node).split())
    pictures = [attribute(picture, "alt").strip() for picture in node.css("img")]
    if not words and not any(pictures) and attribute(node, "href"):
        mend = "Write words in it, or say in its picture's alt where it leads."
        yield page.problem("links", _where(node), "a link says nothing", mend)
    elif words.strip(" .!›→»>").lower() in _SAYS_NOTHING:
        mend = "Say where it leads: many hear the links of a mail alone."
        yield page.problem("links", words, f"the link {words!r} does not say where it leads", mend)


def _utm(page: Page, address: str, hosts: tuple[str, ...], utm: Mapping[str, str]) -> Iterator[Problem]:
    """Addresses that the layout writes out, to the brand's own pages: variants' links have their parameters anyway."""
    address = unescape(address).strip()
    if not utm or not address.startswith("https://") or (hosts and not host_allowed(NUMBER.sub("x", address), hosts)):
        return
    present = dict(parse_qsl(NUMBER.sub("x", address).partition("#")[0].partition("?")[2]))
    lacking = [name for name in (*utm, "utm_campaign") if name not in present]
    if lacking:
        yield page.problem(
            "utm", address, f"the link {page.spelled(address)!r} has no {', '.join(lacking)}",
            "Add them: what it brings is not counted as this mail's.",
        )  # fmt: skip
