"""Proposes which places of an e-mail become slots: what they say now is their first variant."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

import msgspec

from templates.importing.markup import Element, Piece
from templates.importing.sizes import Sizes, width_of
from templates.importing.texts import Texts, Words, block_of, is_hidden, is_shown
from templates.values import plain

HEADLINE_PX = 18.0
PICTURE_PX = 200.0
BODY_LENGTH = 40
OFFERS_MAX = 3
BUTTON_DEPTH = 10
EARLY = 4
"""A hidden text is a preheader where it is one of the first of the message."""
_BUTTON = re.compile(r"btn|button|\bcta", re.IGNORECASE)
_BUTTON_STYLE = re.compile(r"(?:background|border)(?:-color)?\s*:(?!\s*(?:none|transparent|0))", re.IGNORECASE)
_NO_PICTURE = re.compile(r"logo|icon|spacer|pixel|blank|social|badge", re.IGNORECASE)
_OFFER = re.compile(
    r"\d\s?%|[€$£]\s?\d|\d\s?(?:€|EUR|USD)\b|\b(?:off(?:er)?|discount|coupon|voucher|promo(?:tion)?|sale|save|free|deal|code)s?\b",
    re.IGNORECASE,
)
_FOOTER = re.compile(r"unsubscribe|©|copyright|all rights reserved|view .{0,20}browser|privacy", re.IGNORECASE)
_PREHEADER = re.compile(r"pre-?header|preview", re.IGNORECASE)


class Proposal(msgspec.Struct):
    """One slot: its parts in the original's words, and what prints them where those stood."""

    name: str
    kind: str
    parts: dict[str, str]
    replacements: dict[int, str]


