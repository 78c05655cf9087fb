"""What a bounce means: the recipient's server's code first, the provider's own word where the code says nothing."""

import re
from typing import Any, Literal, NamedTuple

from connectors.webhooks.mapping import Bounces
from connectors.webhooks.paths import text_at

Kind = Literal["hard", "soft", "block"]

HARD = frozenset({"5.1.1", "5.1.2", "5.1.10"})
"""No such mailbox, no such domain, a domain without mail (RFC 3463, RFC 7505)."""
BLOCK = "5.7."
"""Policy or reputation: it is said of the sender, not of the mailbox."""
TEXT_MAX = 2_000

_ENHANCED = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?!\.?\d)")
_BASIC = re.compile(r"(?<![\d.])[2-6]\d\d(?![\d.]*\d)")


class Bounce(NamedTuple):
    """Its kind, and the code that was given; empty where there was none."""

    kind: Kind
    code: str


def bounce_of(piece: dict[str, Any], bounces: Bounces) -> Bounce:
    """What an event of a provider tells of a bounce."""
    texts = [text_at(piece, [path])[:TEXT_MAX] for path in bounces.codes]
    code = code_in(texts)
    return Bounce(kind_by_code(code) or _kind_by_word(piece, bounces), code)


def code_in(texts: list[str]) -> str:
    """The first enhanced code in some texts, else the first basic one; empty: there is none."""
    return _first(_ENHANCED, texts) or _first(_BASIC, texts)


def kind_by_code(code: str) -> Kind | None:
    """By conventions on suppression: only codes that speak of the mailbox itself are hard. None: it says nothing.

    A full mailbox (5.2.2) is permanent by its code, but empties; so may other reasons, which no word makes hard. A code
    whose last number is 0 says that something was the matter, and not what.

    >>> [kind_by_code(code) for code in ("5.1.1", "5.2.2", "5.7.606", "5.4.4", "5.1.0", "452", "550")]
    ['hard', 'soft', 'block', 'soft', None, 'soft', None]
    """
    if code in HARD:
        return "hard"
    if code.startswith(BLOCK):
        return "block"
    if code.startswith("4"):
        return "soft"
    return "soft" if code.startswith("5.") and not code.endswith(".0") else None


def _first(pattern: re.Pattern[str], texts: list[str]) -> str:
    return next((found.group() for text in texts if (found := pattern.search(text))), "")


def _kind_by_word(piece: dict[str, Any], bounces: Bounces) -> Kind:
    words = (text_at(piece, [path]) for path in bounces.paths)
    return next((bounces.words[word] for word in words if word in bounces.words), bounces.otherwise)
