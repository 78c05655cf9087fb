"""A person's values, made safe to stand in a message: no control characters, no marks, bounded length."""

import re
from collections.abc import Mapping
from typing import Any

from schemas.ids import FieldName, Locale
from schemas.library import Field, Template
from templates.urls import host_allowed, url_fault

MARK_WORD = "fs-mark-"
"""Begins the send marks of every release."""

NUMBER_MAX = 1e15
"""Numbers from here on are no longer exact, and no longer worth showing."""

_CONTROLS = re.compile(
    "["
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # C0 and C1 but those that are white space
    "\u202a-\u202e\u2066-\u2069"  # direction embeddings, overrides and isolates
    "\ud800-\udfff\ufdd0-\ufdef\ufff9-\ufffc\ufffe\uffff\ufeff"  # no characters, or not in plain text
    "\U000e0000-\U000e007f"  # tags, invisible
    "]"
)
_ADDRESS = re.compile(r"://|www\.", re.IGNORECASE)
"""Mail clients make links of these by themselves: whoever signs up under such a name wants ours to carry it."""
_SPACES = re.compile(r"\s+")
_COMBINING = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\u200d]")
_MARK = re.compile(re.escape(MARK_WORD), re.IGNORECASE)


def plain(text: str) -> str:
    r"""The text on one line, without control characters, direction overrides or the beginning of a send mark.

    >>> plain("Ana\r\nBcc: x\u202e")
    'Ana Bcc: x'
    """
    if text.isascii() and text.isprintable() and "fs-" not in text.lower():
        return text.strip() if "  " not in text else _SPACES.sub(" ", text).strip()
    text = _MARK.sub("fs mark ", _CONTROLS.sub("", text))
    return _SPACES.sub(" ", text).strip()


def holds_address(text: str) -> bool:
    """Whether mail clients would make a link of some of the words."""
    return _ADDRESS.search(text) is not None


def shortened(text: str, length_max: int) -> str:
    """The text, or its beginning and an ellipsis, in at most so many characters.

    >>> shortened("Bartholomew", 6)
    'Barth…'
    """
    if len(text) <= length_max:
        return text
    end = max(length_max - 1, 0)
    while end and _COMBINING.match(text[end]):  # an accent is not parted from its letter
        end -= 1
    return text[:end].rstrip() + "…"


def text_of(trait: Any) -> str:
    """A trait as words; nothing for what is no single value."""
    if isinstance(trait, str):
        return trait
    if isinstance(trait, bool) or not isinstance(trait, int | float) or not abs(trait) < NUMBER_MAX:
        return ""
    return f"{trait:.15g}"


def field_value(field: Field, locale: Locale, trait: Any, hosts: tuple[str, ...] = ()) -> str:
    """What a field shows for a trait: the trait made safe, or the field's default where nothing usable is left.

    Words that hold an address are not shown, an address only where it leads to one of `hosts`.
    """
    text = plain(text_of(trait)[: field.length_max * 8 + 64])
    if field.kind == "url":
        usable = len(text) <= field.length_max and url_fault(text, mail=False) is None
        return text if usable and host_allowed(text, hosts) else field.default[locale]
    if not text or _ADDRESS.search(text):
        return field.default[locale]
    return shortened(text, field.length_max)


def fields_of(
    template: Template, locale: Locale, traits: Mapping[str, Any], hosts: tuple[str, ...] = ()
) -> dict[FieldName, str]:
    """The values of all fields of a template for a person with these traits."""
    return {field.name: field_value(field, locale, traits.get(field.name), hosts) for field in template.fields}
