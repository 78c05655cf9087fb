"""One template for one person: combinations of its variants, rendered one after the other."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemas.decisions import Rendered
from schemas.ids import FieldName, SlotName, VariantId
from templates.expressions import Pieces
from templates.shapes import Form, Shape, Words, joined

Filling = Sequence[tuple[int, bytes]]


class Content(NamedTuple):
    """A variant's words in one language: by part, `fixed` where no field stands in them."""

    fixed: Words | None
    pieces: Mapping[str, Pieces]

    def words(self, fields: Mapping[FieldName, str]) -> Words:
        """Return its words for a person."""
        if self.fixed is not None:
            return self.fixed
        values = {"fields": fields}
        return {name: joined(pieces, values) for name, pieces in self.pieces.items()}


class Page:
    """One language of a template: its shape, and the words of all its variants.

    forms  of the HTML and of the text; None for one that only Jinja2 can run
    """

    def __init__(
        self,
        shape: Shape,
        slots: Sequence[SlotName],
        contents: Sequence[Mapping[VariantId, Content]],
        marks: Words,
    ) -> None:
        self.shape = shape
        self.slots = slots
        self.contents = contents
        self.marks = marks
        bodies = (shape.html, shape.text)
        self.forms = [None if body.parts is None else Form(body.parts, body, slots, marks) for body in bodies]
        # Most words are the same for everybody: they are escaped and encoded once.
        self._fillings = {
            (slot, variant): self.fillings(slot, content.fixed)
            for slot, of_slot in enumerate(contents)
            for variant, content in of_slot.items()
            if content.fixed is not None
        }

    def fillings(self, slot: int, words: Words) -> list[Filling]:
        """What a variant's words put into each form."""
        return [[] if form is None else form.filling(slot, words) for form in self.forms]

    def known_fillings(self, slot: int, variant: VariantId) -> list[Filling] | None:
        """The same for words that nobody's fields stand in; None for others."""
        return self._fillings.get((slot, variant))


class Personal:
    """A page with one person's fields in it."""

    def __init__(self, page: Page, fields: Mapping[FieldName, str]) -> None:
        self._page = page
        self._fields = fields
        self._parts = [None if form is None else form.of_person(fields) for form in page.forms]
        self._own: dict[tuple[int, VariantId], list[Filling]] = {}

    def render(self, variants: Sequence[VariantId]) -> Rendered:
        """Return one message with its send marks open.

        variants  one for each slot, in the order of the template's slots

        Raises:
            KeyError: a variant is none of this template's.
        """
        page, shape = self._page, self._page.shape
        columns = zip(page.slots, page.contents, variants, strict=True)
        words = {slot: of_slot[variant].words(self._fields) for slot, of_slot, variant in columns}
        values = {"slots": words, "fields": self._fields, "marks": page.marks}
        fillings = [self._fillings(slot, variant, words) for slot, variant in enumerate(variants)]
        html, text = (
            body.template.render(values).encode()
            if parts is None
            else _filled(parts, [one[number] for one in fillings])
            for number, (body, parts) in enumerate(zip((shape.html, shape.text), self._parts, strict=True))
        )
        return Rendered(joined(shape.subject, values), joined(shape.preheader, values), html, text)

    def _fillings(self, slot: int, variant: VariantId, words: Mapping[SlotName, Words]) -> list[Filling]:
        known = self._page.known_fillings(slot, variant) or self._own.get((slot, variant))
        if known is None:
            known = self._own[slot, variant] = self._page.fillings(slot, words[self._page.slots[slot]])
        return known


def _filled(parts: list[bytes], fillings: Sequence[Filling]) -> bytes:
    """The parts with these fillings. Every hole is filled each time, so the list may be used again."""
    for filling in fillings:
        for index, value in filling:
            parts[index] = value
    return b"".join(parts)
