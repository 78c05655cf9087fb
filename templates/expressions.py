"""The small part of Jinja2 that layouts and texts may use, and the sandbox in which layouts run.

Allowed: `{{ slots.hero.src }}`, `{{ fields.first_name }}`, `{{ marks.view_url }}`, `{{ texts.greeting }}`,
`{{ workspace.name }}`, `{{ locale }}`, `{{ subject }}`, `{{ preheader }}`,
`{{ disclosures }}`, `{{ disclosure.terms }}`; `{% if … %}` with `and`, `or`, `not`, `==`, `!=`; the filters of FILTERS.
Whatever else Jinja2 can do is refused when the workspace is checked, so that the sandbox is the second wall.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

FILTERS = ("upper", "lower", "capitalize", "trim")
ROOTS = {"slots": 2, "fields": 1, "marks": 1, "texts": 1, "workspace": 1, "locale": 0,
         "subject": 0, "preheader": 0, "disclosure": 1, "disclosures": 0}  # fmt: skip
"""What an expression may begin with, and how many names follow."""
BAKED = frozenset({"texts", "workspace", "locale", "subject", "preheader", "disclosures"})
"""Known at release: written into the layout, and therefore only as a plain `{{ … }}`."""

Reference = tuple[str, ...]
"""A root and the names after it: `("slots", "hero", "src")`."""


class Fault(NamedTuple):
    """What is wrong with an expression, and in which line of its source."""

    line: int
    message: str
    mend: str


class LayoutEnvironment(ImmutableSandboxedEnvironment):
    """Reads names of plain dicts and of nothing else: no attribute of any object is ever looked up."""

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=StrictUndefined, keep_trailing_newline=True, optimized=False)
        self.globals.clear()
        self.tests.clear()
        self.filters = {name: self.filters[name] for name in FILTERS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A value of a dict; an error for any other object."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return self._refused(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A value of a dict; an error for any other object."""
        if type(obj) is dict and argument in obj:
            return obj[argument]
        return self._refused(obj, argument)

    def _refused(self, obj: Any, name: Any) -> Any:
        if type(obj) is dict:
            return self.undefined(obj=obj, name=name)
        raise SecurityError(f"expected a name of slots, fields or marks, got one of {type(obj).__name__}")

    def call(self, *_args: Any, **_named: Any) -> Any:
        """Nothing is ever called from a layout."""
        raise SecurityError("expected a value in a layout, got a call")


HTML_ENVIRONMENT = LayoutEnvironment(autoescape=True)
TEXT_ENVIRONMENT = LayoutEnvironment(autoescape=False)

_NAME = re.compile("[a-z][a-z0-9_]*")
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Const, nodes.If,
    nodes.CondExpr, nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand, nodes.Filter,
)  # fmt: skip


def parse(source: str, environment: LayoutEnvironment = HTML_ENVIRONMENT) -> nodes.Template | Fault:
    """The syntax tree of a source, or why it has none."""
    try:
        return environment.parse(source)
    except TemplateSyntaxError as error:
        return Fault(error.lineno, f"Jinja2 cannot read this: {error.message}", "Mend the expression.")
    except RecursionError:
        return Fault(1, "Jinja2 cannot read this: it is nested too deep", "Write it flat.")


def reference_of(node: nodes.Node) -> Reference | None:
    """The names of a plain reference such as `slots.hero.src`; None for any other expression."""
    names: list[str] = []
    while isinstance(node, nodes.Getattr):
        names.append(node.attr)
        node = node.node
    return (node.name, *reversed(names)) if isinstance(node, nodes.Name) else None


def faults_of(tree: nodes.Template) -> Iterator[Fault]:
    """Everything in a tree that goes beyond the allowed part of Jinja2."""
    yield from _faults(tree, plain=False)


def _faults(node: nodes.Node, *, plain: bool) -> Iterator[Fault]:
    """`plain`: this node is printed as it is, not part of a larger expression."""
    if isinstance(node, nodes.Name | nodes.Getattr):
        yield from _reference_faults(node, plain=plain)
        return
    if not isinstance(node, _ALLOWED):
        what = type(node).__name__
        yield Fault(
            node.lineno or 1,  # jinja2 gives some nodes no line
            f"expected a plain value or {{% if %}}, got {what}",
            "Layouts may only print values, choose with {% if %}, and use " + ", ".join(FILTERS) + ".",
        )
        return
    if isinstance(node, nodes.Filter) and (node.name not in FILTERS or node.args or node.kwargs):
        yield Fault(node.lineno, f"the filter {node.name!r} is not allowed", f"Use {', '.join(FILTERS)}.")
    if isinstance(node, nodes.Operand) and node.op not in {"eq", "ne"}:
        yield Fault(node.lineno, f"the comparison {node.op!r} is not allowed", "Use == or !=.")
    for child in node.iter_child_nodes():
        yield from _faults(child, plain=isinstance(node, nodes.Output))
    if isinstance(node, nodes.Output):
        yield from _neighbour_faults(node)


