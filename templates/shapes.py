"""Layouts and texts compiled: what a layout prints, and where.

A layout that does nothing but print values, as nearly all do, is a row of words and references, of which pieces are
made (`templates.cutting`). One with conditions or filters runs in Jinja2.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import jinja2
import msgspec
from jinja2 import nodes
from markupsafe import escape

from schemas.errors import ConfigError
from schemas.library import Layout
from templates.expressions import (
    HTML_ENVIRONMENT,
    TEXT_ENVIRONMENT,
    Fault,
    Pieces,
    Reference,
    faults_of,
    parse,
    pieces_of,
    plain_parts,
    reference_of,
    references,
)

LAYOUTS_KEPT = 256
"""Compiled layouts that are remembered over releases, most recently used first: about 100 KB each."""

Words = Mapping[str, str]
Values = Mapping[str, Any]
"""What a message is made of: `slots` by slot and part, `fields` by name, `marks` by name."""


class Encoding(StrEnum):
    """How a value is written into a body."""

    HTML = "html"
    TEXT = "text"
    JSON = "json"
    """Inside a string of JSON."""


def _in_html(value: str) -> str:
    return str(escape(value))


def _in_json(value: str) -> str:
    return msgspec.json.encode(value)[1:-1].decode()


SHOWN: Mapping[Encoding, Callable[[str], str]] = MappingProxyType(
    {Encoding.HTML: _in_html, Encoding.TEXT: str, Encoding.JSON: _in_json}
)
_ENVIRONMENTS = {
    Encoding.HTML: HTML_ENVIRONMENT,
    Encoding.TEXT: TEXT_ENVIRONMENT,
    # What values are in there is escaped when they are put in: by `SHOWN`, not by Jinja2.
    Encoding.JSON: TEXT_ENVIRONMENT,
}


class Body:
    """One body of a layout.

    parts  words and references in turn; None where there is more than that, which only Jinja2 can run
    """

    def __init__(self, source: str, encoding: Encoding) -> None:
        """Compile it.

        Raises:
            ConfigError: it holds what no compiler of ours would let through.
        """
        self.encoding = encoding
        self._source = source
        self.parts = plain_parts(source)
        if self.parts is None:
            tree = self._tree()
            self.parts = _parts(tree)
            self.references = frozenset(reference for reference, _ in references(tree))
        else:
            self.references = frozenset(part for part in self.parts if not isinstance(part, str))
        if self.parts is None and encoding is Encoding.JSON:
            raise ConfigError("a layout of the release cannot be used: a block does more than print values")

    def _tree(self) -> nodes.Template:
        tree = parse(self._source, _ENVIRONMENTS[self.encoding])
        fault = tree if isinstance(tree, Fault) else next(faults_of(tree), None)
        if isinstance(tree, Fault) or fault is not None:
            raise ConfigError(f"a layout of the release cannot be used: {fault.message if fault else ''}")
        return tree

    @cached_property
    def template(self) -> jinja2.Template:
        """The body as Jinja2 runs it. Compiling it takes some milliseconds, and few bodies need it."""
        return _ENVIRONMENTS[self.encoding].from_string(self._tree())


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


class Shape(NamedTuple):
    """A layout, compiled."""

    html: Body
    text: Body
    subject: Pieces
    preheader: Pieces
    block: Body

    @property
    def references(self) -> frozenset[Reference]:
        """All that it prints or asks for."""
        bodies = (self.html, self.text, self.block, self.subject, self.preheader)
        return frozenset(reference for body in bodies for reference in body.references)


@lru_cache(maxsize=LAYOUTS_KEPT)
def compiled(layout: Layout) -> Shape:
    """Compile a layout. It is checked again: a release is only as trusted as the topic it came from.

    Raises:
        ConfigError: it holds what no compiler of ours would make.
    """
    if layout.block and (layout.html or layout.text):
        raise ConfigError("a layout of the release cannot be used: expected a block or a message, got both")
    return Shape(
        Body(layout.html, Encoding.HTML),
        Body(layout.text, Encoding.TEXT),
        text_pieces(layout.subject),
        text_pieces(layout.preheader),
        Body(layout.block, Encoding.JSON),
    )


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
