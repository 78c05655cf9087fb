"""A template's layout is MJML, or a whole HTML document that is kept as it is: checked and compiled alike."""

from selectolax.lexbor import LexborHTMLParser, LexborNode

from schemas.library import TemplateKind
from templates.blocks import compile_block
from templates.expressions import Fault, parse
from templates.html_reading import DEPTH_MAX
from templates.mjml_source import ElementChecker, check_mjml, compile_mjml, without_marks
from templates.sources import TemplateSource

_TOO_DEEP = Fault(1, f"the elements are nested too deep: over {DEPTH_MAX} in one another", "Write it flatter.")


class _HtmlChecker(ElementChecker):
    """HTML may leave elements open and close them out of order: readers mend that, in one way that is laid down."""

    def handle_endtag(self, tag: str) -> None:
        """Nothing to check."""


def check_layout(source: TemplateSource) -> list[tuple[int, int, str, str]]:
    """What is wrong with a layout's elements: line, column, message, mend. Jinja2 must parse already."""
    return check_html(source.mjml) if source.is_html else check_mjml(source.mjml)


def compile_layout(source: TemplateSource) -> str | Fault:
    """The HTML of a layout, of a block its JSON, with its Jinja2 marks as they were."""
    if source.template.kind is TemplateKind.BLOCK:
        return compile_block(source.mjml)
    compiled = compile_html(source.mjml) if source.is_html else compile_mjml(source.mjml)
    return compiled if isinstance(compiled, Fault) or not _is_too_deep(compiled) else _TOO_DEEP


def check_html(source: str) -> list[tuple[int, int, str, str]]:
    """What is wrong with the elements of a layout that is HTML."""
    checker = _HtmlChecker()
    checker.feed(without_marks(source))
    checker.close()
    if "html" not in checker.seen:
        checker.faults.append((1, 1, "there is no <html> element", "Write the layout as a whole HTML document."))
    return checker.faults


def compile_html(source: str) -> str | Fault:
    """The layout itself: HTML is sent as it was written."""
    tree = parse(source)
    return tree if isinstance(tree, Fault) else source


def _is_too_deep(source: str) -> bool:
    """Whether an element stands too deep in others, as readers close what is left open."""
    node: LexborNode | None = LexborHTMLParser(source).root
    depth = 0
    while node is not None and depth <= DEPTH_MAX:
        if node.child is not None:
            node, depth = node.child, depth + 1
            continue
        while node is not None and node.next is None:
            node, depth = node.parent, depth - 1
        node = None if node is None else node.next
    return depth > DEPTH_MAX
