"""Which links and pictures a message may hold."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

URL_LENGTH_MAX = 2000
_HTTPS = re.compile(
    r"https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9](?::[0-9]{1,5})?"
    r"(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]*)?",
    re.ASCII,
)
_MAILTO = re.compile(r"mailto:[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+(?:\?[A-Za-z0-9._~&=%+-]*)?", re.ASCII)
_HIDDEN = re.compile(r"%(?:0[0-9a-f]|1[0-9a-f]|7f|5c)|%(?![0-9a-f]{2})", re.IGNORECASE)
"""Percent-encoded control characters and backslashes, and percent signs that encode nothing."""


def url_fault(url: str, *, mail: bool = True) -> str | None:
    """Why a message may not hold this address; None where it may.

    >>> url_fault("https://www.example.org/a?b=c")
    >>> url_fault("javascript:alert(1)")
    'expected an address that begins with https:// or mailto:'
    """
    if len(url) > URL_LENGTH_MAX:
        return f"expected an address of at most {URL_LENGTH_MAX} characters, got {len(url)}"
    if _HIDDEN.search(url):
        return "expected no encoded control character or stray % in the address"
    if url.startswith("mailto:"):
        if not mail:
            return "expected an https:// address, got a mailto: one"
        return None if _MAILTO.fullmatch(url) else "expected mailto:somebody@host in plain ASCII"
    if not url.startswith("https://"):
        return "expected an address that begins with https://" + (" or mailto:" if mail else "")
    if not _HTTPS.fullmatch(url):
        return "expected https://host/path with nothing unencoded (spaces, quotes, accents) and no user name"
    return None


def host_allowed(url: str, hosts: Sequence[str]) -> bool:
    """Whether an https address leads to one of these hosts or a host below one."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False  # brackets that are left open: it leads nowhere
    return any(host == own or host.endswith(f".{own}") for own in hosts)


def with_parameters(url: str, parameters: Sequence[tuple[str, str]]) -> str:
    """The address with query parameters added at the end, but for those that it has already.

    >>> with_parameters("https://a.example/b?x=1#top", [("x", "2"), ("y", "3")])
    'https://a.example/b?x=1&y=3#top'
    """
    if not url.startswith("https://"):
        return url
    address, hash_mark, fragment = url.partition("#")
    base, _, query = address.partition("?")
    present = {pair.partition("=")[0] for pair in query.split("&")}
    added = [f"{name}={value}" for name, value in parameters if name not in present]
    query = "&".join([query, *added] if query else added)
    return base + ("?" + query if query else "") + hash_mark + fragment
