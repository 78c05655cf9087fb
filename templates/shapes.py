"""Layouts and texts compiled: what is the same for everybody is made once, what differs is filled in.

A layout that does nothing but print values, as nearly all do, is a row of bytes with holes: filling it costs a
seventh of running it as a Jinja2 template, with the same result (`tests/property/test_shapes.py`). One with conditions
or filters runs in Jinja2.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jinja2
from jinja2 import nodes
from markupsafe import escape

from schemas.errors import ConfigError
from schemas.ids import FieldName, SlotName
from schemas.library import Layout
from templates.expressions import (
    HTML_ENVIRONMENT,
    TEXT_ENVIRONMENT,
    Fault,
    LayoutEnvironment,
    Pieces,
    Reference,
    faults_of,
    parse,
    pieces_of,
    reference_of,
    references,
)

LAYOUTS_KEPT = 256
"""Compiled layouts that are remembered over releases, most recently used first: about 100 KB each."""

Words = Mapping[str, str]
Values = Mapping[str, Any]
"""What a message is made of: `slots` by slot and part, `fields` by name, `marks` by name."""


class Body:
    """One body of a layout, HTML or text."""

    def __init__(self, source: str, environment: LayoutEnvironment) -> None:
        """Compile it.

        Raises:
            ConfigError: it holds what no compiler of ours would let through.
        """
        tree = parse(source, environment)
        fault = tree if isinstance(tree, Fault) else next(faults_of(tree), None)
        if isinstance(tree, Fault) or fault is not None:
            raise ConfigError(f"a layout of the release cannot be used: {fault.message if fault else ''}")
        self.references = frozenset(reference for reference, _ in references(tree))
        self.parts = _parts(tree)
        self.template: jinja2.Template = environment.from_string(tree)
        self.shown: Callable[[str], str] = _escaped if environment.autoescape else str


def _parts(tree: nodes.Template) -> tuple[str | Reference, ...] | None:
    """Words and references in turn; None where there is more than that."""
    parts: list[str | Reference] = []
    for node in tree.body:
        if not isinstance(node, nodes.Output):
            return None
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                parts.append(part.data)
                continue
            reference = reference_of(part)
            if reference is None:
                return None
            parts.append(reference)
    return tuple(parts)


def _escaped(value: str) -> str:
    return str(escape(value))


class Form:
    """A body made ready for one template of one release: send marks are in, slots and fields are holes.

    parts   bytes, empty at the holes
    slots   for each slot of the template, its holes: the index in `parts` and the slot's part shown there
    fields  the holes of fields: the index in `parts` and the name
    """

    def __init__(self, parts: Sequence[str | Reference], body: Body, slots: Sequence[SlotName], marks: Words) -> None:
        whole: list[str | Reference] = []
        for part in parts:
            known = body.shown(marks[part[1]]) if not isinstance(part, str) and part[0] == "marks" else part
            if isinstance(known, str) and whole and isinstance(whole[-1], str):
                whole[-1] += known
            else:
                whole.append(known)
        holes = [(index, part) for index, part in enumerate(whole) if not isinstance(part, str)]
        self.shown = body.shown
        self.parts = [part.encode() if isinstance(part, str) else b"" for part in whole]
        self.fields = [(index, FieldName(part[1])) for index, part in holes if part[0] == "fields"]
        self.slots = [[(index, part[2]) for index, part in holes if part[:2] == ("slots", slot)] for slot in slots]

    def of_person(self, fields: Mapping[FieldName, str]) -> list[bytes]:
        """The parts with a person's fields filled in."""
        parts = self.parts.copy()
        for index, name in self.fields:
            parts[index] = self.shown(fields[name]).encode()
        return parts

    def filling(self, slot: int, words: Words) -> list[tuple[int, bytes]]:
        """What goes where for a variant's words in a slot."""
        return [(index, self.shown(words[part]).encode()) for index, part in self.slots[slot]]


class Shape(NamedTuple):
    """A layout, compiled."""

    html: Body
    text: Body
    subject: Pieces
    preheader: Pieces

    @property
    def references(self) -> frozenset[Reference]:
        """All that it prints or asks for."""
        return frozenset(
            {*self.html.references, *self.text.references, *self.subject.references, *self.preheader.references}
        )


@lru_cache(maxsize=LAYOUTS_KEPT)
def compiled(layout: Layout) -> Shape:
    """Compile a layout. It is checked again: a release is only as trusted as the topic it came from.

    Raises:
        ConfigError: it holds what no compiler of ours would make.
    """
    html, text = Body(layout.html, HTML_ENVIRONMENT), Body(layout.text, TEXT_ENVIRONMENT)
    return Shape(html, text, text_pieces(layout.subject), text_pieces(layout.preheader))


def text_pieces(text: str) -> Pieces:
    """Cut a text of a release at its references.

    Raises:
        ConfigError: it does more than print values.
    """
    pieces = pieces_of(text)
    if isinstance(pieces, Fault):
        raise ConfigError(f"a text of the release cannot be used: {pieces.message}")
    return pieces


def joined(pieces: Pieces, values: Values) -> str:
    """A text with its values."""
    out = []
    for part in pieces.parts:
        if isinstance(part, str):
            out.append(part)
        else:
            value: Any = values
            for name in part:
                value = value[name]
            out.append(value)
    return "".join(out)
