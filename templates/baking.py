"""Writes what is known at release into a layout: its own words, the workspace's values, the language."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from schemas.ids import Locale
from templates.disclosures import ALL, printed
from templates.expressions import Fault, Reference, Span, pieces_of, replaced, spans_of
from templates.shapes import SHOWN, Encoding
from templates.sources import LocaleSource


class Known:
    """What is known of a locale at release."""

    def __init__(
        self, locale: Locale, words: LocaleSource, values: Mapping[str, str], disclosures: Sequence[str] = ()
    ) -> None:
        """Take it in.

        disclosures  names of the template's
        """
        self._values = values
        self._disclosures = disclosures
        self._texts: dict[Reference, str] = {
            ("locale",): locale,
            ("subject",): words.subject,
            ("preheader",): words.preheader,
            **{("texts", name): text for name, text in words.texts.items()},
        }

    def html(self, source: str) -> str:
        """A compiled layout with all known values written in, escaped."""
        return self._baked(source, escape)

    def block(self, source: str) -> str:
        """A block with all known values written into its texts, escaped."""
        return self._baked(source, SHOWN[Encoding.JSON])

    def text(self, source: str) -> str:
        """A text part, a subject or a preheader with all known values written in."""
        return self._baked(source, str)

    def _baked(self, source: str, escaped: Callable[[str], str]) -> str:
        def bake(span: Span) -> str:
            if span.kind == "comment":
                return ""
            words = self._words(span.reference, escaped) if span.reference else None
            return source[span.start : span.end] if words is None else words

        return replaced(source, spans_of(source), bake)

    def _words(self, reference: Reference, escaped: Callable[[str], str]) -> str | None:
        """The words of a known value, with what is still open in it; None for what is not known yet."""
        if reference[0] == "workspace":
            return escaped(self._values[reference[1]])
        if reference == ALL:
            return printed(self._disclosures, escaped("\n"))
        if reference not in self._texts:
            return None
        pieces = pieces_of(self._texts[reference])
        assert not isinstance(pieces, Fault)  # noqa: S101 - validation refused such words
        return "".join(self._piece(part, escaped) for part in pieces.parts)

    def _piece(self, part: str | Reference, escaped: Callable[[str], str]) -> str:
        if isinstance(part, str):
            return escaped(part)
        words = self._words(part, escaped)
        return "{{ " + ".".join(part) + " }}" if words is None else words
