"""One template for one person: combinations of its variants, made into bodies one after the other."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from schemas.decisions import Rendered
from schemas.ids import FieldName, SlotName, VariantId
from templates.assembly import Assembly, Item, Opened
from templates.cutting import Content, Cut, cut
from templates.disclosures import NO_DISCLOSURES, ROOT, Disclosures
from templates.send_marks import Whole
from templates.shapes import Shape, Words, joined


class Common(NamedTuple):
    """What all pages of a release share.

    prefix  begins every send mark
    marks   placeholders of send marks
    pack    makes a body of a whole message
    """

    prefix: str
    marks: Words
    pack: Callable[[Rendered], bytes]


class Page:
    """One language of a template: its shape, and the words of all its variants.

    cut       its pieces; None for one with a body that only Jinja2 can run
    assembly  makes messages of these pieces
    """

    def __init__(
        self,
        key: str,
        shape: Shape,
        slots: Sequence[SlotName],
        contents: Sequence[Mapping[VariantId, Content]],
        common: Common,
        stored: Sequence[bytes],
        disclosures: Disclosures = NO_DISCLOSURES,
    ) -> None:
        """Cut it.

        key     `template/locale`
        stored  the pieces in the release: bodies may name these and no others

        Raises:
            ConfigError: a variant's words print more than fields.
        """
        self.shape, self.slots, self.common, self.disclosures = shape, slots, common, disclosures
        self.contents = [*contents, *disclosures.contents]
        self.bodies = (shape.html, shape.text, shape.block)
        self.cut = cut(
            shape, [*(("slots", slot) for slot in slots), *disclosures.prefixes], self.contents, common.marks
        )
        self.assembly = None if self.cut is None else Assembly(key, self.cut.pieces)
        self.is_stored = self.cut is not None and self.cut.pieces == tuple(stored)
        if self.cut is None:
            for body in self.bodies:
                body.template  # noqa: B018 - compiled now, so that rendering cannot fail later


class Personal:
    """A page with one person's fields in it.

    own  of a slot, by its place, words that are no variant's of the release, by the id that stands for them
    """

    def __init__(
        self,
        page: Page,
        fields: Mapping[FieldName, str],
        own: Mapping[int, Mapping[VariantId, Words]],
    ) -> None:
        self._page = page
        self._fields = fields
        self._own = own
        self._items: list[Item] = [] if page.cut is None else page.cut.of_fields(fields)

    def body(self, variants: Sequence[VariantId]) -> bytes:
        """One message as an entry stores it; `send_marks.Opener` opens it.

        variants  one for each slot, in the order of the template's slots

        Raises:
            KeyError: a variant is none of this template's.
        """
        page = self._page
        if page.cut is not None and page.assembly is not None and page.is_stored:
            return page.assembly.pack(self._chosen(page.cut, variants))
        return page.common.pack(self.render(variants))

    def opened(self, variants: Sequence[VariantId]) -> Opened | Whole:
        """The same message, its send marks to be filled, without a body between. Arguments and errors as `body`."""
        page = self._page
        if page.cut is not None and page.assembly is not None:
            return page.assembly.opened(self._chosen(page.cut, variants))
        return Whole(self._run(variants), page.common.prefix)

    def render(self, variants: Sequence[VariantId]) -> Rendered:
        """The same message with placeholders in its send marks. Arguments and errors as `body`."""
        return self.opened(variants).filled(self._page.common.marks)

    def _chosen(self, known: Cut, variants: Sequence[VariantId]) -> list[Item]:
        items = self._items.copy()
        variants = (*variants, *self._page.disclosures.of(variants))
        for slot, (variant, bundles) in enumerate(zip(variants, known.bundles, strict=True)):
            number = bundles.get(variant)
            if number is not None:
                items.append(number)
            elif slot in self._own:
                items += known.of_words(slot, self._own[slot][variant])
            elif known.places[slot] or variant not in self._page.contents[slot]:
                raise KeyError(variant)
        return items

    def _run(self, variants: Sequence[VariantId]) -> Rendered:
        """The message as Jinja2 makes it."""
        page = self._page
        words = {
            name: self._own[slot][variant] if slot in self._own else page.contents[slot][variant].words(self._fields)
            for slot, (name, variant) in enumerate(zip(page.slots, variants, strict=True))
        }
        said = page.disclosures.words(page.disclosures.of(variants), self._fields)
        values = {"slots": words, ROOT: said, "fields": self._fields, "marks": page.common.marks}
        html, text, block = (body.template.render(values).encode() for body in page.bodies)
        return Rendered(joined(page.shape.subject, values), joined(page.shape.preheader, values), html, text, block)
