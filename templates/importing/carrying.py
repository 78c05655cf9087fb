"""Writes a source again, with references or words where merge tags stood, and slots where they are proposed."""

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape

from templates.html_reading import NUMBER
from templates.importing.markup import Attribute, Element, Piece
from templates.importing.merge_tags import Meaning, MergeTag
from templates.importing.standing import Standing

URL_ATTRIBUTES = frozenset(
    {"href", "src", "background", "srcset", "poster", "cite", "longdesc", "action", "formaction", "background-url"}
)
_REMOVED = frozenset({"script", "link"})
_BRACE = re.compile("\\{(?=[{%#\ue000])")
"""A brace that would begin Jinja2 in the layout."""
_FIXED = frozenset({"style", "bgcolor", "color", "width", "height", "class", "id", "css-class", "mj-class"})
"""Attributes in which no value of a person may stand."""
_MJML_WORDS = frozenset({"alt", "title", "href"})
"""Most attributes of MJML become styles: in these, words stay words."""
_QUOTED_ADDRESS = re.compile(r'(?<=(?:href|.src)=")[^"]*')

Replacements = Mapping[int, str]
"""What stands in the place of the text or attribute's value that begins there."""


class Carrier:
    """One source, cut; `standing` knows its tags. Here it is written as it was, with words where tags stood."""

    def __init__(self, source: str, pieces: Sequence[Piece], standing: Standing, *, is_mjml: bool) -> None:
        self._source, self._pieces, self._standing, self._is_mjml = source, pieces, standing, is_mjml

    def written(self) -> str:
        """The whole source."""
        return "".join(self._piece(piece, self._source[piece.start : piece.end]) for piece in self._pieces)

    def _piece(self, piece: Piece, text: str) -> str:
        if piece.kind == "open" and piece.element is not None:
            return self._opened(piece, piece.element)
        if self._is_mjml:
            text = _as_mjml(piece, text)
        if "{" not in text and "\ue000" not in text:
            return text
        if piece.kind == "text":
            return self._words(text, "<span></span>" if self._holds_markup(piece) else "&#8288;")
        return self._comment(text) if text.startswith("<!--[if") else self._plainly(text)

    def _holds_markup(self, piece: Piece) -> bool:
        return piece.element is None or piece.element.tag not in {"title", "mj-title", "mj-preview", "textarea"}

    def _opened(self, piece: Piece, element: Element) -> str:
        out, position = [], piece.start
        for attribute in element.attributes.values():
            if self._drops(attribute):
                out.append(self._plainly(self._source[position : attribute.begin]).rstrip())
                position = attribute.end + (not attribute.is_bare)
                continue
            out.append(self._plainly(self._source[position : attribute.start]))
            position = attribute.end
            value = self._value(element, attribute)
            bare = attribute.is_bare and attribute.value and (self._is_mjml or value != attribute.value)
            out.append(f'"{value}"' if bare else value)
        opened = "".join([*out, self._plainly(self._source[position : piece.end])])
        return f"<{element.tag}{opened[len(element.tag) + 1 :]}" if self._is_mjml else opened

    def _drops(self, _attribute: Attribute, /) -> bool:
        return False

    def _value(self, element: Element, attribute: Attribute) -> str:
        value = attribute.value
        if "{" not in value and "\ue000" not in value:
            return value
        is_composed = _is_composed(element, attribute.name)
        if "\ue000" in value and (is_composed or attribute.name in URL_ATTRIBUTES):
            return self._address(value, is_composed=is_composed)
        if attribute.name in _FIXED or (element.tag.startswith("mj") and attribute.name not in _MJML_WORDS):
            return self._plainly(value)
        return self._words(value, "&#8288;")

    def _comment(self, text: str) -> str:
        """Outlook's: addresses may stand in it; other tags are fixed to their words."""
        text = _QUOTED_ADDRESS.sub(lambda found: self._address(found[0]) if "\ue000" in found[0] else found[0], text)
        return self._each(text, lambda tag: escape(self._standing.words(tag)))

    def _words(self, text: str, between: str) -> str:
        """Words between tags, or in a quoted attribute; `between` stands where two values would touch."""
        return self._joined(self._each(text, lambda tag: escape(self._standing.words(tag))), between)

    def _joined(self, words: str, _between: str, /) -> str:
        return words

    def _plainly(self, text: str) -> str:
        """Where no value may stand: styles, comments, within a tag."""
        return self._each(text, lambda _: "")

    def _address(self, value: str, *, is_composed: bool = False) -> str:  # noqa: ARG002 - the layout's business
        return escape(self._standing.address(value).default)

    def _each(self, text: str, show: Callable[[MergeTag], str]) -> str:
        return NUMBER.sub(lambda found: show(self._standing.tags[int(found[1])]), text)