def _reference_faults(node: nodes.Node, *, plain: bool) -> Iterator[Fault]:
    reference = reference_of(node)
    unnamed = reference is None or not all(_NAME.fullmatch(name) for name in reference)
    if reference is None or unnamed or len(reference) != ROOTS.get(reference[0], -1) + 1:
        shown = ".".join(reference) if reference else "this"
        yield Fault(
            node.lineno,
            f"{shown!r} names no value",
            "Write slots.SLOT.PART, fields.FIELD, marks.MARK, texts.TEXT, workspace.VALUE, locale, subject, preheader, "
            "disclosures.",
        )
    elif reference[0] in BAKED and not plain:
        yield Fault(
            node.lineno,
            f"{'.'.join(reference)!r} stands inside a larger expression",
            "It is known before any person is: print it plainly, {{ " + ".".join(reference) + " }}.",
        )


def _neighbour_faults(output: nodes.Output) -> Iterator[Fault]:
    """Two values without anything between could together spell what neither holds (a send mark)."""
    for left, right in zip(output.nodes, output.nodes[1:], strict=False):
        if not isinstance(left, nodes.TemplateData) and not isinstance(right, nodes.TemplateData):
            yield Fault(right.lineno, "two values stand side by side", "Put a space or a word between them.")


def references(tree: nodes.Node) -> Iterator[tuple[Reference, int]]:
    """Every plain reference in a tree, with its line."""
    reference = reference_of(tree)
    if reference is not None:
        yield reference, tree.lineno
        return
    for child in tree.iter_child_nodes():
        yield from references(child)


class Pieces(NamedTuple):
    """A text cut at its references: words and references in turn, as they stand."""

    parts: tuple[str | Reference, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references alone."""
        return tuple(part for part in self.parts if not isinstance(part, str))


def pieces_of(source: str) -> Pieces | Fault:
    """Cut a text that prints references and does nothing else: a variant's words, a subject.

    >>> pieces_of("Hi {{ fields.first_name }}!").parts
    ('Hi ', ('fields', 'first_name'), '!')
    """
    known = plain_parts(source)
    if known is not None and not any("{" in part for part in known if isinstance(part, str)):
        return Pieces(known)
    tree = parse(source)
    if isinstance(tree, Fault):
        return tree
    fault = next(faults_of(tree), None)
    if fault is not None:
        return fault
    parts: list[str | Reference] = []
    for node in tree.body:
        for part in node.nodes if isinstance(node, nodes.Output) else [node]:
            reference = reference_of(part)
            if reference is not None:
                parts.append(reference)
            elif not isinstance(part, nodes.TemplateData):
                return Fault(part.lineno, "a text may only print values", "Write {{ fields.NAME }} and words.")
            elif "{" in part.data:
                return Fault(part.lineno, "a text may not hold {", "Use another character: { begins Jinja2.")
            else:
                parts.append(part.data)
    return Pieces(tuple(parts))


class Span(NamedTuple):
    """One Jinja2 mark in a source: `source[start:end]`. `kind` is variable, block or comment."""

    kind: str
    start: int
    end: int
    reference: Reference | None
    """What a plain `{{ a.b.c }}` prints."""


_PLAIN = re.compile(r"(?<!\{)\{\{ *([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*) *\}\}")
_OTHER_MARK = re.compile(r"\{[{%#]|\r")


def plain_spans(source: str) -> list[Span] | None:
    """The same as `spans_of` for a source that prints plain references and does nothing else; None for another.

    Nearly all layouts are such, and Jinja2's lexer takes some milliseconds for each.
    """
    spans = [Span("variable", *found.span(), tuple(found[1].split("."))) for found in _PLAIN.finditer(source)]
    position = 0
    for span in (*spans, Span("", len(source), len(source), None)):
        # `}}` and `{` are words where no mark is open, for Jinja2 too.
        if _OTHER_MARK.search(source, position, span.start):
            return None
        position = span.end
    return spans


def plain_parts(source: str) -> tuple[str | Reference, ...] | None:
    """Words and references in turn, as they stand; None where a source does more, or has a fault: let `parse` tell."""
    spans = plain_spans(source)
    if spans is None:
        return None
    parts: list[str | Reference] = []
    position = 0
    for span in spans:
        reference = span.reference or ()
        side_by_side = span.start == position and bool(parts)
        if side_by_side or len(reference) != ROOTS.get(reference[0], -1) + 1:
            return None
        parts += [source[position : span.start], reference] if span.start > position else [reference]
        position = span.end
    return (*parts, source[position:]) if position < len(source) else tuple(parts)


def spans_of(source: str) -> list[Span]:
    """Where the Jinja2 marks of a source stand; the source must parse, and its lines end as Unix's do."""
    known = plain_spans(source)
    return _lexed_spans(source) if known is None else known


def _lexed_spans(source: str) -> list[Span]:
    spans: list[Span] = []
    position = start = 0
    names: list[str] = []
    plain = True
    for _, kind, value in HTML_ENVIRONMENT.lex(source):
        at = source.index(value, position)
        position = at + len(value)
        if kind.endswith("_begin"):
            start, names, plain = at, [], kind == "variable_begin"
        elif kind == "name" or (kind == "operator" and value == "."):
            names.append(value)
        elif kind.endswith("_end"):
            reference = tuple(names[::2]) if plain and names[1::2] == ["."] * (len(names) // 2) else None
            spans.append(Span(kind.removesuffix("_end"), start, position, reference))
        elif kind not in {"whitespace", "data", "comment"}:
            plain = False
    return spans


def replaced(source: str, spans: list[Span], replacement: Callable[[Span], str]) -> str:
    """The source with each span replaced."""
    out: list[str] = []
    position = 0
    for span in spans:
        out += [source[position : span.start], replacement(span)]
        position = span.end
    return "".join([*out, source[position:]])
