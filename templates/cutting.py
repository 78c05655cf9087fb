"""Cuts one language of a template into pieces, and knows which numbers of a body are which variant's words.

What stands between values is a piece each; so is what every variant puts into each place, escaped already. Words that
speak a person's own values are rows of pieces and of those values.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, groupby
from typing import NamedTuple

from schemas.errors import ConfigError
from schemas.ids import FieldName, VariantId
from templates.assembly import Item, Plan, Row, packed_plan
from templates.expressions import Pieces, Reference
from templates.shapes import SHOWN, Encoding, Shape, Words, joined

Part = str | Reference
Output = tuple[Encoding, Sequence[Part]]
Argument = tuple[Reference, Encoding]


class Content(NamedTuple):
    """Words in one language: by part, `fixed` where no field stands in them."""

    fixed: Words | None
    pieces: Mapping[str, Pieces]

    def words(self, fields: Mapping[FieldName, str]) -> Words:
        """The words for a person."""
        if self.fixed is not None:
            return self.fixed
        values = {"fields": fields}
        return {name: joined(pieces, values) for name, pieces in self.pieces.items()}

    def parts(self, name: str) -> tuple[Part, ...]:
        """A part cut at the fields in it."""
        return self.pieces[name].parts if self.fixed is None else (self.fixed[name],)


class Place(NamedTuple):
    """Where words of a slot stand: an argument of bodies.

    part   of the slot's kind that stands there
    shown  writes words so that they may stand there
    """

    argument: int
    part: str
    shown: Callable[[str], str]


class Cut(NamedTuple):
    """One language of a template in pieces.

    pieces   as the release stores them
    fields   the first arguments of a body, in order: a field's name, and what writes it so that it may stand there
    places   for each slot where it is shown, in the order of arguments
    bundles  for each slot the number that stands for a variant; nothing for a slot that is shown nowhere
    """

    pieces: tuple[bytes, ...]
    fields: tuple[tuple[FieldName, Callable[[str], str]], ...]
    places: tuple[tuple[Place, ...], ...]
    bundles: tuple[Mapping[VariantId, int], ...]

    def of_fields(self, fields: Mapping[FieldName, str]) -> list[Item]:
        """A person's own values: what every body of theirs begins with."""
        return _once([(number, shown(fields[name]).encode()) for number, (name, shown) in enumerate(self.fields)])

    def of_words(self, slot: int, words: Words) -> list[Item]:
        """Words that are no variant's of the release, for a slot."""
        return _once([(place.argument, place.shown(words[place.part]).encode()) for place in self.places[slot]])

    def of_variant(self, slot: int, variant: VariantId) -> list[Item]:
        """A variant's words, for a slot. KeyError where it is none of the release's."""
        return [self.bundles[slot][variant]] if self.places[slot] else []


def _once(arguments: Iterable[tuple[int, bytes]]) -> list[Item]:
    """Most values look the same in HTML and in text: they are told once."""
    first: dict[bytes, int] = {}
    return [value if first.setdefault(value, number) == number else -1 - first[value] for number, value in arguments]


def cut(
    shape: Shape, slots: Sequence[Reference], contents: Sequence[Mapping[VariantId, Content]], marks: Words
) -> Cut | None:
    """Cut a shape together with its slots' words; None for one with a body that only Jinja2 can run.

    slots  what references to each begin with: `("slots", "hero")`
    marks  placeholders of send marks

    Raises:
        ConfigError: a variant's words print more than fields.
    """
    outputs = _outputs(shape, marks)
    return None if outputs is None else _Cutter(outputs, slots, contents).cut()


def _outputs(shape: Shape, marks: Words) -> list[Output] | None:
    """What is put out: subject, preheader, HTML, text, block."""
    found: list[Output] = []
    for header in (shape.subject, shape.preheader):
        # Headers keep a mark's placeholder: nothing is ever filled into them.
        parts = [marks[part[1]] if not isinstance(part, str) and part[0] == "marks" else part for part in header.parts]
        found.append((Encoding.TEXT, parts))
    for body in (shape.html, shape.text, shape.block):
        if body.parts is None:
            return None
        found.append((body.encoding, body.parts))
    return found


class _Cutter:
    def __init__(
        self,
        outputs: Sequence[Output],
        slots: Sequence[Reference],
        contents: Sequence[Mapping[VariantId, Content]],
    ) -> None:
        self._outputs = outputs
        self._contents = contents
        self._pieces: dict[bytes, int] = {}
        self._marks: dict[str, int] = {}
        printed = list(
            dict.fromkeys((part, how) for how, parts in outputs for part in parts if not isinstance(part, str))
        )
        of_slots = [[one for one in printed if one[0][: len(slot)] == slot] for slot in slots]
        self._parts = [
            [(".".join(reference[len(slot) :]), how) for reference, how in found]
            for slot, found in zip(slots, of_slots, strict=True)
        ]
        self._fields = list(dict.fromkeys([*(one for one in printed if one[0][0] == "fields"), *self._spoken()]))
        self._arguments = {
            one: number for number, one in enumerate([*self._fields, *(one for found in of_slots for one in found)])
        }

    def _spoken(self) -> Iterator[Argument]:
        """The fields in variants' words."""
        for parts, of_slot in zip(self._parts, self._contents, strict=True):
            for content in of_slot.values():
                for part, how in parts:
                    for reference in content.parts(part):
                        if isinstance(reference, str):
                            continue
                        if reference[0] != "fields":
                            raise ConfigError(f"expected words that print fields, they print {'.'.join(reference)}")
                        yield reference, how

    def cut(self) -> Cut:
        """Do it."""
        outputs = [self._row(parts, how, str) for how, parts in self._outputs]
        bundles: list[tuple[Row, ...]] = []
        numbers: list[dict[VariantId, int]] = []
        for parts, of_slot in zip(self._parts, self._contents, strict=True):
            numbers.append({})
            for variant, content in of_slot.items() if parts else ():
                numbers[-1][variant] = len(bundles)
                bundles.append(tuple(self._row(content.parts(part), how, SHOWN[how]) for part, how in parts))
        whole = (outputs[0], outputs[1], outputs[2], outputs[3], outputs[4])
        plan = Plan(len(self._arguments), tuple(self._marks), whole, tuple(bundles))
        return Cut(
            (packed_plan(plan), *self._pieces),
            tuple((FieldName(reference[1]), SHOWN[how]) for reference, how in self._fields),
            self._places(),
            tuple(numbers),
        )

    def _places(self) -> tuple[tuple[Place, ...], ...]:
        numbers = count(len(self._fields))
        return tuple(tuple(Place(next(numbers), part, SHOWN[how]) for part, how in parts) for parts in self._parts)

    def _row(self, parts: Sequence[Part], how: Encoding, shown: Callable[[str], str]) -> Row:
        """References in the place of words, values and marks. `shown` writes words so that they may stand there."""
        row: list[int] = []
        for is_words, run in groupby(parts, key=lambda part: isinstance(part, str)):
            if is_words:
                words = "".join(part for part in run if isinstance(part, str))
                row += [3 * self._piece(shown(words).encode())] if words else []
            else:
                row += [self._reference(part, how) for part in run if not isinstance(part, str)]
        return tuple(row)

    def _piece(self, piece: bytes) -> int:
        """Where a piece stands; the first is the plan."""
        return self._pieces.setdefault(piece, len(self._pieces) + 1)

    def _reference(self, reference: Reference, how: Encoding) -> int:
        if reference[0] == "marks":
            return 3 * self._marks.setdefault(reference[1], len(self._marks)) + 2
        return 3 * self._arguments[reference, how] + 1
