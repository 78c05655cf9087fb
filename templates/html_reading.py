"""What reading a layout's HTML needs: Jinja2 marks out of the parser's way, and the tags that are never closed."""

import re

from templates.expressions import Span, replaced, spans_of

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())  # noqa: SIM905 - a sentence
DEPTH_MAX = 512
"""Elements in one another: browsers cut off what is deeper, and further on the compiler of MJML runs out of stack."""
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)|/>")
_OPEN, _CLOSE = "\ue000", "\ue001"
"""Private-use characters that stand around the number of a mark while HTML is read."""
NUMBER = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
"""What stands in the place of the mark `spans[int(found[1])]`."""


def numbered(source: str) -> tuple[str, str, list[Span]]:
    """The source without private-use characters, the same with numbers in the place of its marks, and the marks."""
    source = source.replace(_OPEN, "").replace(_CLOSE, "")
    spans = spans_of(source)
    numbers = iter(range(len(spans)))
    return source, replaced(source, spans, lambda _: f"{_OPEN}{next(numbers)}{_CLOSE}"), spans


def too_deep_mjml(source: str) -> int:
    """The line of the first element too deep in others, each of which is to be closed; 0 where none is."""
    depth, last = 0, ""
    for tag in _TAG.finditer(source):
        last = tag[2].lower() if tag[2] else last
        if last not in VOID:
            depth += -1 if tag[1] or not tag[2] else 1
        if depth > DEPTH_MAX:
            return source.count("\n", 0, tag.start()) + 1
    return 0
