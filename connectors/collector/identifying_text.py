"""Takes out of texts and URLs what names somebody: e-mail addresses, and tokens in the query."""

import re
from urllib.parse import unquote, unquote_plus

from connectors.collector.meanings import Meaning, Meanings, words_of

_EMAIL = re.compile(r"[^\s@/?&=:;,<>\"'()]{1,64}@[^\s@/?&=:;,<>\"'()]{1,253}\.[^\W\d_]{2,24}")
"""With bounds, so that no text is searched in more than linear time."""
_USERINFO = re.compile(r"(?<=://)[^/?#@]*@")
_PARAMETER = re.compile(r"(?<=[?&#;])([^=&#;?]*)=([^&#;]*)")
_IS_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[/?#]|www\.")
_TELLING_NAMES = (
    "token key auth authorization session sessionid sid sig signature password passwd pwd otp jwt ticket nonce secret "
    "apikey login user userid uid customerid subscriber subscriberid recipient contact contactid"
)
_TOKEN_WORDS = frozenset(_TELLING_NAMES.split())
_UUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_HEX = re.compile(r"(?=.*\d)[0-9a-fA-F]{16,}")
_DENSE = re.compile(r"(?=(.*\d){4})[a-z0-9]{24,}|(?=(.*\d){4})[A-Z0-9]{24,}")
_MIXED = re.compile(r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_.~+/=-]{20,}")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.")
_MARKETING = re.compile(r"utm_\w+", re.IGNORECASE)
_NESTED_MAX = 3
_NAMED = frozenset(Meaning) - {Meaning.PLAIN, Meaning.COUNTRY, Meaning.REGION}


def cleaned_text(text: str, meanings: Meanings) -> str | None:
    """A text as it may be stored: a URL without what names somebody in it, other text only where nothing does.

    None: it holds an e-mail address and cannot be cut.
    """
    if _IS_URL.match(text):
        return cleaned_url(text, meanings)
    return None if _EMAIL.search(text) else text


def cleaned_url(url: str, meanings: Meanings, depth: int = 0) -> str:
    """The URL with empty values in place of addresses and tokens; which parameters there were stays visible."""
    if "@" in url or "%40" in url:
        url = _USERINFO.sub("", url, count=1)
    if "=" in url:
        url = _PARAMETER.sub(lambda found: _parameter(found[1], found[2], meanings, depth), url)
    if "@" in url or "%40" in url:
        url = "/".join("" if _EMAIL.search(unquote(part)) else part for part in url.split("/"))
    return url


def _parameter(name: str, value: str, meanings: Meanings, depth: int) -> str:
    return (
        f"{name}="
        if value and _is_private(unquote_plus(name), unquote_plus(value), meanings, depth)
        else (f"{name}={value}")
    )


def _is_private(name: str, value: str, meanings: Meanings, depth: int) -> bool:
    if "@" in value and _EMAIL.search(value):
        return True
    if _JWT.match(value):
        return True
    if _MARKETING.fullmatch(name):
        return False
    if meanings[name] in _NAMED or not _TOKEN_WORDS.isdisjoint([*(words := words_of(name)), "".join(words)]):
        return True
    if any(shape.fullmatch(value) for shape in (_UUID, _HEX, _DENSE, _MIXED)):
        return True
    # An address within the address: where to go afterwards.
    is_nested = _IS_URL.match(value) is not None and "=" in value
    return is_nested and (depth == _NESTED_MAX or cleaned_url(value, meanings, depth + 1) != value)