class LayoutCarrier(Carrier):
    """Writes the source as a layout: references where tags stood, replacements where slots are, nothing that runs."""

    def __init__(
        self, source: str, pieces: Sequence[Piece], standing: Standing, replacements: Replacements, *, is_mjml: bool
    ) -> None:
        super().__init__(source, pieces, standing, is_mjml=is_mjml)
        self._replacements, self._root = replacements, "mjml" if is_mjml else "html"
        self._has_language = False

    def _piece(self, piece: Piece, text: str) -> str:
        element = piece.element
        if element is not None and element.tag in _REMOVED and piece.kind in {"open", "close", "script"}:
            return ""
        if piece.start in self._replacements and piece.kind == "text":
            return self._replacements[piece.start]
        return super()._piece(piece, text)

    def _opened(self, piece: Piece, element: Element) -> str:
        opened = super()._opened(piece, element)
        if element.tag == self._root and not self._has_language:
            self._has_language = True
            return _with_language(opened, element.tag)
        return opened

    def _drops(self, attribute: Attribute, /) -> bool:
        return attribute.name.startswith("on")

    def _value(self, element: Element, attribute: Attribute) -> str:
        replacement = self._replacements.get(attribute.start) if attribute.value else None
        return super()._value(element, attribute) if replacement is None else replacement

    def _comment(self, text: str) -> str:
        return super()._comment(_BRACE.sub("{ ", text))

    def _words(self, text: str, between: str) -> str:
        return self._joined(self._each(_BRACE.sub("&#123;", text), self._standing.reference), between)

    def _joined(self, words: str, between: str, /) -> str:
        return words.replace("}}{{", f"}}}}{between}{{{{")

    def _plainly(self, text: str) -> str:
        def dropped(tag: MergeTag) -> str:
            if tag.meaning not in {Meaning.BLOCK, Meaning.NOTE}:
                self._standing.lost.append(tag)
            return ""

        return self._each(_BRACE.sub("{ ", text), dropped)

    def _address(self, value: str, *, is_composed: bool = False) -> str:
        address = self._standing.address(value)
        if is_composed and "{{ fields." in address.template:
            return escape(address.default)
        return address.template


def _as_mjml(piece: Piece, text: str) -> str:
    """What browsers read and our compiler of MJML does not: a lone <, tags in capitals."""
    if piece.kind == "text":
        return text.replace("<", "&lt;")
    return text.lower() if piece.kind == "close" else text


def _is_composed(element: Element, name: str) -> bool:
    """Whether MJML makes a longer address, or a style, of this one: no field may stand in it then."""
    if element.tag == "mj-social-element" and name == "href":
        return True
    if element.tag == "mj-navbar-link" and name == "href":
        return any(outer.value("base-url") for outer in element.up())
    return element.tag.startswith("mj") and name.endswith(("-url", "-src"))


def _with_language(opened: str, tag: str) -> str:
    without = re.sub(r"""\s(?:xml:)?lang\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", "", opened, flags=re.IGNORECASE)
    return f'{without[: len(tag) + 1]} lang="{{{{ locale }}}}"{without[len(tag) + 1 :]}'