class Proposer:
    """Looks through one source; what one slot has taken no other takes."""

    def __init__(self, pieces: Sequence[Piece], texts: Texts) -> None:
        self._texts, self._sizes = texts, Sizes(pieces)
        self._elements = [piece.element for piece in pieces if piece.kind == "open" and piece.element]
        self._shown = [piece for piece in pieces if piece.kind == "text" and is_shown(piece)]
        self._taken: set[int] = set()

    def proposals(self) -> list[Proposal]:
        """All slots but that of the subject."""
        found: list[Proposal | None] = [self._preheader(), self._headline(), self._picture(), self._action()]
        found += [self._body(), *self._offers()]
        proposed = [one for one in found if one is not None]
        return proposed if any(one.kind != "preheader" for one in proposed) else [*proposed, *self._any_words()]

    def title(self) -> Words | None:
        """The words of the title, which most e-mails take from their subject."""
        titles = [one for one in self._elements if one.tag == "mj-title" or (one.tag == "title" and _in_head(one))]
        return self._texts.alone(titles[0]) if titles else None

    def _preheader(self) -> Proposal | None:
        for element in self._elements:
            if element.words and (element.tag == "mj-preview" or (_is_preheader(element) and self._is_early(element))):
                words = self._texts.words(element.words[0])
                block = block_of(element.words[0])
                if words is not None and block is not None and len(block.words) == 1:
                    self._taken.add(words.piece.start)
                    parts = {words.piece.start: words.replaced_by("{{ preheader }}")}
                    return Proposal("preheader", "preheader", {"text": words.text}, parts)
        return None

    def _is_early(self, element: Element) -> bool:
        start = element.words[0].start if element.words else 0
        return sum(piece.start < start and bool(self._texts.words(piece)) for piece in self._shown) < EARLY

    def _headline(self) -> Proposal | None:
        sized = []
        for block, words in self._blocks():
            size = self._sizes.of_words(words.piece.element or block)
            if size >= HEADLINE_PX and not _in_link(block) and 2 <= len(words.text) <= 200 and _has_letters(words.text):
                sized.append((-size, words.piece.start, words))
        return self._text_slot("headline", "headline", min(sized)[2]) if sized else None

    def _body(self) -> Proposal | None:
        sized = [
            (-len(words.text), words.piece.start, words)
            for block, words in self._blocks()
            if len(words.text) >= BODY_LENGTH and not _in_link(block) and not _FOOTER.search(words.text)
        ]
        return self._text_slot("body", "text", min(sized)[2]) if sized else None

    def _any_words(self) -> Iterator[Proposal]:
        """The longest words there are, where nothing better was found."""
        sized = [
            (-len(words.text), words.piece.start, words) for _, words in self._blocks() if _has_letters(words.text)
        ]
        if sized:
            yield self._text_slot("body", "text", min(sized)[2])

    def _offers(self) -> Iterator[Proposal]:
        number = 0
        for block, words in list(self._blocks()):
            if number == OFFERS_MAX:
                return
            if (
                _OFFER.search(words.text)
                and len(words.text) > 5
                and not _in_link(block)
                and not _FOOTER.search(words.text)
            ):
                number += 1
                yield self._text_slot(f"offer_{number}" if number > 1 else "offer", "offer", words)

    def _blocks(self) -> Iterator[tuple[Element, Words]]:
        """Blocks whose words are one piece, which no slot has taken."""
        for piece in self._shown:
            block = block_of(piece)
            if block is not None and len(block.words) == 1 and piece.start not in self._taken:
                words = self._texts.words(piece)
                if words is not None:
                    yield block, words

    def _text_slot(self, name: str, kind: str, words: Words) -> Proposal:
        self._taken.add(words.piece.start)
        shown = words.replaced_by(f"{{{{ slots.{name}.text }}}}")
        return Proposal(name, kind, {"text": words.text}, {words.piece.start: shown})

    def _picture(self) -> Proposal | None:
        sized = []
        for index, element in enumerate(self._elements):
            if element.tag not in {"img", "mj-image"} or width_of(element) < PICTURE_PX or is_hidden(element):
                continue
            src, alt = self._texts.address(element, "src", mail=False), self._texts.value(element, "alt")
            fit = (
                src
                and alt
                and "{" not in alt
                and plain(alt) == alt
                and not _NO_PICTURE.search(f"{src} {element.value('class')}")
            )
            if fit:
                sized.append((-width_of(element), index, element, src, alt))
        if not sized:
            return None
        *_, element, src, alt = min(sized, key=lambda one: one[:2])
        places = {element.attributes[name].start: f"{{{{ slots.picture.{name} }}}}" for name in ("src", "alt")}
        return Proposal("picture", "image", {"src": src, "alt": alt}, places)

    def _action(self) -> Proposal | None:
        for element in self._elements:
            words = self._texts.alone(element) if _is_button(element) else None
            if words is None or words.piece not in self._shown or words.piece.start in self._taken:
                continue
            url = self._texts.address(element, "href", mail=True)
            if not url:
                return self._text_slot("action", "text", words)
            proposal = self._text_slot("action", "action", words)
            proposal.parts["url"] = url
            proposal.replacements[element.attributes["href"].start] = "{{ slots.action.url }}"
            return proposal
        return None


def _in_head(element: Element) -> bool:
    return any(outer.tag == "head" for outer in element.up())


def _is_preheader(element: Element) -> bool:
    named = _PREHEADER.search(f"{element.value('class')} {element.value('id')}")
    return not _in_head(element) and bool(named or (len(element.words) == 1 and is_hidden(element)))


def _in_link(element: Element) -> bool:
    return any(outer.tag in {"a", "mj-button", "mj-navbar-link", "mj-social-element"} for outer in element.up())


def _has_letters(text: str) -> bool:
    return any(char.isalpha() for char in re.sub(r"\{\{.*?\}\}", "", text))


def _is_button(element: Element) -> bool:
    if element.tag == "mj-button":
        return True
    if element.tag != "a" or "href" not in element.attributes or len(element.words) != 1:
        return False
    if _BUTTON_STYLE.search(element.value("style")) and "padding" in element.value("style"):
        return True
    # Bulletproof buttons are tables around a link: their cell has the colour, their table the name.
    alone = takewhile(lambda outer: len(outer.words) == 1, islice(element.up(), BUTTON_DEPTH))
    return any(_looks(outer) or (outer.tag in {"td", "table"} and outer.value("bgcolor")) for outer in alone)


def _looks(element: Element) -> bool:
    return _BUTTON.search(f"{element.value('class')} {element.value('id')}") is not None
